"""A run with everything that its jobs need; `rankdet.study.resolve` makes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rankdet.results.course import LENGTH
from rankdet.study import hashes
from rankdet.study.model import Model
from rankdet.study.runs import Run
from rankdet.suggest import merged_by_type


@dataclass(frozen=True, kw_only=True)
class ResolvedRun(Run):
    """A run with everything that its jobs need.

    Attributes:
        preset: `small` or `full`.
        model: The detector and the loss.
        schedule: The schedule, with one learning rate `lr` if the run is trained.
        test: The settings of the run's main test.
        titles: `dataset`, `detector` and `loss`, for readers.
        hashes: What the training depends on: `config`, `code` and `loss`. The data's checksum is
            added when a job runs.
        first_weights: First digits of the hash of the weights that the training starts from; empty
            for initial weights of its own. `hashes.config` contains all of it.
        gpu_note: The GPUs that were chosen and what differs, if they are as published or fewer
            than asked for; else empty.
    """

    preset: str
    model: Model
    schedule: Mapping[str, Any]
    test: Mapping[str, Any]
    titles: Mapping[str, str]
    hashes: Mapping[str, str]
    first_weights: str = ""
    gpu_note: str = ""
    _tested: dict[Any, tuple["ResolvedRun", str]] = field(
        default_factory=dict, compare=False, repr=False
    )  # hashes of tests, which runs share that differ in their seed alone

    @property
    def gpus(self) -> int:
        """How many GPUs (processes) train the run."""
        return int(self.schedule.get("gpus", 1))

    @property
    def predicts_masks(self) -> bool:
        """Whether the run's detector predicts masks."""
        return self.model.predicts_masks

    @property
    def rest_hash(self) -> str:
        """What the settings of the training are apart from its length, as `hashes.config`."""
        rest = {key: value for key, value in self.schedule.items() if key not in LENGTH}
        own = hashes.config_hash(self.model.detector_spec, self.preset, rest)
        return hashes.digest(own, self.first_weights)

    def test_settings(
        self, variant: str | None = None, threshold: str | float | None = None
    ) -> dict[str, Any]:
        """Returns the settings of one test of the run.

        Args:
            variant: One of `test_variants`; None for the main test.
            threshold: Another lowest score before NMS.
        """
        change = dict(self.test_variants)[variant].model_dump(exclude_none=True) if variant else {}
        found = merged_by_type(self.test, change)
        return found if threshold is None else {**found, "score_threshold": float(threshold)}

    def test_hash(self, variant: str | None = None, threshold: str | float | None = None) -> str:
        """Returns what detections depend on, apart from the model's weights and the data.

        A study asks several times for each run, so it is computed once for all seeds.
        """
        parts = (self.model, self.schedule, self.test, self.test_variants)
        key = (*map(id, parts), variant, threshold)
        if key not in self._tested:  # the run keeps these objects, so no other one gets their ids
            self._tested[key] = (self, self._test_hash(variant, threshold))
        return self._tested[key][1]

    def _test_hash(self, variant: str | None, threshold: str | float | None) -> str:
        size = {"image_size": self.schedule["image_size"]}
        spec, test = self.model.detector_spec, self.test_settings(variant, threshold)
        code = [hashes.model_code_hash("predict", spec)]
        if test.get("thresholds") == "lrp":
            code.append(hashes.step_hash("thresholds"))
        return hashes.digest(code, test, hashes.config_hash(spec, self.preset, size))
