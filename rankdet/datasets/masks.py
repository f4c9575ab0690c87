"""Tests whether segmentations of COCO annotations can be used for training and evaluation."""

from collections.abc import Mapping
from typing import Any


def count_usable(data: Mapping[str, Any]) -> int:
    """Returns the number of annotations, including crowds, with a usable mask.

    Args:
        data: COCO annotations whose images have a width and a height.
    """
    sizes = {image["id"]: [image["height"], image["width"]] for image in data["images"]}
    return sum(
        is_usable(annotation.get("segmentation"), sizes[annotation["image_id"]])
        for annotation in data["annotations"]
    )


def is_usable(segmentation: Any, size: list[int]) -> bool:
    """Returns whether a segmentation has polygons of three or more points, or RLE of its image.

    Args:
        segmentation: the `segmentation` of an annotation, or None.
        size: [height, width] of its image.
    """
    if isinstance(segmentation, list):
        return bool(segmentation) and all(_is_polygon(part) for part in segmentation)
    if not isinstance(segmentation, Mapping):
        return False
    counts = segmentation.get("counts")
    return isinstance(counts, list | str) and list(segmentation.get("size") or []) == size


def _is_polygon(part: Any) -> bool:
    """Returns whether `part` has x, y of three or more points; mmdet ignores shorter ones."""
    numbers = isinstance(part, list) and set(map(type, part)) <= {int, float}
    return numbers and len(part) >= 6 and len(part) % 2 == 0
