"""`metrics.json`: an evaluated run."""

from math import inf
from typing import Any, ClassVar

from pydantic import field_validator, model_validator
from pydantic_core import PydanticCustomError

from rankdet.evaluation import registry
from rankdet.results.schemas.base import Metrics, Number, Part, Record
from rankdet.results.schemas.run import AtEpoch, Provenance, RunIdentity, TrainingSummary

CORRELATIONS = ("pearson", "spearman", "kendall")  # how names of metrics in [-1, 1] begin
IN_UNIT = ("AP", "AR", "oLRP", "LaECE")  # how those of metrics in [0, 1] begin
OUTSIDE = ("calibration", "operating_point", "bounds")  # parts of a record with more metrics
ROUNDING = 1e-9


class SparsityBin(Part):
    """Metrics over the images with `low` to `high` objects; `high` is None for the last bin."""

    low: int | None = None
    high: int | None = None
    images: int | None = None
    objects: int | None = None


class Intervals(Part):
    """Bootstrap intervals over images: metric to (low, high), None if it has no interval.

    Attributes:
        form: how the ends follow from the draws; None in records of version 0.2 and older, whose
            percentile intervals were too narrow.
        approximate: metrics whose interval contains the true value in less than 90% of samples.
    """

    level: Number | None = None
    form: str | None = None
    replicates: int | None = None
    approximate: list[str] | None = None
    metrics: dict[str, tuple[Number, Number] | None] | None = None


class ErrorBreakdown(Part):
    """TIDE's errors: what correcting each kind would gain, and how many there are."""

    ap_base: Number | None = None
    delta_ap: Metrics | None = None
    counts: dict[str, int] | None = None


class CalibrationBin(Part):
    """One bin of scores; `score`, `precision` and `iou` are None in a bin without detections."""

    low: Number
    high: Number
    detections: int
    score: Number | None
    precision: Number | None
    iou: Number | None


class Calibration(Part):
    """Calibration errors, and the bins that they are computed from."""

    bins: list[CalibrationBin] | None = None


class Measured(Part):
    """What is computed from boxes, or from masks."""

    metrics: Metrics
    per_class: dict[str, Metrics] | None = None
    bounds: dict[str, Metrics] | None = None
    sparsity: list[SparsityBin] | None = None
    calibration: dict[str, Any] | None = None
    intervals: Intervals | None = None
    errors: ErrorBreakdown | None = None
    counts: dict[str, int] | None = None
    notes: list[str] | None = None

    @field_validator("metrics")
    @classmethod
    def _in_range(cls, metrics: dict[str, Any]) -> dict[str, Any]:
        """An edited or damaged value would be shown as a result."""
        for name, value in metrics.items():
            low = -1 if name.startswith(CORRELATIONS) else 0
            known = low < 0 or name.startswith(IN_UNIT)
            if known and value is not None and not low - ROUNDING <= value <= 1 + ROUNDING:
                raise PydanticCustomError(
                    "rule", f"{name}: found {value:g}; it must be in [{low}, 1]"
                )
        return metrics

    @model_validator(mode="after")
    def _others_in_range(self) -> "Measured":
        """The same for the metrics that are in other parts of the record."""
        record = {key: self.get(key) for key in OUTSIDE}
        for metric in registry.METRICS:
            value = metric.value(record) if metric.steps[:1] != ("metrics",) else None
            low, high = metric.limits
            if isinstance(value, int | float) and not low - ROUNDING <= value <= high + ROUNDING:
                place, end = ".".join(metric.steps), "" if high == inf else f" and at most {high:g}"
                raise PydanticCustomError(
                    "rule", f"{place}: found {value:g}; it must be at least {low:g}{end}"
                )
        return self

    @field_validator("calibration")
    @classmethod
    def _whole_bins(cls, calibration: dict[str, Any] | None) -> dict[str, Any] | None:
        """The charts read all keys of a bin."""
        if calibration is not None:
            Calibration.model_validate(calibration)
        return calibration

    @property
    def detections_per_image(self) -> float | None:
        """Mean number of detections per image; None if it is not recorded."""
        counts = self.counts or {}
        return counts["detections"] / counts["images"] if counts.get("images") else None


class EvaluatedData(Part):
    """What a run was evaluated on."""

    name: str | None = None
    kind: str | None = None
    checksum: str | None = None
    split: str | None = None


class MetricsRecord(Measured, Record):
    """The metrics of boxes, those of masks under `segm`, and how the run was trained.

    Attributes:
        skipped: why nothing was evaluated, in one line; None if there are metrics.
    """

    SCHEMA: ClassVar[str] = "rankdet.metrics/1"

    skipped: str | None = None
    classes: dict[str, str] | None = None
    settings: dict[str, Any] | None = None
    segm: Measured | None = None
    run: RunIdentity | None = None
    status: str | None = None
    reason: str | None = None
    training: TrainingSummary | None = None
    at_epoch: AtEpoch | None = None
    provenance: Provenance | None = None
    dataset: EvaluatedData | None = None

    @model_validator(mode="after")
    def _named(self) -> "MetricsRecord":
        """Pages name the classes."""
        if self.classes is not None:
            for one in self.per_class or ():
                if one not in self.classes:
                    raise PydanticCustomError(
                        "rule", "classes: class {one} has no name", {"one": one}
                    )
        return self
