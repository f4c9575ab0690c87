"""Checks of the tensors that a loss gets: type, dtype, layout and device. They read no value."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from rankdet.losses.arguments import kind_of

FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
INTEGERS = (torch.int64, torch.int32, torch.int8, torch.uint8, torch.int16)
NUMBERS = (*FLOATS, *INTEGERS)
BOOL = (torch.bool,)


class Wanted(NamedTuple):
    """What an argument must be.

    Attributes:
        dtypes: the dtypes that PyTorch computes with on every device.
        use: what to give instead, for the message.
        verb: of the message.
    """

    dtypes: tuple[torch.dtype, ...]
    use: str
    verb: str = "are"


LABELS = Wanted(
    (*NUMBERS, *BOOL), "a tensor with one label per logit: 1 positive, 0 negative, -1 ignored"
)
TARGETS = Wanted(
    (*NUMBERS, *BOOL),
    "a tensor with one target per logit: the quality of a positive, 0 negative, -1 ignored",
)
LOGITS = Wanted(FLOATS, "a tensor of a floating dtype: float32, float64, float16 or bfloat16")
GROUP = Wanted(INTEGERS, "a tensor with one integer per logit, such as an image index", "is")
CLASSES = Wanted(INTEGERS, "a tensor of class indices (an integer dtype)")
MASK = Wanted(BOOL, "a tensor of torch.bool with one value per anchor", "is")
OF_POSITIVES = Wanted((*NUMBERS, *BOOL), "a tensor with one number per positive")
BOXES = Wanted(NUMBERS, "a tensor of boxes x1, y1, x2, y2, one row per positive")
ROWS = Wanted((*NUMBERS, *BOOL), "a tensor of numbers")


def check_tensor(name: str, value: Any, wanted: Wanted, like: Tensor | None = None) -> None:
    """Checks one argument.

    Args:
        name: the argument.
        value: what was given.
        wanted: what it must be.
        like: a tensor whose device it must have. None: any device with values.

    Raises:
        TypeError: It is not a tensor, or its dtype or layout cannot be computed with.
        ValueError: It is on another device.
    """
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} {wanted.verb} {kind_of(value)}; give {wanted.use}")
    if value.dtype not in wanted.dtypes:
        raise TypeError(f"{name} {wanted.verb} {value.dtype}; give {wanted.use}")
    if value.layout != torch.strided or value.is_nested:
        raise TypeError(f"{name} {wanted.verb} a sparse or nested tensor; give a dense one")
    if like is not None and value.device != like.device:
        raise ValueError(
            f"{name} {wanted.verb} on {value.device}, but other inputs on {like.device}; "
            "move all to one device"
        )
    if like is None and value.device.type == "meta":
        raise ValueError(f"{name} {wanted.verb} on the device meta, which has no values")


def check_inputs(
    logits: Any, labels: Any, group: Any = None, *, soft: bool = False, **of_positives: Any
) -> None:
    """Checks the tensors of a ranking loss.

    Args:
        logits: any shape, any floating dtype.
        labels: one per logit.
        group: one integer per logit, or None.
        soft: whether the labels are the targets of Rank & Sort Loss.
        **of_positives: more arguments, (P,) each.

    Raises:
        TypeError: An argument is not a tensor, or of a wrong dtype or layout.
        ValueError: An argument is on another device than the logits, or not flat.
    """
    check_tensor("logits", logits, LOGITS)
    name, wanted = ("targets", TARGETS) if soft else ("labels", LABELS)
    check_tensor(name, labels, wanted, logits)
    if group is not None:
        check_tensor("group", group, GROUP, logits)
    for name, value in of_positives.items():
        check_tensor(name, value, OF_POSITIVES, logits)
        if value.dim() != 1:
            shape = tuple(value.shape)
            raise ValueError(f"{name}: found the shape {shape}; give (P,), one value per positive")


def check_shape(name: str, value: Tensor, shape: tuple[Any, ...], meaning: str) -> None:
    """Checks the shape of a tensor: a wrong one may be broadcast to a wrong number.

    Raises:
        ValueError: It has another shape.
    """
    if tuple(value.shape) != shape:
        found = tuple(value.shape)
        raise ValueError(f"{name}: found the shape {found}; give {shape}, {meaning}")
