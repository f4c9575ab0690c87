"""All pairs of a detector and a loss in the workflow's folders, planned like a study."""

from pathlib import Path
from typing import Any

import pytest

from rankdet.study import cards, compatibility
from rankdet.study.config.check import check_config
from rankdet.study.detectors import detector_names, load_detector
from rankdet.study.plan import Study
from tests.study.tiny import wildcards

DETECTORS = detector_names()
LOSSES = cards.loss_names()
# The quick tests cover each loss with one detector, and each detector with two kinds of losses.
QUICK_DETECTOR = "retinanet"
QUICK_LOSSES = ("focal", "alrp")


def objection(detector: str, loss: str) -> str | None:
    """Returns the reason why a pair is incompatible, or None."""
    card = cards.load_loss(loss).variant("")
    return compatibility.objection(load_detector(detector, "small"), loss, "", card)


def every_pair() -> list[Any]:
    """Returns (detector, loss) of all compatible pairs; those that are not quick are `slow`."""
    found = [(d, loss) for d in DETECTORS for loss in LOSSES if objection(d, loss) is None]
    slow = [[] if quick(*pair) else [pytest.mark.slow] for pair in found]
    return [
        pytest.param(*pair, marks=marks, id="-".join(pair))
        for pair, marks in zip(found, slow, strict=True)
    ]


def quick(detector: str, loss: str) -> bool:
    """Returns whether the quick tests cover a pair."""
    return detector == QUICK_DETECTOR or loss in QUICK_LOSSES


def refused_pairs() -> list[tuple[str, str]]:
    """Returns the incompatible pairs."""
    return [(d, loss) for d in DETECTORS for loss in LOSSES if objection(d, loss)]


def plan(detector: str, loss: str, schedule: dict[str, Any] | None = None) -> Study:
    """Returns a study of one run on a few built-in images. `detector` may end with `@backbone`."""
    name, _, backbone = detector.partition("@")
    group = {"dataset": "shapes", "detectors": [name], "losses": [loss]}
    config = {
        "study": "conformance",
        "title": "Conformance",
        "scale": "a few iterations; the numbers mean nothing",
        "preset": "small",
        "datasets": {"shapes": {"kind": "shapes"}},
        "runs": [{**group, "backbone": backbone} if backbone else group],
        "schedule": {"image_size": 64, "batch_size": 2, "iterations": 4, **(schedule or {})},
        "untrained": False,
        "device": "cpu",
    }
    return Study(check_config(config, "conformance"), "conformance")


def spec(
    detector: str, loss: str, manifest: Path, schedule: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Returns the training spec of a pair, as a job of the workflow gets it."""
    study = plan(detector, loss, schedule)
    found = study.spec(wildcards(study.runs[0]), threads=1)
    found["hashes"] = {**found["hashes"], "data": "built-in"}
    return {**found, "manifest": str(manifest)}
