"""A detector with its backbone, and the loss that trains it: loaded and checked once, here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rankdet.errors import InputError
from rankdet.files import shown
from rankdet.repository import BACKBONES
from rankdet.study import backbones, cards, compatibility, detectors
from rankdet.study.model_keys import unknown_keys
from rankdet.study.runs import UNTRAINED, split_loss

UNTRAINED_LOSS = "focal"  # building an untrained detector needs a criterion, which is never used


class PartError(InputError):
    """A detector, backbone or loss that cannot be used.

    Attributes:
        key: The key of a group of runs that names it; empty if several parts do not fit together.
    """

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True)
class Model:
    """A detector with its backbone, and the loss that trains it.

    Attributes:
        detector_spec: The detector's file, with the backbone merged in.
        loss_file: The loss's file.
        card: The loss card, with the variants merged in.
        titles: `detector` and `loss`, for readers.
    """

    detector_spec: Mapping[str, Any]
    loss_file: cards.LossFile
    card: Mapping[str, Any]
    titles: Mapping[str, str]

    @property
    def predicts_masks(self) -> bool:
        """Whether the detector predicts masks."""
        return bool(self.detector_spec.get("masks"))


def load_model(detector: str, backbone: str, loss: str, preset: str) -> Model:
    """Loads a detector, its backbone and a loss, and checks that the loss can train the detector.

    Args:
        detector: A file of `workflows/detectors`, without `.yaml`.
        backbone: Entries of `workflows/backbones.yaml`; empty for the detector's default backbone.
        loss: A file of `workflows/losses` with variants: `alrp+iou`; or `untrained`.
        preset: `small` or `full`.

    Raises:
        PartError: If one of them is unknown, faulty or has no such preset, or the loss does not
            train the detector.
    """
    spec = _part("detectors", detectors.load_detector, detector, preset)
    if backbone:
        part = _part("backbone", backbones.load_backbone, backbone, preset)
        spec = backbones.with_backbone(spec, part, preset)
        for fault in unknown_keys(spec["base"], spec[preset], spec.get("head") or ""):
            raise PartError(f"{shown(BACKBONES)}: {backbone}: {preset}.{fault}", "backbone")
    untrained = loss == UNTRAINED
    name, variant = split_loss(UNTRAINED_LOSS if untrained else loss)
    file = _part("losses", cards.load_loss, name)
    card = _part("losses", file.variant, variant)
    if untrained:
        card = {**card, "name": UNTRAINED, "title": UNTRAINED}
    elif reason := compatibility.objection(spec, name, variant, card):
        raise PartError(reason)
    title = "Untrained" if untrained else file.title(variant)
    return Model(spec, file, card, {"detector": spec["title"], "loss": title})


def _part(key: str, load: Any, *arguments: Any) -> Any:
    try:
        return load(*arguments)
    except InputError as error:
        raise PartError(str(error), key) from None
