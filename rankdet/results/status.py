"""The status of a run, with its reason: decided here, for the report and for `rankdet plan`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rankdet.results.failures import failure
from rankdet.results.layout import METRICS, PROGRESS, RUN, WORK
from rankdet.results.learning import BARELY_LEARNED, LEARNED_AP50, TRAINED, judged
from rankdet.results.older import older_evaluation
from rankdet.results.schemas.base import has_no_file
from rankdet.results.schemas.failure import FailureRecord
from rankdet.results.schemas.metrics import MetricsRecord
from rankdet.results.schemas.run import RunRecord
from rankdet.results.staleness import stale

UNTRAINED, DIVERGED = "untrained", "diverged"
GIVEN = "given checkpoint"  # its weights come from a file, and nothing was trained
IMPORTED = "imported"  # its detections come from a file
FAILED, NOT_EVALUATED, NOT_RUN = "failed", "not evaluated", "not run"
STALE = "stale"  # older than the plan: its numbers are not shown
WITHOUT_NUMBERS = (FAILED, STALE, NOT_EVALUATED)  # there are files of the run
WITHOUT_RESULTS = (*WITHOUT_NUMBERS, NOT_RUN)
STATUSES = (TRAINED, GIVEN, IMPORTED, UNTRAINED, BARELY_LEARNED, DIVERGED, *WITHOUT_RESULTS)


@dataclass(frozen=True)
class RunStatus:
    """The status of a run, with its records.

    Attributes:
        status: one of `STATUSES`.
        reason: why it is not `trained`, in one line; None if it needs no reason.
        record: its `run.json`; None if it cannot be used.
        metrics: its `metrics.json` on the main split; None if it cannot be used.
        problem: why there are no metrics, in one line; None if there are.
        failure: its last failed job, also one after the evaluation; None if no job failed.
    """

    status: str
    reason: str | None
    record: RunRecord | None
    metrics: MetricsRecord | None
    problem: str | None
    failure: FailureRecord | None

    @property
    def text(self) -> str:
        """The status in a few words: `not run yet`, `trained, AP 41.5`, `failed: <reason>`."""
        if self.status == FAILED:
            return f"{FAILED}: {self.reason}"
        if self.metrics is None:
            return self.reason or self.status
        ap = self.metrics.metrics.get("AP")
        text = self.status if ap is None else f"{self.status}, AP {100 * ap:.1f}"
        return f"{text}; failed after that: {self.failure.reason}" if self.failure else text


def run_status(
    folder: Path, learned_ap50: float = LEARNED_AP50, planned: Mapping[str, str] | None = None
) -> RunStatus:
    """Returns the status of a run from the files in its folder.

    Args:
        folder: the run's folder, `results/<study>/<run key>`.
        learned_ap50: AP50 in [0, 1] from which a training has learned, of the study.
        planned: the hashes of the plan, with which those of the record are compared; None if they
            are not known.
    """
    record, problem = RunRecord.read(folder / RUN)
    status: str
    reason: str | None
    last_failure = failure(folder)
    metrics, no_metrics = read_metrics(folder, last_failure)
    if last_failure and (metrics is None or record is None or last_failure.in_training):
        status, reason = FAILED, last_failure.reason
        metrics, no_metrics = None, f"failed: {reason}"
    elif older := _older(folder, planned, record):
        status, reason = STALE, older
        metrics, no_metrics = None, older
    elif record is None:
        status, reason = (NOT_RUN, _progress(folder)) if has_no_file(problem) else (FAILED, problem)
        if metrics is not None:  # nobody knows what they were made from
            metrics, no_metrics = None, f"{RUN} of its training is missing or cannot be read"
    elif metrics is None and record.status != DIVERGED:
        status, reason = NOT_EVALUATED, f"{record.status}, {no_metrics}"
    else:
        found = metrics.metrics if metrics else {}
        status, reason = judged(record.status, record.reason, found, learned_ap50)
    return RunStatus(status, reason, record, metrics, no_metrics, last_failure)


def _older(folder: Path, planned: Mapping[str, str] | None, record: RunRecord | None) -> str | None:
    if planned is None:
        return None
    if older := stale(folder, planned, record):
        return older
    found = older_evaluation(folder, planned)
    return found.reason if found else None


def read_metrics(
    folder: Path,
    last_failure: FailureRecord | None,
    planned: Mapping[str, str] | None = None,
) -> tuple[MetricsRecord | None, str | None]:
    """Reads the `metrics.json` in a folder.

    Args:
        folder: the folder of a run, or of one of its other evaluations.
        last_failure: the run's last failed job, which explains a missing file.
        planned: the hashes of the plan: older metrics are not read; None reads them.

    Returns:
        The record and None, or None and the problem in one line.
    """
    if planned is not None and (older := older_evaluation(folder, planned)):
        return None, older.reason
    metrics, problem = MetricsRecord.read(folder / METRICS)
    if has_no_file(problem):
        problem = f"failed: {last_failure.reason}" if last_failure else "not evaluated yet"
    if metrics and metrics.skipped:
        return None, metrics.skipped
    return metrics, problem


def _progress(folder: Path) -> str:
    work = folder / WORK
    if not work.is_dir() or not any(work.iterdir()):
        return "not run yet"
    try:
        with (work / PROGRESS).open(encoding="utf-8") as rows:
            return f"started, at iteration {sum(1 for _ in rows)}"
    except OSError:
        return "started, not finished yet"
