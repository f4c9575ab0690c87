"""Builds the parts of a run from its spec, without data and without memory for weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.config import ConfigDict
from torch import nn

from rankdet.results import course
from rankdet.training import config, transforms

CLASSES = tuple(f"class {index}" for index in range(80))  # as many as COCO has


@dataclass(frozen=True)
class Built:
    """A run's parts as mmdet gets them.

    Attributes:
        spec: The job spec that they were built from.
        config: mmdet's model config.
        model: The model on the meta device: its modules have their options, but no weights.
        train_pipeline: Transforms of a training image, in order.
        test_pipeline: Transforms of a test image, in order.
        optimizer: Config of the optimiser and its wrapper.
        lr_schedule: Config of the learning rate's warm-up and decay.
        epoch_length: Iterations of an epoch on COCO, for schedules in epochs.
    """

    spec: Mapping[str, Any]
    config: ConfigDict
    model: Any  # mmdet has no types
    train_pipeline: list[dict[str, Any]]
    test_pipeline: list[dict[str, Any]]
    optimizer: dict[str, Any]
    lr_schedule: list[dict[str, Any]]
    epoch_length: int

    @property
    def two_stage(self) -> bool:
        """Whether the detector has an RPN and box heads."""
        return hasattr(self.model, "rpn_head")

    @property
    def dense_head(self) -> Any:
        """The head for every place of the pyramid: the RPN in two-stage detectors."""
        if self.two_stage:
            return self.model.rpn_head
        return getattr(self.model, "bbox_head", None) or self.model.mask_head  # SOLOv2 has no boxes

    @property
    def box_heads(self) -> list[Any]:
        """The box heads of a two-stage detector, one for each stage; empty for other detectors."""
        if not self.two_stage:
            return []
        heads = self.model.roi_head.bbox_head
        return list(heads) if isinstance(heads, nn.ModuleList) else [heads]


COCO_IMAGES = 117_266  # training images with objects, which an epoch on COCO consists of


def build(spec: Mapping[str, Any]) -> Built:
    """Builds a run's model, pipelines, optimiser and schedule.

    Args:
        spec: The job spec of a run, as training gets it.

    Raises:
        InputError: If the spec does not fit its detector.
    """
    from mmdet.registry import MODELS

    settings = config.model_settings(spec, CLASSES)
    with torch.device("meta"):
        model = MODELS.build(settings)
    schedule, test = spec["schedule"], spec.get("test") or {}
    pipeline = transforms.train_pipeline(schedule, masks=config.needs_masks(spec))
    length = -(-COCO_IMAGES // schedule["batch_size"])
    _, iterations = course.epochs_and_iterations(schedule, length)
    return Built(
        spec=spec,
        config=settings,
        model=model,
        train_pipeline=transforms.single_steps(pipeline),
        test_pipeline=transforms.test_pipeline(schedule, test),
        optimizer=config.optimizer_config(spec),
        lr_schedule=course.lr_schedule(schedule, iterations),
        epoch_length=length,
    )
