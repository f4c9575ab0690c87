"""The curves of a comparison page: the kinds of figures that `rankdet figure` draws, as SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from markupsafe import Markup

from rankdet.charts.chart import Chart
from rankdet.charts.looks import with_looks
from rankdet.charts.svg import chart_svg
from rankdet.errors import InputError
from rankdet.evaluation.units import digits_that_show
from rankdet.papers.figure_kinds import FigureOfRuns, figure_kind
from rankdet.results.recorded_run import RecordedRun

CLASSES = "class_differences"
CURVES = {  # kind to its title; charts that another kind shows too are left out
    "precision_recall": "Precision over recall",
    "lrp_thresholds": "LRP, precision and recall over the score threshold",
    "calibration": "Calibration of the scores",
    "learning_curves": "Learning curves",
    "gradient_balance": "Balance of the gradients",
}
SHOWN_TWICE = {("gradient_balance", "loss")}  # the same curves are in learning_curves

Losses = Mapping[str, Sequence[RecordedRun]]  # label of a loss to its runs, one for each seed


@dataclass(frozen=True)
class Curves:
    """The charts of one kind.

    Attributes:
        kind: name of the kind, as `rankdet figure` takes it.
        title: its title.
        svgs: its charts.
        left_out: losses and seeds without a record, with the reason.
    """

    kind: str
    title: str
    svgs: tuple[Markup, ...]
    left_out: tuple[tuple[str, str], ...]


class Records:
    """Reads what kinds of figures draw; kinds that read the same share it.

    Args:
        losses: the losses.
        looks: label of a loss to its look.

    Attributes:
        damaged: a line for each file that cannot be read.
    """

    def __init__(self, losses: Losses, looks: Mapping[str, int]) -> None:
        self._losses, self.looks = losses, looks
        self._read: dict[tuple[Any, str], Any] = {}
        self.damaged: list[str] = []

    def of(self, kind: FigureOfRuns) -> tuple[dict[str, list[Any]], list[tuple[str, str]]]:
        """Returns the records of each loss, and what is without any, with the reason.

        That is a loss, or a seed of a loss that has records of other seeds.
        """
        found, without = {}, []
        for label, every in self._losses.items():
            runs = kind.drawn(every)
            records = [one for run in runs if (one := self._one(kind, run)) is not None]
            lost = [run for run in runs if self._one(kind, run) is None]
            damaged = {run.key: self._damage(kind, run) for run in lost}
            if records:
                found[label] = records
                each = [(run, damaged[run.key] or kind.missing) for run in lost]
                without += [(f"{label}, seed {run.seed},", why) for run, why in each]
            else:
                whys = [*dict.fromkeys(filter(None, damaged.values()))]
                without.append((label, "; ".join(whys) or kind.missing))
        return found, without

    def _damage(self, kind: FigureOfRuns, run: RecordedRun) -> str | None:
        line = kind.damage(run)
        if line and line not in self.damaged:
            self.damaged.append(line)
        return line

    def _one(self, kind: FigureOfRuns, run: RecordedRun) -> Any:
        key = (kind.read, run.key)
        if key not in self._read:
            self._read[key] = kind.read(run)
        return self._read[key]


def curves(records: Records) -> list[Curves]:
    """Returns the charts of every kind that has a record; a file that is damaged has none."""
    found = []
    for name, title in CURVES.items():
        kind = _kind(name)
        if kind is None:
            continue
        known, without = records.of(kind)
        every = kind.charts(known) if known else []
        charts = [with_looks(c, records.looks) for c in every if (name, c.name) not in SHOWN_TWICE]
        svgs = tuple(Markup(chart_svg(one, f"compare-{name}")) for one in charts)
        if known or any(why != kind.missing for _, why in without):
            found.append(Curves(name, title, svgs, tuple(without)))
    return found


def class_chart(records: Records, shown: Sequence[str]) -> Markup | None:
    """Returns the chart of the differences by class; None if a loss has no values of classes.

    Args:
        records: the records.
        shown: labels of the losses, the reference first.
    """
    kind = _kind(CLASSES)
    known = records.of(kind)[0] if kind else {}
    if kind is None or shown[0] not in known or len(known) < 2:
        return None
    charts = kind.charts({label: known[label] for label in shown if label in known})
    return Markup(chart_svg(with_looks(charts[0], records.looks), "compare")) if charts else None


@dataclass(frozen=True)
class ClassDifference:
    """AP × 100 of a class with one loss minus that with another; None where undefined.

    Numbers have four decimals, for the page and its script alike: both print them.
    """

    value: float | None
    low: float | None
    high: float | None


def class_differences(records: Records) -> dict[tuple[str, str], dict[str, ClassDifference]]:
    """Returns (reference, loss) to the differences by class, as the chart shows them."""
    kind = _kind(CLASSES)
    known = records.of(kind)[0] if kind else {}
    found: dict[tuple[str, str], dict[str, ClassDifference]] = {}
    for a, b in combinations(known, 2):
        assert kind is not None
        for chart in kind.charts({a: known[a], b: known[b]}):
            found[a, b] = _differences(chart)
            found[b, a] = {name: _reversed(one) for name, one in found[a, b].items()}
    return found


def _differences(chart: Chart) -> dict[str, ClassDifference]:
    (dots,) = chart.series
    assert dots.low is not None and dots.high is not None
    ends = zip(dots.x.tolist(), dots.low.tolist(), dots.high.tolist(), strict=True)
    known = (ClassDifference(*map(_short, three)) for three in ends)
    return dict(zip(chart.rows, known, strict=True))


def _short(value: float) -> float | None:
    """The value with four decimals, or more if 0 would be left of it; None for NaN."""
    return None if math.isnan(value) else round(value, digits_that_show(value, 4))


def _reversed(one: ClassDifference) -> ClassDifference:
    value, low, high = (None if v is None else -v for v in (one.value, one.high, one.low))
    return ClassDifference(value, low, high)


def _kind(name: str) -> FigureOfRuns | None:
    try:
        kind = figure_kind(name)
    except InputError:  # a study may be shown by a copy without this file
        return None
    return kind if isinstance(kind, FigureOfRuns) else None
