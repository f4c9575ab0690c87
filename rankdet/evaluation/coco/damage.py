"""Finds segmentations that are damaged, without rasterising them.

pycocotools never returns for run lengths that do not add up, and takes minutes for polygons far
outside of their image.
"""

import math
from collections.abc import Sequence
from typing import Any

from rankdet.evaluation.coco.masks import CHUNK, FARTHEST, broken_masks

_RUNS = "run lengths that are not numbers or do not add up to height x width"


def damaged(segmentations: Sequence[Any], sizes: Sequence[tuple[int, int]]) -> dict[int, str]:
    """Returns what is wrong with each damaged segmentation, by its position.

    Segmentations of another form (none, an empty list, polygons of two points, RLE of another size
    than the image) are not damaged. They are no masks that a detector could learn.

    Args:
        segmentations: the `segmentation` of each annotation.
        sizes: (height, width) of each one's image in pixels.
    """
    found: dict[int, str] = {}
    texts: list[tuple[int, dict[str, Any]]] = []
    for i, (segmentation, size) in enumerate(zip(segmentations, sizes, strict=True)):
        if isinstance(segmentation, list):
            if not all(_is_near(part, FARTHEST * max(size)) for part in segmentation):
                found[i] = "polygon coordinates that are not finite or far outside of the image"
        elif isinstance(segmentation, dict) and segmentation.get("size") == list(size):
            counts = segmentation.get("counts")
            if isinstance(counts, str) and counts.isascii():
                texts.append((i, {"size": size, "counts": counts.encode()}))
            elif not _adds_up(counts, math.prod(size)):
                found[i] = _RUNS
    for start in range(0, len(texts), CHUNK):
        part = texts[start : start + CHUNK]
        found |= {part[k][0]: _RUNS for k in broken_masks([mask for _, mask in part])}
    return dict(sorted(found.items()))


def _is_near(part: Any, limit: float) -> bool:
    """Returns whether a polygon's numbers are in ±limit; True for what is no polygon."""
    if not (isinstance(part, list) and part and set(map(type, part)) <= {int, float}):
        return True
    # The sum of NaN and other numbers is NaN. A comparison with NaN alone depends on the order.
    return -limit <= min(part) and max(part) <= limit and not math.isnan(sum(part))


def _adds_up(counts: Any, pixels: int) -> bool:
    whole = isinstance(counts, list) and set(map(type, counts)) <= {int}
    return whole and min(counts, default=0) >= 0 and sum(counts) == pixels
