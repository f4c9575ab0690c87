"""Tests with several views of an image: its sizes, and whether a detector can be tested so."""

from collections.abc import Iterable

from rankdet.errors import InputError
from rankdet.study import resolve
from rankdet.study.config.model import SIDES, StudyConfig, TestSettings
from rankdet.study.detectors import load_detector
from rankdet.study.runs import Run

# The sizes of mmdet's own test with several views (its configs/retinanet/retinanet_tta.py: 400, 800
# and 1200 pixels, each mirrored too), as parts of the usual one. The papers do not name theirs.
SCALES = (0.5, 1.0, 1.5)
ONLY_BOXES = "test.multi_scale and test.flip: mmdet puts boxes of several views together, not masks"


def check(config: StudyConfig, runs: Iterable[Run], source: str) -> None:
    """Checks that every run's detector can be tested as asked, before anything is trained.

    Raises:
        InputError: If one predicts masks, and a test of it has several views of an image.
    """
    for run in runs:
        places = [{}, *({"test": name} for name, _ in run.test_variants)]
        tests = (resolve.test(config, run, place) for place in places)
        several = any(test.get("multi_scale") or test.get("flip") for test in tests)
        if several and load_detector(run.detector, config.preset).get("masks"):
            raise InputError(f"{source}: {run.key}: {ONLY_BOXES}; leave them out for this detector")


def multi_scale(config: StudyConfig, run: Run) -> TestSettings:
    """Returns the papers' "multi-scale test" of a run, around the image size of its own test."""
    sizes = (s.image_size for s in (run.test, config.test, run.schedule, config.schedule))
    size = next(size for size in sizes if size is not None)
    return TestSettings(multi_scale=[_scaled(size, part) for part in SCALES], flip=True)


def _scaled(size: int | list[int], part: float) -> int | list[int]:
    sides = [size] if isinstance(size, int) else size
    found = [min(max(round(part * side), SIDES.start), SIDES.stop - 1) for side in sides]
    return found[0] if isinstance(size, int) else found
