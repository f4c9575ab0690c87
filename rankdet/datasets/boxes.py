"""Repairs box, area and flags of a COCO annotation."""

import math
from typing import Any

from rankdet.datasets.problems import Problems
from rankdet.evaluation.coco.flags import FLAGS, flag

SLACK = 0.1  # pixels; some rounded boxes of COCO extend so far outside of their image


def is_number(value: Any) -> bool:
    """Returns whether a value read from JSON is a finite number; a boolean is not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the largest float
        return False


def repair(
    entry: dict[str, Any], size: tuple[int, int], where: str, problems: Problems
) -> dict[str, Any] | None:
    """Returns a repaired copy of an annotation, or None if it cannot be used.

    Args:
        entry: the annotation.
        size: (width, height) of its image in pixels.
        where: the annotation in words, for messages.
        problems: collects the problems.
    """
    crowd = _crowd(entry, where, problems)
    if crowd is None:
        return None
    bbox = entry.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(_is_real(v) for v in bbox):
        what = "annotations without a box of four numbers"
        problems.error(what, where, "give each 'bbox': [x, y, width, height]")
        return None
    example = f"{where}: {[round(v, 2) if is_number(v) else v for v in bbox]}"
    if not all(is_number(v) for v in bbox):
        problems.warning("boxes that are not finite", example, "dropped")
        return None
    if bbox[2] <= 0 or bbox[3] <= 0:
        problems.warning("boxes without width or height", example, "dropped")
        return None
    clipped = _clip(bbox, size)
    if clipped[2] <= 0 or clipped[3] <= 0:
        problems.warning("boxes completely outside of their image", example, "dropped")
        return None
    fixed = {**entry, "bbox": clipped, "iscrowd": crowd}
    if clipped != bbox:
        example = f"{example} in {size[0]} x {size[1]}"
        problems.warning("boxes partly outside of their image", example, "clipped")
    _repair_area(fixed, bbox, where, problems)
    return fixed


def _crowd(entry: dict[str, Any], where: str, problems: Problems) -> int | None:
    """Returns 1 for a crowd or an annotation with `ignore`, else 0; None: a flag cannot be read.

    mmdet leaves out annotations with `ignore` in training, COCO's evaluation counts them. As crowds
    they are left out of both.
    """
    for key in FLAGS:
        if flag(entry.get(key)) is None:
            example = f"{where}: {entry[key]!r:.20}"
            problems.error(f"annotations whose {key} is not 0 or 1", example, "write 0 or 1")
            return None
    if entry.get("iscrowd") is None:
        problems.warning("annotations without iscrowd", where, "set to 0")
    return int(any(flag(entry.get(key)) for key in FLAGS))


def _repair_area(
    fixed: dict[str, Any], given_bbox: list[float], where: str, problems: Problems
) -> None:
    """Adds or corrects the area.

    The area of the box replaces a missing area, one that is not positive (mmdet would not load the
    annotation), and the area of the box before it was clipped.
    """
    area, box_area = fixed.get("area"), fixed["bbox"][2] * fixed["bbox"][3]
    if area is None:
        problems.warning("annotations without an area", where, "set to the area of the box")
        fixed["area"] = box_area
    elif not is_number(area) or area <= 0:
        what, repair = "annotations without a positive area", "set to the area of the box"
        problems.warning(what, f"{where}: {area!r:.20}", repair)
        fixed["area"] = box_area
    elif fixed["bbox"] != given_bbox and math.isclose(area, given_bbox[2] * given_bbox[3]):
        fixed["area"] = box_area


def _is_real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _clip(bbox: list[float], size: tuple[int, int]) -> list[float]:
    x, y, width, height = bbox
    if (
        min(x, y) >= -SLACK
        and x + width <= size[0] + SLACK
        and y + height <= size[1] + SLACK
        and x < size[0]
        and y < size[1]
    ):
        return bbox
    left, top = max(0, x), max(0, y)
    return [left, top, min(size[0], x + width) - left, min(size[1], y + height) - top]
