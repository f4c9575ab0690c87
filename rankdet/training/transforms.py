"""The image transforms of training and tests, from a run's settings, with the names of mmdet."""

from collections.abc import Mapping, Sequence
from typing import Any

from rankdet.errors import InputError

Step = dict[str, Any]

# ImageNet's mean in RGB: the colour of the new area in `expand`, as in the papers' code.
MEAN = (123.675, 116.28, 103.53)
COLOURS: Step = {
    "type": "PhotoMetricDistortion",
    "brightness_delta": 32,
    "contrast_range": (0.5, 1.5),
    "saturation_range": (0.5, 1.5),
    "hue_delta": 18,
}
EXPAND: Step = {"type": "Expand", "mean": MEAN, "to_rgb": True, "ratio_range": (1, 4)}
TEST_META = ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")


def scale(size: int | Sequence[int]) -> tuple[int, int]:
    """Returns mmdet's scale (longer, shorter) of an image size, in pixels.

    Args:
        size: The side of a square into which images are scaled, or (shorter side, limit of the
            longer side). In the papers, "500, × 1.66" is (500, 833), "800, × 1.66" is (800, 1333).
    """
    shorter, longer = (size, size) if isinstance(size, int) else size
    return longer, shorter


def train_pipeline(schedule: Mapping[str, Any], *, masks: bool = False) -> list[Step]:
    """Returns the training transforms: load, augment, resize, flip, pack.

    Args:
        schedule: The run's schedule: its `image_size`, `keep_ratio`, `multi_scale`, `augmentation`,
            `min_box` and `flip`.
        masks: Whether to load the masks of the objects, too.
    """
    from rankdet.training.images import load_masks, ssd  # registers their transforms

    changes = [*augmentation(schedule.get("augmentation", "none")), _train_resize(schedule)]
    if len(changes) > 1:
        changes = [{"type": ssd.SSDImages.__name__, "steps": changes}]
    return [
        {"type": "LoadImageFromFile"},
        {"type": "LoadAnnotations", "with_bbox": True},
        *([{"type": load_masks.LoadBoxMasks.__name__}] if masks else []),
        *_without_small(schedule.get("min_box", 0)),
        *changes,
        {"type": "RandomFlip", "prob": 0.5 if schedule.get("flip", True) else 0.0},
        {"type": "PackDetInputs"},
    ]


def single_steps(pipeline: Sequence[Step]) -> list[Step]:
    """Returns a pipeline with mmdet's steps in place of the one that does them together."""
    return [one for step in pipeline for one in step.get("steps", [step])]


def _without_small(min_box: float) -> list[Step]:
    """Returns the step that drops boxes with a side below `min_box` pixels of the image file."""
    if not min_box:
        return []
    sides = (min_box, min_box)
    return [{"type": "FilterAnnotations", "min_gt_bbox_wh": sides, "keep_empty": False}]


def augmentation(name: str) -> list[Step]:
    """Returns SSD's augmentation (Liu et al., ECCV 2016, sections 2.2 and 3.6) or a part of it.

    Args:
        name: `none`; `ssd`: colours, expansion up to 4 x and crops; `ssd-crop`: without expansion,
            the parts in section 4.1 of APE Loss; `ssd-lighting`: with lighting noise and without
            crops at an IoU of .5, as in the released ablations of aLRP Loss.
    """
    if name == "none":
        return []
    lighting = name == "ssd-lighting"
    noise = [{"type": "LightingNoise", "std": 0.1}] if lighting else []
    expand = [] if name == "ssd-crop" else [EXPAND]
    overlaps = (0.1, 0.3, 0.7, 0.9) if lighting else (0.1, 0.3, 0.5, 0.7, 0.9)
    crop = {"type": "MinIoURandomCrop", "min_ious": overlaps, "min_crop_size": 0.3}
    return [COLOURS, *noise, *expand, crop]


def _train_resize(schedule: Mapping[str, Any]) -> Step:
    longer, shorter = scale(schedule["image_size"])
    keep = schedule.get("keep_ratio", True)
    sides = schedule.get("multi_scale")
    if sides is None:
        return {"type": "Resize", "scale": (longer, shorter), "keep_ratio": keep}
    if not keep:
        raise InputError(
            "schedule: `multi_scale` and `keep_ratio: false` exclude each other; remove one"
        )
    limit = max(longer, *sides)
    scales = [(limit, side) for side in sides]
    if len(sides) > 2:
        return {"type": "RandomChoiceResize", "scales": scales, "keep_ratio": True}
    # mmdet draws each side between the two scales. The longer side is equal in both.
    return {"type": "RandomResize", "scale": scales, "keep_ratio": True}


def test_size(schedule: Mapping[str, Any], test: Mapping[str, Any]) -> int | Sequence[int]:
    """Returns the image size of tests: `image_size` of the test settings, or of the schedule."""
    size: int | Sequence[int] = test.get("image_size") or schedule["image_size"]
    return size


def several_views(test: Mapping[str, Any]) -> bool:
    """Returns whether a test merges the detections of several views of an image."""
    return bool(test.get("multi_scale") or test.get("flip"))


def test_pipeline(schedule: Mapping[str, Any], test: Mapping[str, Any]) -> list[Step]:
    """Returns the test transforms; annotations are not read.

    Args:
        schedule: The run's schedule.
        test: The run's test settings: its `image_size`, `keep_ratio`, `multi_scale` and `flip`.
            The last two give several views of each image, whose detections are merged later.
    """
    size = test_size(schedule, test)
    load = {"type": "LoadImageFromFile"}
    if not several_views(test):
        resize = _resize(size, test.get("keep_ratio", True))
        return [load, resize, {"type": "PackDetInputs", "meta_keys": TEST_META}]
    sizes = test.get("multi_scale") or [size]
    flips = [
        {"type": "RandomFlip", "prob": p} for p in ((0.0, 1.0) if test.get("flip") else (0.0,))
    ]
    pack = {"type": "PackDetInputs", "meta_keys": (*TEST_META, "flip", "flip_direction")}
    views = [[_resize(one) for one in sizes], flips, [pack]]
    return [load, {"type": "TestTimeAug", "transforms": views}]


def _resize(size: int | Sequence[int], keep: bool = True) -> Step:
    return {"type": "Resize", "scale": scale(size), "keep_ratio": keep}
