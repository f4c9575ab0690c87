"""What happens to an image before a detector sees it: mmdet's transforms, by a run's settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from rankdet.errors import InputError

Step = dict[str, Any]

# ImageNet's mean in RGB: what `expand` fills new ground with, as all the papers' code does.
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
        size: The side of a square that images are fitted into, or (shorter side, limit of the
            longer side): the papers' "500, × 1.66" is (500, 833), their "800, × 1.66" (800, 1333).
    """
    shorter, longer = (size, size) if isinstance(size, int) else size
    return longer, shorter


def train_pipeline(schedule: Mapping[str, Any], *, masks: bool = False) -> list[Step]:
    """Returns the training transforms: load, augment, resize, flip, pack.

    Args:
        schedule: The run's schedule: `image_size`, `keep_ratio`, `multi_scale`, `augmentation`,
            `min_box` and `flip` are read.
        masks: Whether to load the objects' masks too, as bitmaps.
    """
    return [
        {"type": "LoadImageFromFile"},
        {"type": "LoadAnnotations", "with_bbox": True, "with_mask": masks},
        *augmentation(schedule.get("augmentation", "none"), schedule.get("min_box", 0)),
        _train_resize(schedule),
        {"type": "RandomFlip", "prob": 0.5 if schedule.get("flip", True) else 0.0},
        {"type": "PackDetInputs"},
    ]


def augmentation(name: str, min_box: float = 0) -> list[Step]:
    """Returns SSD's augmentation (Liu et al., ECCV 2016, sections 2.2 and 3.6) or a part of it.

    Args:
        name: `none`; `ssd`: colours, expansion up to 4 x and crops; `ssd-crop`: without expansion,
            as APE Loss's section 4.1 names its parts; `ssd-lighting`: with lighting noise, and no
            crop at an IoU of .5, as the released ablations of aLRP Loss train.
        min_box: Boxes with a side below this are left out of training, pixels of the image file.
    """
    small = (
        []
        if not min_box
        else [
            {"type": "FilterAnnotations", "min_gt_bbox_wh": (min_box, min_box), "keep_empty": False}
        ]
    )
    if name == "none":
        return small
    lighting = name == "ssd-lighting"
    noise = [{"type": "LightingNoise", "std": 0.1}] if lighting else []
    expand = [] if name == "ssd-crop" else [EXPAND]
    overlaps = (0.1, 0.3, 0.7, 0.9) if lighting else (0.1, 0.3, 0.5, 0.7, 0.9)
    crop = {"type": "MinIoURandomCrop", "min_ious": overlaps, "min_crop_size": 0.3}
    return [*small, COLOURS, *noise, *expand, crop]


def _train_resize(schedule: Mapping[str, Any]) -> Step:
    longer, shorter = scale(schedule["image_size"])
    keep = schedule.get("keep_ratio", True)
    sides = schedule.get("multi_scale")
    if sides is None:
        return {"type": "Resize", "scale": (longer, shorter), "keep_ratio": keep}
    if not keep:
        raise InputError("schedule: multi_scale and `keep_ratio: false` exclude each other")
    limit = max(longer, *sides)
    scales = [(limit, side) for side in sides]
    if len(sides) > 2:
        return {"type": "RandomChoiceResize", "scales": scales, "keep_ratio": True}
    # mmdet draws each side of the scale between the two; the longer one is to stay as it is.
    return {"type": "RandomResize", "scale": scales, "keep_ratio": True}


def test_size(schedule: Mapping[str, Any], test: Mapping[str, Any]) -> int | Sequence[int]:
    """Returns the image size of tests: their own, else that of training."""
    return test.get("image_size") or schedule["image_size"]


def several_views(test: Mapping[str, Any]) -> bool:
    """Returns whether a test puts the detections of several views of an image together."""
    return bool(test.get("multi_scale") or test.get("flip"))


def test_pipeline(schedule: Mapping[str, Any], test: Mapping[str, Any]) -> list[Step]:
    """Returns the test transforms; annotations are not read.

    Args:
        schedule: The run's schedule.
        test: The run's test settings: `image_size`, `multi_scale` and `flip` are read. The last
            two give several views of each image, whose detections are then put together.
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
