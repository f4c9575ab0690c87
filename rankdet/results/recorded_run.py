"""A run on disk: what was planned of it, its records and evaluations, or why it has none."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rankdet.evaluation import registry
from rankdet.results.layout import SPEED, variant_folder
from rankdet.results.learning import BARELY_LEARNED, LEARNED_AP50
from rankdet.results.schemas.failure import FailureRecord
from rankdet.results.schemas.metrics import Measured, MetricsRecord, SparsityBin
from rankdet.results.schemas.plan import PlanRun
from rankdet.results.schemas.run import Provenance, RunRecord, TrainingSummary
from rankdet.results.schemas.sweep import SpeedRecord
from rankdet.results.status import DIVERGED, STALE, read_metrics


@dataclass(frozen=True)
class Evaluation:
    """One run on one split: its `metrics.json`, or the reason why there is none.

    Attributes:
        split: name of the split.
        folder: folder of the detections, matches and metrics of this split.
        record: the file's content; None if it cannot be used.
        reason: why there is no `record`, in one line; None if there is one.
    """

    split: str
    folder: Path
    record: MetricsRecord | None
    reason: str | None

    @cached_property
    def speed(self) -> SpeedRecord | None:
        """The speed of inference; None if it is unknown or the run diverged."""
        usable = self.record is not None and self.record.status != DIVERGED
        return SpeedRecord.read(self.folder / SPEED)[0] if usable else None

    @property
    def masks(self) -> Measured | None:
        """The part of the record about masks; None if the detections have no masks."""
        return self.record.segm if self.record else None

    @property
    def content(self) -> Mapping[str, Any]:
        """All that is recorded about boxes: `metrics.json` and `speed`."""
        if self.record is None:
            return {}
        return {**self.record.to_dict(), "speed": self.speed.to_dict() if self.speed else {}}

    @cached_property
    def metrics(self) -> Mapping[str, float | None]:
        """Metric key to value in the record's unit, such as AP in [0, 1]; None if undefined."""
        return registry.values(self.content)

    @cached_property
    def mask_metrics(self) -> Mapping[str, float | None]:
        """The same for masks; empty if the detections have no masks."""
        return registry.values(self.masks.to_dict()) if self.masks else {}

    @property
    def per_class(self) -> Mapping[str, Mapping[str, float | None]]:
        """Category id (as text) to that category's metrics."""
        return (self.record and self.record.per_class) or {}

    @property
    def class_names(self) -> Mapping[str, str]:
        """Category id (as text) to its name."""
        return (self.record and self.record.classes) or {}

    @property
    def detections_per_image(self) -> float | None:
        """Mean number of detections per image."""
        return self.record.detections_per_image if self.record else None

    @property
    def sparsity(self) -> list[SparsityBin]:
        """The metrics by number of objects in an image."""
        return (self.record and self.record.sparsity) or []


@dataclass(frozen=True)
class RecordedRun:
    """One dataset × detector × loss × seed, as planned and as found on disk.

    Attributes:
        planned: its entry in the plan.
        folder: its folder.
        status: one of `rankdet.results.status.STATUSES`.
        reason: why it is not `trained`, in one line.
        record: its `run.json`; None if it cannot be used.
        evaluations: on each planned split, the main split first.
        failure: its last failed job.
        learned_ap50: AP50 in [0, 1] from which a training of its study has learned.
    """

    planned: PlanRun
    folder: Path
    status: str
    reason: str | None
    record: RunRecord | None
    evaluations: tuple[Evaluation, ...]
    failure: FailureRecord | None = None
    learned_ap50: float = LEARNED_AP50

    @property
    def key(self) -> str:
        """Its folder below the study's."""
        return self.planned.key

    @property
    def dataset(self) -> str:
        """Name of its dataset."""
        return self.planned.dataset

    @property
    def detector(self) -> str:
        """Name of its detector."""
        return self.planned.detector

    @property
    def backbone(self) -> str:
        """Name of its backbone; empty for the detector's default."""
        return self.planned.backbone

    @property
    def loss(self) -> str:
        """Its loss without the variants."""
        return self.planned.loss

    @property
    def variant(self) -> str:
        """The variants of its loss, joined by `+`."""
        return self.planned.variant

    @property
    def full_loss(self) -> str:
        """The loss with its variants, as in the run's folder: `alrp+iou+no-sb`."""
        return f"{self.loss}+{self.variant}" if self.variant else self.loss

    @property
    def seed(self) -> int:
        """Its seed."""
        return self.planned.seed

    @property
    def schedule(self) -> str:
        """The paper's schedule; empty for the study's schedule."""
        return self.planned.schedule

    @property
    def kept_epochs(self) -> tuple[str, ...]:
        """Names of the epochs, such as `50-of-100`, after which it keeps its weights."""
        return self.planned.kept_epochs

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings of its schedule that the plan lists."""
        return self.planned.settings

    @property
    def tuning(self) -> str:
        """How its learning rate was chosen, in words; empty if it is unknown or not trained."""
        return self.planned.tuning

    @property
    def test_variants(self) -> tuple[str, ...]:
        """Names of its other tests."""
        return self.planned.test_variants

    @property
    def score_thresholds(self) -> tuple[float, ...]:
        """Score thresholds at which it is also evaluated."""
        return self.planned.score_thresholds

    @property
    def untrained(self) -> bool:
        """Whether this is a detector before training."""
        return self.planned.untrained

    @property
    def imported(self) -> bool:
        """Whether its detections were made elsewhere."""
        return self.planned.imported

    @property
    def learned(self) -> bool:
        """Whether it takes part in verdicts: its training is not known to have barely learned."""
        return self.status != BARELY_LEARNED

    @property
    def main(self) -> Evaluation:
        """The evaluation on the study's main split."""
        return self.evaluations[0]

    def further(self, test: str) -> Evaluation:
        """Another test of the run on the main split, by its name in the plan."""
        folder = self.folder / variant_folder(test)
        if test not in self.test_variants:
            return Evaluation(self.main.split, folder, None, "not among this run's tests")
        if self.status == STALE:
            return Evaluation(self.main.split, folder, None, self.reason)
        found = read_metrics(folder, self.failure, self.planned.hashes)
        return Evaluation(self.main.split, folder, *found)

    @property
    def training(self) -> TrainingSummary:
        """Iterations, seconds, memory and device of the training; all None if unknown."""
        return (self.record and self.record.training) or TrainingSummary()

    @property
    def provenance(self) -> Provenance:
        """Commit, hashes, versions and hardware of the training; all None if unknown."""
        return (self.record and self.record.provenance) or Provenance()

    def title(self, part: str) -> str:
        """The display title of "dataset", "detector" or "loss"."""
        names = {"dataset": self.dataset, "detector": self.detector, "loss": self.full_loss}
        return self.planned.titles.get(part) or names[part]
