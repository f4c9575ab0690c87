"""Checks of what a classification part takes and returns; mmengine would accept anything."""

from typing import Any

import torch
from torch import Tensor

from rankdet.losses.arguments import kind_of


class LossOutputError(ValueError):
    """A classification part returned something that cannot train a detector."""


INT8 = "Char"  # in messages of PyTorch
WRAP = (
    "wrap it in a module whose forward(logits, labels) leaves out the labels -1 and passes "
    "labels.float()"
)


def check_part(part: Any) -> None:
    """Checks that a classification part is not a loss of PyTorch itself.

    Raises:
        TypeError: It is one: it would train ignored anchors towards -1, or fail at the dtype.
    """
    if type(part).__module__ == "torch.nn.modules.loss":
        raise TypeError(
            f"classification is {type(part).__name__} of PyTorch, but labels are int8: 1 positive, "
            f"0 negative, -1 ignored; {WRAP}"
        )


def classified(part: Any, logits: Tensor, labels: Tensor) -> Any:
    """Returns what a part computes from flat logits and labels.

    Args:
        part: the classification part, a module without ``terms``.
        logits: (N,).
        labels: (N,) int8: 1, 0 or -1.

    Raises:
        RuntimeError: It cannot compute with int8, but can with floating labels.
    """
    try:
        return part(logits, labels)
    except RuntimeError as error:
        if INT8 not in str(error):
            raise
        try:
            part(logits, labels.to(logits.dtype))
        except Exception:
            raise error from None
        said = " ".join(str(error).split())
        text = (
            f"{type(part).__name__} cannot compute with labels of int8 ({said}); leave out the "
            "labels -1 and use labels.float()"
        )
        raise RuntimeError(text).with_traceback(error.__traceback__) from None  # keeps the line


def checked_terms(terms: Any, logits: Tensor, positives: int) -> dict[str, Tensor]:
    """Returns the losses of a classification part as a dict.

    mmengine averages a loss with several values, and skips the gradient of a loss that has none,
    both without a message.

    Args:
        terms: name -> loss, as the part returned it.
        logits: the logits that the losses must depend on.
        positives: the number of positives; without any, a loss may be a constant.

    Raises:
        LossOutputError: a loss is not a tensor, is complex, has several values, or no gradient.
    """
    try:
        found = dict(terms)
    except (TypeError, ValueError):
        raise LossOutputError(
            f"terms returned {kind_of(terms)}; return a dict of scalar tensors"
        ) from None
    for name, loss in found.items():
        check_scalar(name, loss)
    trains = torch.is_grad_enabled() and logits.requires_grad and positives
    if trains and not any(loss.requires_grad for loss in found.values()):
        raise LossOutputError(
            f"{', '.join(found) or 'the loss'} has no gradient, so the classes would not be "
            "trained; compute it from the logits, without .detach(), .item() or torch.no_grad()"
        )
    return found


def check_scalar(name: str, loss: Any) -> None:
    """Checks one loss.

    Raises:
        LossOutputError: It is not a tensor, is complex, or has several values.
    """
    if not isinstance(loss, Tensor):
        raise LossOutputError(f"{name} is {kind_of(loss)}; return one scalar tensor")
    if loss.is_complex():
        raise LossOutputError(f"{name} is a complex number; return a real one, as with .abs()")
    if loss.numel() != 1:
        raise LossOutputError(
            f"{name} is a tensor of shape {tuple(loss.shape)}; return a scalar: add .sum() and "
            "divide it by the number of positives, or add .mean()"
        )
