"""`work/failure.json`: why a run's last job failed."""

from typing import ClassVar

from rankdet.results.schemas.base import Record


class FailureRecord(Record):
    """A failure.

    Attributes:
        job: the job and its run, `train shapes/retinanet/ap/seed1`.
        reason: what went wrong, in one line.
        when: UTC, ISO 8601.
    """

    SCHEMA: ClassVar[str] = "rankdet.failure/1"

    status: str = "failed"
    job: str = ""
    reason: str = "no reason was recorded"
    when: str | None = None

    @property
    def in_training(self) -> bool:
        """Whether the training failed, so that all other files are from an earlier training."""
        return self.job.startswith("train ")
