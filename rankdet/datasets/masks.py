"""Segmentations of COCO-format annotations: which of them can be trained and evaluated on."""

from collections.abc import Mapping
from typing import Any


def count_usable(data: Mapping[str, Any]) -> int:
    """Returns how many annotations, crowds included, have a usable mask.

    Args:
        data: COCO-format annotations whose images have a width and a height.
    """
    sizes = {image["id"]: [image["height"], image["width"]] for image in data["images"]}
    return sum(
        is_usable(annotation.get("segmentation"), sizes[annotation["image_id"]])
        for annotation in data["annotations"]
    )


def is_usable(segmentation: Any, size: list[int]) -> bool:
    """Returns whether a segmentation is polygons of three or more points, or RLE of its image.

    Args:
        segmentation: what an annotation gives, perhaps None.
        size: height and width of its image.
    """
    if isinstance(segmentation, list):
        return bool(segmentation) and all(_is_polygon(part) for part in segmentation)
    if not isinstance(segmentation, Mapping):
        return False
    counts = segmentation.get("counts")
    return isinstance(counts, list | str) and list(segmentation.get("size") or []) == size


def _is_polygon(part: Any) -> bool:
    """x, y of three or more points; mmdet leaves out shorter ones."""
    numbers = isinstance(part, list) and all(isinstance(v, int | float) for v in part)
    return numbers and len(part) >= 6 and len(part) % 2 == 0
