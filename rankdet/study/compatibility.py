"""Which losses can train which detectors; planning refuses an incompatible pair with the reason.

A pair is compatible unless its parts contradict each other, or `not_with` in the loss's card or in
the detector's file names it. `not_with` maps names to reasons: detectors or families in a card;
losses, with or without variants, in a detector's file.
"""

from collections.abc import Mapping
from typing import Any

OFFERS = ("centerness",)  # what a detector may give to a criterion in addition to boxes
QUALITY_OF_MASKS = ("dice", "mean")  # continuous labels that need masks
BOUNDED = ("giou", "iou")  # box errors with a largest value


def objection(
    detector: Mapping[str, Any], loss: str, variant: str, card: Mapping[str, Any]
) -> str | None:
    """Returns the reason why a loss cannot train a detector, or None if it can.

    Args:
        detector: The detector's file.
        loss: The loss's name.
        variant: Its variants, joined by `+`; may be empty.
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
    if (card.get("head") or {}).get("clustering") and detector["family"] != "paa":
        return "it clusters the candidates of PAA, which this detector does not have"
    part = card["classification"]
    if part.get("labels") in QUALITY_OF_MASKS and not detector.get("masks"):
        return "its labels need predicted masks, but this detector does not predict masks"
    if part["type"] == "SoftmaxCrossEntropyLoss" and detector["family"] != "two-stage":
        return "a softmax over classes and background is for two-stage detectors only"
    if part["type"] == "ALRPLoss" and box.get("type", "giou") not in BOUNDED:
        return f"it needs bounded box errors, but {box['type']} is unbounded; use giou or iou"
    return None
