"""AP over the ratio of negatives to positives, on all data of a study.

The ratio is that of instances (anchors, points) in the record of the training, averaged over the
iterations of the first epoch that have a positive: Rank & Sort Loss (Oksuz et al., ICCV 2021),
supplement, Table S7.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from rankdet.charts.ap_curves import ap_over_logarithm
from rankdet.charts.chart import Chart, Series
from rankdet.evaluation.units import finite
from rankdet.papers.figure_kinds import FigureOfRuns
from rankdet.papers.values import metric_value
from rankdet.results.recorded_run import RecordedRun


@dataclass(frozen=True)
class OnData:
    """One run: its dataset, its negatives for each positive, and AP in [0, 1]."""

    dataset: str
    ratio: float
    ap: float


def read(run: RecordedRun) -> OnData | None:
    """The run's AP and ratio; None without one of them."""
    ratio, ap = finite(run.training.get("instance_ratio")), metric_value(run, "AP")
    return None if ratio is None or ap is None or ratio <= 0 else OnData(run.dataset, ratio, ap)


def charts(series: Mapping[str, Sequence[OnData]]) -> list[Chart]:
    """Dots for each loss, one for each dataset, with the range over the seeds as a bar.

    They are not joined: the datasets differ in more than this ratio, and some have the same one.

    Args:
        series: label to the records of its runs on all datasets.
    """
    curves = tuple(
        replace(
            Series.of_points(name, ((one.dataset, one.ratio, 100 * one.ap) for one in records)),
            dots=True,
            marked=False,
        )
        for name, records in series.items()
    )
    alt, x_label = "AP over negatives for each positive", "negatives for each positive"
    return [ap_over_logarithm("imbalance", alt, x_label, curves, ".0f")]


def summary(records: Sequence[OnData]) -> dict[str, float]:
    """Means over the seeds."""
    return {"AP": fmean(one.ap for one in records), "ratio": fmean(one.ratio for one in records)}


FIGURE = FigureOfRuns(
    read=read,
    charts=charts,
    summary=summary,
    missing="it has no AP or no ratio of negatives to positives",
    across=True,
)
