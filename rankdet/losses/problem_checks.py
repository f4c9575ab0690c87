"""Checks of the tensors of a `FlatProblem`: types, shapes and devices, and on a CPU the classes."""

import difflib
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from rankdet.losses import device
from rankdet.losses.arguments import kind_of, number
from rankdet.losses.box_checks import check_boxes
from rankdet.losses.class_labels import check_classes
from rankdet.losses.tensors import (
    CLASSES,
    LOGITS,
    MASK,
    ROWS,
    Wanted,
    check_shape,
    check_tensor,
)

# Shapes of the known extras: A is the number of anchors, P that of positives; None is any size.
EXTRAS: dict[str, tuple[str | int | None, ...]] = {
    "anchors": ("P", 4),
    "pred_deltas": ("P", 4),
    "target_deltas": ("P", 4),
    "centerness_targets": ("P",),
    "image_index": ("A",),
    "dice": ("P",),
    "mask_errors": ("P",),
    "background_logits": ("A", None),  # a head without a background has no column
    "positives": ("P",),
}
ROWS_OF_ANCHORS = tuple(name for name, shape in EXTRAS.items() if shape[0] == "A")
INDICES = ("image_index", "positives")
FACTORS = ("avg_factor", "cls_avg_factor")  # extras that are counts of the whole batch
SLIP = 0.8  # a key that is so similar to a known one is taken for a slip
INDEX = Wanted(CLASSES.dtypes, "a tensor of integers", "is")


def check_problem(
    logits: Any, labels: Any, ignore: Any, pred_boxes: Any, target_boxes: Any, extras: Any
) -> None:
    """Checks the inputs of a problem, whose attributes they become.

    Raises:
        TypeError: An input is not a tensor, or has a wrong dtype.
        ValueError: A shape or a device does not match, or a class is out of range (on a CPU).
    """
    check_tensor("logits", logits, LOGITS)
    if logits.dim() != 2 or logits.shape[1] == 0:
        raise ValueError(
            f"logits have the shape {tuple(logits.shape)}; "
            "give (A, C): a row for each anchor, a column for each class"
        )
    check_tensor("labels", labels, CLASSES, logits)
    check_tensor("ignore", ignore, MASK, logits)
    n_anchors, n_classes = logits.shape
    for name, values in (("labels", labels), ("ignore", ignore)):
        check_shape(name, values, (n_anchors,), "one value for each row of the logits")
    check_classes(labels, n_classes, ignore)
    n_positives = check_boxes("pred_boxes", pred_boxes, logits)
    n_targets = check_boxes("target_boxes", target_boxes, logits)
    if device.checked(labels):
        _check_number(((labels < n_classes) & ~ignore).sum().item(), n_positives, n_targets)
    elif n_positives != n_targets:
        raise ValueError(
            f"pred_boxes have {rows_of(n_positives)}, target_boxes {n_targets}; give both one row "
            "for each positive label"
        )
    _check_extras(extras, {"A": n_anchors, "P": n_positives}, logits)
    if extras.get("positives") is not None:
        _check_positives(extras["positives"], labels, ignore, n_classes)


def rows_of(count: int) -> str:
    """Returns a number of rows, for a message."""
    return f"{count} row{'' if count == 1 else 's'}"


def _check_number(n_positives: float, n_boxes: int, n_targets: int) -> None:
    """Checks that both tensors of boxes have a row for each positive."""
    if n_boxes == n_positives == n_targets:
        return
    wrong = [
        f"{name} have {rows_of(count)}"
        for name, count in (("pred_boxes", n_boxes), ("target_boxes", n_targets))
        if count != n_positives
    ]
    raise ValueError(
        f"{' and '.join(wrong)}, but {n_positives} labels are positive (a class below C, not "
        "ignored); give one row for each"
    )


def _check_names(extras: Mapping[str, Any]) -> None:
    """Checks that no unknown key is a slip of a known one; other keys are the user's own."""
    missing = [name for name in (*EXTRAS, *FACTORS) if name not in extras]
    for name in extras:
        if name in EXTRAS or name in FACTORS:
            continue
        meant = difflib.get_close_matches(str(name), missing, n=1, cutoff=SLIP)
        if meant:
            raise ValueError(
                f"extras have {name!r}, which nothing reads; did you mean {meant[0]!r}? (an entry "
                "of your own needs another name)"
            )


def _check_extras(extras: Any, sizes: Mapping[str | int | None, int], logits: Tensor) -> None:
    if not isinstance(extras, Mapping):
        raise TypeError(f"extras are {kind_of(extras)}; give a dict of tensors")
    _check_names(extras)
    for name, shape in EXTRAS.items():
        values = extras.get(name)
        if values is None:
            continue
        check_tensor(f"extras[{name!r}]", values, INDEX if name in INDICES else ROWS, logits)
        free = dict(enumerate(values.shape))
        wanted = tuple(
            free.get(place) if size is None else sizes.get(size, size)
            for place, size in enumerate(shape)
        )
        meaning = "one row for each " + ("anchor" if shape[0] == "A" else "positive")
        check_shape(f"extras[{name!r}]", values, wanted, meaning)
    for name in FACTORS:
        value = extras.get(name)
        if value is None:
            continue
        if isinstance(value, Tensor) and value.numel() == 1 and not value.is_complex():
            value = float(value) if device.checked(value) else 1.0
        number(f"extras[{name!r}]", value, above=0)


def _check_positives(rows: Tensor, labels: Tensor, ignore: Tensor, n_classes: int) -> None:
    """Checks the indices of the positives; on a GPU only on request."""
    if not device.checked(rows) or len(rows) == 0:
        return
    rows = rows.long()
    fits = int(rows.min()) >= 0 and int(rows.max()) < len(labels)
    fits = fits and bool(((labels[rows] < n_classes) & ~ignore[rows]).all())
    if not fits or (rows[1:] <= rows[:-1]).any():
        raise ValueError(
            "extras['positives'] are other rows than those of the labels; give the rows with a "
            "class below C that are not ignored, in ascending order"
        )
