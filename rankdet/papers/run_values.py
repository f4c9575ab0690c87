"""Reads the cells of a table from runs."""

from collections.abc import Sequence

from rankdet.evaluation.intervals import mean_over_seeds
from rankdet.papers.spec import Column
from rankdet.papers.values import metric_value, problem
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.usable import unusable

OF_TRAINING = ("training.", "schedule.")  # beginnings of metrics that do not need a good model


class RunValues:
    """Reads the cells of a table: metrics of the main split, averaged over the seeds."""

    def unusable(self, run: RecordedRun, checksum: str | None) -> str | None:
        """Why a run's numbers cannot be shown, in one line; None if they can."""
        return unusable(run, checksum)

    def unviewable(self, runs: Sequence[RecordedRun], view: str) -> str | None:
        """Why usable runs do not have a view, in one line; None if they have it."""
        return next(filter(None, (problem(run, view) for run in runs)), None)

    def counted(self, runs: Sequence[RecordedRun], metric: str) -> list[RecordedRun]:
        """The runs that take part in means and verdicts: those that have learned.

        What training itself costs or was set to (`training.`, `schedule.`) counts in every run.
        """
        return [run for run in runs if run.learned or metric.startswith(OF_TRAINING)]

    def value(
        self, runs: Sequence[RecordedRun], column: Column, view: str
    ) -> tuple[float | None, float | None]:
        """Value and half-width of its interval, in printed units; None where undefined."""
        values = [metric_value(run, column.metric, view) for run in runs]
        return mean_over_seeds([None if v is None else v * column.scale for v in values])

    def exact(self, metric: str) -> bool:
        """Whether a metric is a setting, so that one seed is enough for a claim."""
        return metric.startswith("schedule.") or metric == "training.epochs"
