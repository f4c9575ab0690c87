"""Labels of a ranking loss from the class indices that detectors have."""

import torch
from torch import Tensor

from rankdet.losses import device


def flat_labels(classes: Tensor, num_classes: int) -> Tensor:
    """Returns the labels of every class of every anchor, in the shape of the logits.

    Args:
        classes: (...,) integers: the class in [0, C), C for background, and any negative number for
            an ignored anchor, as in mmdet, Detectron2 and DETR.
        num_classes: C.

    Returns:
        (..., C) int8: 1 positive, 0 negative, -1 ignored (all classes of the anchor).

    Raises:
        TypeError: The classes are not integers.
        ValueError: A class is above C (on a CPU; on a GPU the host does not wait to look).

    Example:
        >>> flat_labels(torch.tensor([1, 2, -1]), 2).tolist()  # class 1, background, ignored
        [[0, 1], [0, 0], [-1, -1]]
    """
    if classes.is_floating_point() or classes.dtype == torch.bool:
        raise TypeError(f"classes are {classes.dtype}; give class indices (an integer dtype)")
    classes = classes.detach()
    if device.checked(classes) and classes.numel() and int(classes.max()) > num_classes:
        raise ValueError(
            f"class {int(classes.max())} of {num_classes} classes; use 0 to {num_classes - 1}, "
            f"{num_classes} for background, -1 for ignored"
        )
    known = torch.arange(num_classes, device=classes.device)
    labels = (classes[..., None] == known).to(torch.int8)
    return labels - (classes < 0)[..., None].to(torch.int8)
