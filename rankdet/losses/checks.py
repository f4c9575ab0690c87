"""Checks of what a loss gets. An error is one line: what was found, and what to do."""

import torch
from torch import Tensor

from rankdet.losses import device
from rankdet.losses.arguments import number, whole

ROUNDING = 0.01  # qualities and errors may be this far outside: rounding in half precision


def check(
    logits: Tensor,
    labels: Tensor,
    group: Tensor | None = None,
    delta: float = 0.0,
    max_positives: int | None = None,
    name: str = "labels",
) -> None:
    """Checks shapes and arguments: what can be checked without reading values.

    `rankdet.losses.tensors.check_inputs` has checked before that these are tensors.

    Args:
        logits: any shape.
        labels: one per logit, in the shape of the logits or flat.
        group: one integer per logit, likewise.
        delta: half the width of the ramp of H.
        max_positives: an upper bound of the number of positives, or None.
        name: what the caller calls the labels.

    Raises:
        ValueError: delta or the bound is negative or not a number, or the shape of labels or groups
            does not match.
    """
    number("delta", delta)
    if max_positives is not None:
        whole("max_positives", max_positives, 0)
    _check_count(name, name, labels, logits)
    if group is not None:
        _check_count("group", "group indices", group, logits)


def check_bound(name: str, values: Tensor, max_positives: int | None) -> None:
    """Checks that there is one value for each positive that the bound allows.

    Args:
        name: what the caller calls the values.
        values: (P,) or, padded, (max_positives,).
        max_positives: an upper bound of the number of positives, or None.

    Raises:
        ValueError: the length of the values is not the bound.
    """
    if max_positives is not None and len(values) != max_positives:
        raise ValueError(
            f"{name} has {len(values)} values for max_positives={max_positives}; pad it to this "
            "length, or give one value for each positive and leave max_positives out"
        )


def _check_count(name: str, entries: str, values: Tensor, logits: Tensor) -> None:
    """Checks that there is one value per logit; `entries` are the values, in the plural."""
    shape = tuple(logits.shape)
    if values.numel() != logits.numel():
        found = f"{values.numel()} {entries} for {logits.numel()} logits"
        classes = shape[-1] if len(shape) > 1 else 1
        if values.numel() * classes != logits.numel():
            raise ValueError(f"{found}; give one per logit")
        raise ValueError(f"{found} of shape {shape}; {_from_rows(name, classes)}")
    if values.dim() > 1 and logits.dim() > 1 and values.shape != logits.shape:
        raise ValueError(
            f"{name} of shape {tuple(values.shape)} for logits of shape {shape}; "
            "give the same shape"
        )


def _from_rows(name: str, classes: int) -> str:
    """Says how one value per row of the logits becomes one per logit."""
    if name == "group":
        return f"give one per logit: group.repeat_interleave({classes})"
    made = f"flat_labels(classes, {classes})"
    if name == "targets":
        return f"give one per logit; for class indices {made} has the 1 that a quality replaces"
    return f"give one per logit; for class indices use {made}"


def check_labels(labels: Tensor, soft: bool = False) -> None:
    """Checks the values of labels; on a GPU only on request (`rankdet.losses.device.checked`).

    Args:
        labels: one per logit.
        soft: whether a positive has its quality in (0, 1] instead of 1.

    Raises:
        ValueError: A value is none of 1, 0 and -1 (soft: NaN, or above 1 by more than rounding, or
            negative and not -1: such a positive would be ignored).
    """
    if not device.checked(labels) or labels.numel() == 0 or labels.dtype == torch.bool:
        return
    labels = _comparable(labels)
    low, high = (float(value) for value in labels.aminmax())
    wrong = low if not low >= -1 else high
    if low >= -1 and high <= (1 + ROUNDING if soft else 1):
        if not labels.is_floating_point() or (soft and low >= 0):
            return
        between = labels[(labels < 0) & (labels > -1) if soft else labels != labels.round()]
        if len(between) == 0:
            return
        wrong = float(between[0])
    meaning = "the quality of a positive in (0, 1]" if soft else "1 for a positive"
    name = "targets" if soft else "labels"
    hint = " (`flat_labels` makes them from class indices)" if wrong > 1 and not soft else ""
    use = f"use {meaning}, 0 negative, -1 ignored{hint}"
    raise ValueError(f"{name} have the value {wrong:g}; {use}")


def check_range(
    name: str, values: Tensor, largest: float, meaning: str, labels: Tensor | None = None
) -> None:
    """Checks one value per positive; on a GPU only on request (`rankdet.losses.device.checked`).

    Args:
        name: the argument.
        values: (P,).
        largest: the largest allowed value. The smallest is 0.
        meaning: what the argument contains, for the message.
        labels: only as many values count as there are positives among these labels. None: all.

    Raises:
        ValueError: A value is NaN, infinite, negative or too large, by more than rounding.
    """
    if not device.checked(values):
        return
    values = values.detach() if labels is None else values.detach()[: int((labels == 1).sum())]
    if values.numel() == 0:
        return
    low, high = (float(value) for value in _comparable(values).aminmax())
    if low >= -ROUNDING and high <= largest + ROUNDING and high < float("inf"):
        return
    wrong = low if not low >= -ROUNDING else high
    raise ValueError(f"{name} have the value {wrong:g}; use {meaning}")


def _comparable(values: Tensor) -> Tensor:
    """The values without their gradients, in a dtype that every PyTorch compares on a CPU."""
    values = values.detach()
    return values.float() if values.dtype == torch.float16 else values  # PyTorch 2.0 lacks it
