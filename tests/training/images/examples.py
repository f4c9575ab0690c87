"""Images with boxes, as mmdet's steps get them, and the steps that a setting has."""

from typing import Any

import cv2
import numpy as np
import torch
from mmdet.registry import TRANSFORMS
from mmdet.structures.bbox import HorizontalBoxes

from rankdet.training import transforms
from rankdet.training.image_draws import drawn_from


def example(seed: int, objects: int | None = None) -> dict[str, Any]:
    """A smooth image with strong colours, and boxes of all sizes."""
    rng = np.random.default_rng(seed)
    height, width = int(rng.integers(200, 500)), int(rng.integers(200, 640))
    noise = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2).astype(np.float32)
    count = int(rng.integers(1, 9)) if objects is None else objects
    corners, sides = rng.uniform(0, 0.9, (count, 2)), rng.uniform(0.02, 0.6, (count, 2))
    boxes = np.clip(np.c_[corners, corners + sides], 0, 1) * [width, height, width, height]
    return {
        "img": np.clip((smooth - 127) * 4 + 127, 0, 255).astype(np.uint8),
        "img_shape": (height, width),
        "ori_shape": (height, width),
        "gt_bboxes": HorizontalBoxes(torch.tensor(boxes, dtype=torch.float32)),
        "gt_bboxes_labels": np.arange(count),
        "gt_ignore_flags": rng.random(count) < 0.2,
    }


def both(schedule: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """Our transforms and mmdet's steps for a schedule, without loading and packing."""
    pipeline = transforms.train_pipeline(schedule)[2:-1]
    return tuple(
        [TRANSFORMS.build(step) for step in steps]
        for steps in (pipeline, transforms.single_steps(pipeline))
    )


def changed(steps: list[Any], given: dict[str, Any], *seed: int) -> dict[str, Any]:
    """The example after all steps, with the next random number as `next`."""
    with drawn_from(*seed):
        for step in steps:
            given = step(given)
        return {**given, "next": np.random.random()}  # noqa: NPY002
