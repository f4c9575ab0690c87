"""What a study measures of its losses' cost: `cost` of its config, and the job's spec."""

from typing import Any

from rankdet.errors import InputError
from rankdet.study import cards
from rankdet.study.backbones import detector_with
from rankdet.study.config.model import Cost
from rankdet.study.fingerprint import hashes
from rankdet.study.runs import split_loss

__all__ = ["Cost", "cost_hash", "cost_spec"]


def cost_spec(cost: Cost, source: str, threads: int, device: str) -> dict[str, Any]:
    """Returns what `rankdet.training.cost` works from; JSON-serialisable.

    Args:
        cost: The config's `cost`.
        source: Where it stands, for messages.
        threads: CPU threads.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        InputError: If a detector, loss or variant is unknown.
    """
    try:
        entries = [
            _entry(detector, loss, cost.preset)
            for detector in cost.detectors
            for loss in cost.losses
        ]
    except InputError as error:
        raise InputError(f"{source}: cost: {error}") from None
    settings = cost.model_dump(exclude={"detectors", "losses"})
    return {**settings, "entries": entries, "threads": threads, "device": device}


def _entry(detector: str, loss: str, preset: str) -> dict[str, Any]:
    spec = detector_with(*detector.partition("@")[::2], preset)
    name, variant = split_loss(loss)
    file = cards.load_loss(name)
    return {
        "detector": detector,
        "loss": loss,
        "titles": {"detector": spec["title"], "loss": file.title(variant)},
        "detector_spec": spec,
        "card": file.variant(variant),
        "loss_file": str(file.path),
    }


def cost_hash(cost: Cost) -> str:
    """Returns what the measurement depends on, the machine apart."""
    losses = [split_loss(loss) for loss in cost.losses]
    return hashes.digest(
        hashes.step_hash("cost"),
        cost.model_dump(),
        [detector_with(*name.partition("@")[::2], cost.preset) for name in cost.detectors],
        [hashes.loss_hash(cards.load_loss(name), variant) for name, variant in losses],
    )
