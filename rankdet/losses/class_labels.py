"""Class indices, as detectors have them: checks, and the labels of a ranking loss from them."""

import torch
from torch import Tensor

from rankdet.losses import device
from rankdet.losses.arguments import whole
from rankdet.losses.tensors import CLASSES, check_tensor


def flat_labels(classes: Tensor, num_classes: int) -> Tensor:
    """Returns the labels of every class of every anchor, in the shape of the logits.

    Args:
        classes: (...,) integers: the class in [0, C), C for background, and any negative number for
            an ignored anchor, as in mmdet, Detectron2 and DETR.
        num_classes: C, 1 or more.

    Returns:
        (..., C) int8: 1 positive, 0 negative, -1 ignored (all classes of the anchor).

    Raises:
        TypeError: The classes are not a tensor of integers.
        ValueError: A class is above C (on a CPU; on a GPU only with RANKDET_CHECKS=on), or C is
            not a whole number.

    Example:
        >>> flat_labels(torch.tensor([1, 2, -1]), 2).tolist()  # class 1, background, ignored
        [[0, 1], [0, 0], [-1, -1]]
    """
    check_tensor("classes", classes, CLASSES)
    num_classes = whole("num_classes", num_classes, 1)
    classes = classes.detach()
    check_classes(classes, num_classes)
    known = torch.arange(num_classes, device=classes.device)
    labels = (classes[..., None] == known).to(torch.int8)
    return labels - (classes < 0)[..., None].to(torch.int8)


def check_classes(classes: Tensor, num_classes: int, ignored: Tensor | None = None) -> None:
    """Checks class indices; on a GPU only on request (`rankdet.losses.device.checked`).

    Args:
        classes: (...,) integers: the class in [0, C), or C for background.
        num_classes: C.
        ignored: (...,) bool, where the class may be any number. None: where it is negative.

    Raises:
        ValueError: A class is above C, or negative and not ignored.
    """
    if not device.checked(classes) or classes.numel() == 0:
        return
    low, high = (int(value) for value in classes.aminmax())
    if high <= num_classes and (low >= 0 or ignored is None):
        return
    wrong = (classes < 0) | (classes > num_classes)
    wrong &= classes >= 0 if ignored is None else ~ignored
    places = wrong.nonzero().tolist()
    if not places:
        return
    place = places[0]
    where = f" at position {place[0] if len(place) == 1 else tuple(place)}" if place else ""
    rest = "-1 for ignored" if ignored is None else "and set `ignore` where an anchor is ignored"
    raise ValueError(
        f"class {int(classes[tuple(place)])} of {num_classes} classes{where}; "
        f"use 0 to {num_classes - 1}, {num_classes} for background, {rest}"
    )
