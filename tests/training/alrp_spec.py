"""The spec of a small training of RetinaNet with aLRP Loss, as the workflow writes it."""

from pathlib import Path
from typing import Any

from rankdet.study.detectors import load_detector


def alrp_spec(
    folder: Path, *, balance: dict[str, Any] | None = None, **keys: Any
) -> dict[str, Any]:
    """Returns the spec, for data that are prepared in a folder.

    Args:
        folder: The folder with `dataset.json`.
        balance: The balance of the loss card; None leaves it out.
        **keys: Further keys of the spec, and others in the place of those here; `schedule` and
            `test` have no default.
    """
    card = {"name": "alrp", "classification": {"type": "ALRPLoss"}, "box": {"type": "giou"}}
    return {
        "study": "test",
        "dataset": "shapes",
        "detector": "retinanet",
        "loss": "alrp",
        "variant": "",
        "seed": 1,
        "preset": "small",
        "manifest": str(folder / "dataset.json"),
        "detector_spec": load_detector("retinanet", "small"),
        "card": card if balance is None else {**card, "balance": balance},
        "loss_file": None,
        "splits": ["val"],
        "hashes": {"config": "c", "code": "k", "loss": "l", "data": "d"},
        "threads": 1,
        "device": "cpu",
        **keys,
    }
