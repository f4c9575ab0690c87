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

    Empty values (null, [], {}) and lists that are not polygons (two points, a flat list) do not
    count as damaged: no detector could learn such masks, and nothing reads them for boxes.

    Args:
        segmentations: the `segmentation` of each annotation.
        sizes: (height, width) of each one's image in pixels.
    """
    found: dict[int, str] = {}
    texts: list[tuple[int, dict[str, Any]]] = []
    for i, (segmentation, size) in enumerate(zip(segmentations, sizes, strict=True)):
        if segmentation in (None, [], {}):
            continue
        if isinstance(segmentation, list):
            if not all(_is_near(part, FARTHEST * max(size)) for part in segmentation):
                found[i] = "polygon coordinates that are not finite or far outside of the image"
        elif not isinstance(segmentation, dict):
            found[i] = "a segmentation that is neither polygons nor run lengths"
        elif not _is_size(segmentation.get("size"), size):
            found[i] = "run lengths whose 'size' is not [height, width] of the image"
        else:
            counts = segmentation.get("counts")
            if isinstance(counts, str) and counts.isascii():
                texts.append((i, {"size": size, "counts": counts.encode()}))
            elif not _adds_up(counts, math.prod(size)):
                found[i] = _RUNS
    for start in range(0, len(texts), CHUNK):
        part = texts[start : start + CHUNK]
        found |= {part[k][0]: _RUNS for k in broken_masks([mask for _, mask in part])}
    return dict(sorted(found.items()))


def _is_size(value: Any, size: tuple[int, int]) -> bool:
    return value == list(size) and set(map(type, value)) == {int}


def _is_near(part: Any, limit: float) -> bool:
    """Returns whether a polygon's numbers are in ±limit; what is no polygon must be finite."""
    if not (isinstance(part, list) and part and set(map(type, part)) <= {int, float}):
        return _is_finite(part, depth=4)
    # The sum of NaN and other numbers is NaN. A comparison with NaN alone depends on the order.
    return -limit <= min(part) and max(part) <= limit and not math.isnan(sum(part))


def _is_finite(value: Any, depth: int) -> bool:
    if isinstance(value, list):
        return depth > 0 and all(_is_finite(part, depth - 1) for part in value)
    return not isinstance(value, float) or math.isfinite(value)


def _adds_up(counts: Any, pixels: int) -> bool:
    whole = isinstance(counts, list) and set(map(type, counts)) <= {int}
    return whole and min(counts, default=0) >= 0 and sum(counts) == pixels
