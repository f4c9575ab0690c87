"""AP over the learning rate: how much the choice of the rate matters to a loss.

The runs at another rate are groups of a study with the `schedule_name` `rate-x<factor>`, such as
`rate-x0.25`, and the `lr_factor` of the same size.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from rankdet.charts.ap_curves import ap_over_logarithm
from rankdet.charts.chart import Chart, Series
from rankdet.papers.figure_kinds import FigureOfRuns
from rankdet.papers.values import metric_value
from rankdet.results.recorded_run import RecordedRun

NAME = re.compile(r"rate-x(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class AtRate:
    """One run: the factor on its learning rate, and its AP in [0, 1]."""

    factor: float
    ap: float


def read(run: RecordedRun) -> AtRate | None:
    """The run's AP and its factor, 1 without a named schedule; None without AP."""
    name = NAME.fullmatch(run.schedule)
    ap = metric_value(run, "AP")
    if ap is None or (run.schedule and not name):
        return None
    return AtRate(float(name[1]) if name else 1.0, ap)


def charts(series: Mapping[str, Sequence[AtRate]]) -> list[Chart]:
    """One curve for each loss: means over its seeds, with their range as a band.

    Without a second rate there is nothing to compare, and no chart.
    """
    if len({one.factor for records in series.values() for one in records}) < 2:
        return []
    curves = tuple(
        Series.of_points(name, ((one.factor, one.factor, 100 * one.ap) for one in records))
        for name, records in series.items()
    )
    alt = "AP at multiples of the learning rate"
    x_label = "learning rate, as a multiple of the study's"
    return [ap_over_logarithm("rates", alt, x_label, curves, "g")]


def summary(records: Sequence[AtRate]) -> dict[str, float]:
    """The mean over the seeds of one cell."""
    return {"AP": fmean(one.ap for one in records)}


FIGURE = FigureOfRuns(
    read=read,
    charts=charts,
    summary=summary,
    missing="it has no AP",
    schedules=True,
    needs="compares learning rates, and this study has runs at one rate; add groups with "
    "schedule_name: rate-x2 and lr_factor: 2",
)
