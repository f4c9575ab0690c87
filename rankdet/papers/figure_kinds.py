"""Kinds of figures: each is a file `analysis/figures/<kind>.py` that defines `FIGURE`.

`FIGURE` is a `FigureOfRuns`, drawn from the records of a study's runs, or a `ComputedFigure`, drawn
from a paper's own code without any run. A specification names its kind by `figure: <kind>`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from rankdet.charts.chart import Chart
from rankdet.errors import InputError
from rankdet.evaluation.units import finite
from rankdet.files import import_file, shown
from rankdet.papers.folders import figure_kinds
from rankdet.papers.run_values import RunValues
from rankdet.papers.spec import Column
from rankdet.results.records import RecordedRun
from rankdet.results.usable import other_data
from rankdet.suggest import choice


@dataclass(frozen=True)
class FigureOfRuns(RunValues):
    """A figure that is drawn from the records of runs.

    Attributes:
        read: a run's record; None if it is missing or cannot be drawn.
        charts: label to the records of its runs (one for each seed) to charts.
        summary: the records of one row to the values of its table, by metric.
        missing: the reason that is shown for a run without a record.
        theorems: values that a theorem gives for every iteration, so that one run decides a claim.
    """

    read: Callable[[RecordedRun], Any]
    charts: Callable[[Mapping[str, Sequence[Any]]], list[Chart]]
    summary: Callable[[Sequence[Any]], Mapping[str, float | int | None]]
    missing: str
    theorems: tuple[str, ...] = ()

    def unusable(self, run: RecordedRun, checksum: str | None) -> str | None:
        """Why a run cannot be drawn, in one line; None where it can."""
        if other := other_data(run, checksum):
            return other
        if self.read(run) is not None:
            return None
        return f"seed {run.seed}: {run.reason or self.missing}"

    def exact(self, metric: str) -> bool:
        """Whether a value needs no seeds, as one that a theorem gives for every iteration."""
        return metric in self.theorems

    def value(
        self, runs: Sequence[RecordedRun], column: Column, view: str
    ) -> tuple[float | None, float | None]:
        """The row's value in a column; without an interval, as one curve shows all seeds."""
        value = finite(self.summary([self.read(run) for run in runs])[column.metric])
        return None if value is None else value * column.scale, None


@dataclass(frozen=True)
class ComputedFigure:
    """A figure without runs.

    Attributes:
        charts: the module that the specification's `computed_by` names, to charts.
    """

    charts: Callable[[ModuleType], list[Chart]]


def figure_kind(name: str) -> FigureOfRuns | ComputedFigure:
    """Loads a kind of figure.

    Args:
        name: a file of `analysis/figures`, without `.py`.

    Raises:
        InputError: there is no such file, it has a fault, or it does not define `FIGURE`.
    """
    known = figure_kinds()
    if name not in known:
        raise InputError(f"figure {name!r} is unknown; {choice(name, known)}")
    kind = getattr(import_file(known[name]), "FIGURE", None)
    if not isinstance(kind, FigureOfRuns | ComputedFigure):
        raise InputError(
            f"{shown(known[name])}: FIGURE is missing; set it to a FigureOfRuns or ComputedFigure "
            "(rankdet.papers.figure_kinds)"
        )
    return kind
