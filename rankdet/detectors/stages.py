"""The part of a loss card that one head of a multi-head detector uses."""

from collections.abc import Mapping
from typing import Any

from rankdet.errors import InputError

PARTS = ("classification", "box", "balance")
NEEDS_TAU = ("ALRPLoss",)  # losses that scale localisation errors by the IoU threshold τ


def stage_card(
    card: Mapping[str, Any],
    change: Mapping[str, Any],
    settings: Mapping[str, Any],
    loss_bbox: Mapping[str, Any],
) -> dict[str, Any]:
    """Returns the card of one head.

    Args:
        card: The merged loss card.
        change: The card's parts for this head. A part of another type replaces the card's part; a
            part of the same type changes its arguments.
        settings: mmdet's training settings of the head. If the card has no τ for aLRP Loss, τ is
            the IoU threshold for positives (.5 in R-CNN, .7 in an RPN).
        loss_bbox: mmdet's box loss of the head, for box type `stock`.

    Raises:
        InputError: If box type `stock` has no equivalent part.
    """
    parts = {key: _changed(card.get(key) or {}, change.get(key) or {}) for key in PARTS}
    if parts["box"].get("type") == "stock":
        parts["box"] = stock_box(loss_bbox)
    if parts["classification"].get("type") in NEEDS_TAU:
        parts["classification"].setdefault("tau", settings["assigner"]["pos_iou_thr"])
    return {"name": card.get("name"), **{key: part for key, part in parts.items() if part}}


def _changed(part: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    same = change.get("type", part.get("type")) == part.get("type")
    return {**part, **change} if same else dict(change)


def stock_box(loss_bbox: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the config of the box part that equals mmdet's box loss.

    Raises:
        InputError: If no box part equals it.
    """
    kinds = {"L1Loss": "l1", "SmoothL1Loss": "smooth_l1", "IoULoss": "iou", "GIoULoss": "giou"}
    kind = kinds.get(loss_bbox["type"])
    if kind is None or (kind == "iou" and loss_bbox.get("mode", "log") != "linear"):
        raise InputError(
            f"box type 'stock': the detector's box loss is {loss_bbox['type']!r}; "
            f"known: {', '.join(kinds)}"
        )
    part = {"type": kind, "weight": float(loss_bbox.get("loss_weight", 1.0))}
    if kind == "smooth_l1":
        part["beta"] = float(loss_bbox.get("beta", 1.0))
    return part
