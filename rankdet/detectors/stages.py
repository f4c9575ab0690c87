"""What a loss card means to one head of a detector with several."""

from collections.abc import Mapping
from typing import Any

from rankdet.errors import InputError

PARTS = ("classification", "box", "balance")
TAU = ("ALRPLoss",)  # losses whose localisation error is scaled by the assignment's threshold


def stage_card(
    card: Mapping[str, Any],
    change: Mapping[str, Any],
    settings: Mapping[str, Any],
    loss_bbox: Mapping[str, Any],
) -> dict[str, Any]:
    """Returns the card of one head.

    Args:
        card: The merged loss card.
        change: What it says of this head: parts, which replace its own if they name another type,
            else change their arguments.
        settings: mmdet's training settings of the head; aLRP Loss's τ is the IoU from which its
            assigner makes a positive (.5 in R-CNN, .7 in an RPN), unless the card has one.
        loss_bbox: mmdet's box loss of the head, for box type `stock`.

    Raises:
        InputError: If a part has no type.
    """
    parts = {key: _changed(card.get(key) or {}, change.get(key) or {}) for key in PARTS}
    if parts["box"].get("type") == "stock":
        parts["box"] = stock_box(loss_bbox)
    if parts["classification"].get("type") in TAU:
        parts["classification"].setdefault("tau", settings["assigner"]["pos_iou_thr"])
    return {"name": card.get("name"), **{key: part for key, part in parts.items() if part}}


def _changed(part: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    same = change.get("type", part.get("type")) == part.get("type")
    return {**part, **change} if same else dict(change)


def stock_box(loss_bbox: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the box part that equals mmdet's box loss.

    Raises:
        InputError: If there is none.
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
