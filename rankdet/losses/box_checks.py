"""Checks of pairs of boxes: types, shapes, and on a CPU the order of the corners."""

import warnings
from typing import Any

from torch import Tensor

from rankdet.losses import device
from rankdet.losses.operators import is_compiling
from rankdet.losses.tensors import BOXES, check_shape, check_tensor

MEANING = "one row x1, y1, x2, y2 per positive"


def check_box_pairs(
    name: str, boxes: Any, name_of_targets: str, targets: Any, like: Tensor | None = None
) -> int:
    """Checks types, shapes and devices of boxes and their targets; returns their number P.

    Args:
        name: the argument of the boxes.
        boxes: (P, 4).
        name_of_targets: the argument of the targets.
        targets: (P, 4).
        like: a tensor on the device that both must have. None: that of the boxes.

    Raises:
        TypeError: One is not a tensor of numbers.
        ValueError: A shape or a device does not match.
    """
    count = check_boxes(name, boxes, like)
    check_tensor(name_of_targets, targets, BOXES, boxes)
    check_shape(name_of_targets, targets, (count, 4), MEANING)
    return count


def check_boxes(name: str, boxes: Any, like: Tensor | None = None) -> int:
    """Checks type, shape and device of boxes; returns their number.

    Args:
        name: the argument.
        boxes: (P, 4).
        like: a tensor on the device that they must have. None: any.

    Raises:
        TypeError: They are not a tensor of numbers.
        ValueError: The shape or the device does not match.
    """
    check_tensor(name, boxes, BOXES, like)
    if boxes.dim() != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{name}: found the shape {tuple(boxes.shape)}; give (P, 4), {MEANING}")
    return len(boxes)


def check_corners(boxes: Tensor, targets: Tensor) -> None:
    """Checks the order of the corners; on a GPU only on request (`rankdet.losses.device.checked`).

    A network may predict a box with swapped corners for a while, so this is only a warning. A
    target with swapped corners is an error of the data or of its format.

    Args:
        boxes: (P, 4), predicted.
        targets: (P, 4).

    Warns:
        UserWarning: A predicted box has swapped corners: its area counts as 0.

    Raises:
        ValueError: A target has swapped corners.
    """
    if is_compiling() or not device.checked(boxes):
        return
    swapped = _swapped(targets)
    if swapped.any():
        row = int(swapped.nonzero()[0, 0])
        box = ", ".join(f"{value:g}" for value in targets[row].tolist())
        raise ValueError(
            f"target box {row} is ({box}), with x2 < x1 or y2 < y1; give x1, y1, x2, y2 "
            "(not centre and size, not x, y, width, height)"
        )
    if _swapped(boxes).any():
        # No number in the text and one place in the code, so that Python shows it once.
        warnings.warn(
            "predicted boxes with x2 < x1 or y2 < y1: their area and their IoU count as 0; "
            "give x1, y1, x2, y2 (not centre and size, not x, y, width, height)",
            stacklevel=1,
        )


def _swapped(boxes: Tensor) -> Tensor:
    boxes = boxes.detach()
    return (boxes[:, 2:] < boxes[:, :2]).any(1)
