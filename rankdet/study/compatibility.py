"""Which losses train which detectors; what stands against a pair is told when a study is planned.

A pair is taken to be sensible unless its parts contradict each other, or the loss's card or the
detector's file says otherwise: `not_with` maps what it is not sensible with to the reason. A card
names detectors or families, a detector's file names losses, with or without variants.
"""

from collections.abc import Mapping
from typing import Any

OFFERS = ("centerness",)  # what a detector may give to a criterion beside its boxes
QUALITY_OF_MASKS = ("dice", "mean")  # continuous labels that need masks
BOUNDED = ("giou", "iou")  # box errors with a largest value


def objection(
    detector: Mapping[str, Any], loss: str, variant: str, card: Mapping[str, Any]
) -> str | None:
    """Returns why a loss does not train a detector, or None if it does.

    Args:
        detector: The detector's file.
        loss: The loss's name.
        variant: Its variants, joined by `+`; empty for none.
        card: The loss's card with the variants merged in.
    """
    declared = card.get("not_with") or {}
    for name in (detector["name"], detector["family"]):
        if name in declared:
            return str(declared[name])
    declared = detector.get("not_with") or {}
    for name in (loss, *(f"{loss}+{part}" for part in variant.split("+") if part)):
        if name in declared:
            return str(declared[name])
    return _contradiction(detector, card)


def _contradiction(detector: Mapping[str, Any], card: Mapping[str, Any]) -> str | None:
    box = card.get("box") or {}
    if box.get("weighting") == "centerness" and "centerness" not in detector.get("offers", ()):
        return "it weights boxes by their centre-ness, for which this detector has no target"
    part = card["classification"]
    if part.get("labels") in QUALITY_OF_MASKS and not detector.get("masks"):
        return "its labels are the quality of predicted masks, and this detector predicts none"
    if part["type"] == "SoftmaxCrossEntropyLoss" and detector["family"] != "two-stage":
        return "a softmax over classes and background is for the box heads of two-stage detectors"
    if part["type"] == "ALRPLoss" and box.get("type", "giou") not in BOUNDED:
        return f"it ranks by box errors with a bound, which {box['type']} has not; use giou or iou"
    return None
