"""Kinds of figures: each is a file `analysis/figures/<kind>.py` that defines `FIGURE`.

A `FigureOfRuns` is drawn from the records of a study's runs, a `ComputedFigure` from code in the
paper's folder, without runs. A specification names its kind with `figure: <kind>`. A figure of runs
needs no specification: `rankdet.papers.comparison_charts` draws it for the losses of a detector.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from rankdet.charts.chart import Chart
from rankdet.errors import InputError
from rankdet.evaluation.units import finite
from rankdet.files import import_file, shown
from rankdet.papers.folders import figure_kinds
from rankdet.papers.run_values import RunValues
from rankdet.papers.spec import Column
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.status import STALE
from rankdet.results.unreadable import unreadable
from rankdet.results.usable import other_data
from rankdet.suggest import choice


@dataclass(frozen=True)
class FigureOfRuns(RunValues):
    """A figure that is drawn from the records of runs.

    Attributes:
        read: reads a run's record; None if it is missing or cannot be drawn.
        charts: makes charts from the labels and the records of their runs (one for each seed).
        summary: computes the values of a row, by metric, from the records of its runs; `no_values`
            for a kind that only compares losses.
        missing: the reason that is shown for a run without a record.
        theorems: metrics that a theorem gives for every iteration: one run decides a claim on them.
        across: whether one drawing shows the runs on all datasets of a study. Its horizontal axis
            is then a property of the data, and the figure cannot have claims.
        schedules: whether one curve shows the runs of a loss at all schedules. Its horizontal axis
            is then a property of the schedule.
        epochs: whether one curve shows a run also after the epochs whose weights it keeps.
        results: whether it shows means of results with their intervals, as tables do. Seeds that
            have barely learned then take no part.
        needs: why a kind has no chart of records that it can read, and what to do, in one line.
        file: name of the table of rows that `read` needs, `train.parquet` or `matches.parquet`: if
            it is damaged, this is the reason for a run without a record.
    """

    read: Callable[[RecordedRun], Any]
    charts: Callable[[Mapping[str, Sequence[Any]]], list[Chart]]
    summary: Callable[[Sequence[Any]], Mapping[str, float | int | None]]
    missing: str
    theorems: tuple[str, ...] = ()
    across: bool = False
    schedules: bool = False
    epochs: bool = False
    results: bool = False
    file: str = ""
    needs: str = "compares losses, and only one can be drawn; name two"

    def unusable(self, run: RecordedRun, checksum: str | None) -> str | None:
        """Why a run cannot be drawn, in one line; None if it can."""
        if other := other_data(run, checksum):
            return other
        if run.status == STALE:
            return f"seed {run.seed}: {run.reason}"
        if self.read(run) is not None:
            return None
        return f"seed {run.seed}: {self.why_not(run)}"

    def damage(self, run: RecordedRun) -> str | None:
        """What is wrong with the file of a run without a record, in one line; None if nothing."""
        return unreadable(run, self.file) if self.file and not run.main.reason else None

    def why_not(self, run: RecordedRun) -> str:
        """The reason why a run has no record, in one line."""
        return self.damage(run) or run.reason or self.missing

    def exact(self, metric: str) -> bool:
        """Whether a theorem gives the metric for every iteration, so that one seed is enough."""
        return metric in self.theorems

    def counted(self, runs: Sequence[RecordedRun], metric: str) -> list[RecordedRun]:
        """All runs: a figure shows how trainings go, also those that have barely learned.

        Without these if it shows means of results.
        """
        return [run for run in runs if run.learned or not self.results]

    def drawn(self, runs: Sequence[RecordedRun]) -> list[RecordedRun]:
        """Returns which runs of a loss are drawn: those that are counted; all if none is."""
        return self.counted(runs, "") or list(runs)

    def value(
        self, runs: Sequence[RecordedRun], column: Column, view: str
    ) -> tuple[float | None, float | None]:
        """The row's value in a column; it has no interval, because one curve shows all seeds."""
        value = finite(self.summary([self.read(run) for run in runs])[column.metric])
        return None if value is None else value * column.scale, None


def remembering(kind: FigureOfRuns) -> FigureOfRuns:
    """Returns the kind with functions that read each run, and compute each summary, once.

    It keeps the records, which a drawing needs together anyway.
    """
    records: dict[tuple[str, Path], Any] = {}
    summaries: dict[tuple[int, ...], tuple[Sequence[Any], Mapping[str, float | int | None]]] = {}

    def read(run: RecordedRun) -> Any:
        key = (run.key, run.folder)
        if key not in records:
            records[key] = kind.read(run)
        return records[key]

    def summary(found: Sequence[Any]) -> Mapping[str, float | int | None]:
        key = tuple(map(id, found))  # they are kept, so no other object gets their ids
        if key not in summaries:
            summaries[key] = (found, kind.summary(found))
        return summaries[key][1]

    return replace(kind, read=read, summary=summary)


def no_values(records: Sequence[Any]) -> dict[str, float | int | None]:
    """The summary of a kind whose figures have no table."""
    return {}


@dataclass(frozen=True)
class ComputedFigure:
    """A figure without runs.

    Attributes:
        charts: makes charts from the module that the specification names in `computed_by`.
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
