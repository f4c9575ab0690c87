"""`cost.json`: what the losses of a study cost in time and memory."""

from typing import Any, ClassVar

from rankdet.results.schemas.base import Number, Part, Record


class CostTitles(Part):
    """Display titles of a detector and a loss."""

    detector: str
    loss: str


class CostRow(Part):
    """One detector with one loss; milliseconds, seconds and MB, None if not measurable.

    Attributes:
        loss_ms: forward and backward of the criterion alone.
        loss_memory_mb: what the criterion alone adds.
        iteration_s: forward, backward and step of the optimiser.
        memory_mb: peak in an iteration.
        positives: their number in the batch.
        logits: their number in the batch.
        rounds: the rounds whose best times these are; fewer than in the settings if the
            measurement was stopped.
    """

    detector: str
    loss: str
    titles: CostTitles
    loss_ms: Number
    loss_memory_mb: Number | None = None
    iteration_s: Number
    memory_mb: Number | None = None
    positives: int | None = None
    logits: int | None = None
    rounds: int | None = None


class CostSettings(Part):
    """The settings of the measurement.

    Attributes:
        clock: `processor time` of the process, or `wall time`.
    """

    preset: str | None = None
    image_size: int | list[int] | None = None
    batch_size: int | None = None
    classes: int | None = None
    rounds: int | None = None
    threads: int | None = None
    clock: str | None = None


class CostRecord(Record):
    """The file `cost.json`."""

    SCHEMA: ClassVar[str] = "rankdet.cost/1"

    settings: CostSettings
    rows: list[CostRow]
    hardware: dict[str, Any]
    versions: dict[str, str] | None = None
    when: str | None = None
