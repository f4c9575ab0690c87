"""The papers' "multi-scale test": the image sizes at which it detects."""

from rankdet.study.config.model import StudyConfig
from rankdet.study.config.schedule import SIDES, TestSettings
from rankdet.study.runs import Run

# The sizes of mmdet's multi-scale test (its configs/retinanet/retinanet_tta.py: 400, 800 and 1200
# pixels, each flipped too), relative to the usual size. The papers do not give their sizes.
SCALES = (0.5, 1.0, 1.5)


def multi_scale_test(config: StudyConfig, run: Run) -> TestSettings:
    """Returns the settings of a run's multi-scale test, around the image size of its main test."""
    levels = (run.test_change, config.test, run.schedule_change, config.schedule)
    size = next(level.image_size for level in levels if level.image_size is not None)
    return TestSettings(multi_scale=[_scaled(size, scale) for scale in SCALES], flip=True)


def _scaled(size: int | list[int], scale: float) -> int | list[int]:
    sides = [size] if isinstance(size, int) else size
    found = [min(max(round(scale * side), SIDES.start), SIDES.stop - 1) for side in sides]
    return found[0] if isinstance(size, int) else found
