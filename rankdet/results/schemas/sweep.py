"""`speed.json` and `sweep.json`: inference speed, and metrics over score thresholds."""

from typing import Any, ClassVar

from rankdet.results.schemas.base import Metrics, Number, Part, Record
from rankdet.results.schemas.metrics import EvaluatedData
from rankdet.results.schemas.run import RunIdentity


class Speed(Part):
    """Speed of inference, one image at a time; the first images are left out."""

    device: str | None = None
    hardware: dict[str, Any] | None = None
    images: int | None = None
    seconds_per_image: Number | None = None
    images_per_second: Number | None = None


class SpeedRecord(Speed, Record):
    """The file `speed.json`."""

    SCHEMA: ClassVar[str] = "rankdet.speed/1"


class SweepRow(Part):
    """A run at one score threshold; `segm` are the metrics of masks, if there are any."""

    score_threshold: Number
    detections_per_image: Number | None = None
    metrics: Metrics
    segm: Metrics | None = None
    speed: Speed


class SweepRecord(Record):
    """The file `sweep.json`; its rows are by ascending threshold."""

    SCHEMA: ClassVar[str] = "rankdet.sweep/1"

    run: RunIdentity | None = None
    status: str | None = None
    reason: str | None = None
    dataset: EvaluatedData | None = None
    rows: list[SweepRow]

    def row(self, threshold: float) -> SweepRow | None:
        """Returns the row of a threshold; None if it has no row."""
        same = (row for row in self.rows if abs(row.score_threshold - threshold) < 1e-12)
        return next(same, None)
