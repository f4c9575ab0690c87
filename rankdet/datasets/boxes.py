"""Repairs of one COCO annotation's box, area and crowd flag."""

import math
from typing import Any

from rankdet.datasets.findings import Findings

SLACK = 0.1  # in pixels: COCO's own rounded boxes reach that far outside now and then


def is_number(value: Any) -> bool:
    """Returns whether a value read from JSON is a finite number; a boolean is not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value)


def repair(
    entry: dict[str, Any], size: tuple[int, int], where: str, findings: Findings
) -> dict[str, Any] | None:
    """Returns a copy that can be used, or None if the annotation has to go.

    Args:
        entry: the annotation.
        size: (width, height) of its image.
        where: names the annotation, for the findings.
        findings: takes what was wrong.
    """
    bbox = entry.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(_is_real(v) for v in bbox):
        what = "annotations without a box of four numbers"
        findings.error(what, where, "give each 'bbox': [x, y, width, height]")
        return None
    told = f"{where}: {[round(v, 2) if is_number(v) else v for v in bbox]}"
    if not all(is_number(v) for v in bbox):
        findings.warning("boxes that are not finite", told, "dropped")
        return None
    if bbox[2] <= 0 or bbox[3] <= 0:
        findings.warning("boxes without width or height", told, "dropped")
        return None
    clipped = _clip(bbox, size)
    if clipped[2] <= 0 or clipped[3] <= 0:
        findings.warning("boxes wholly outside their image", told, "dropped")
        return None
    fixed = {**entry, "bbox": clipped}
    if clipped != bbox:
        findings.warning(
            "boxes that reach outside their image", f"{told} in {size[0]} x {size[1]}", "clipped"
        )
    if not _repair_area(fixed, bbox, where, findings):
        return None
    if entry.get("iscrowd") not in (0, 1):
        findings.warning("annotations whose iscrowd is neither 0 nor 1", where, "taken as 0")
        fixed["iscrowd"] = 0
    fixed["iscrowd"] = int(fixed["iscrowd"])
    return fixed


def _repair_area(
    fixed: dict[str, Any], given_bbox: list[float], where: str, findings: Findings
) -> bool:
    """Sees to an area that is missing or that was the unclipped box's; False: drop it."""
    area, box_area = fixed.get("area"), fixed["bbox"][2] * fixed["bbox"][3]
    if area is None:
        findings.warning("annotations without an area", where, "the box's area taken")
        fixed["area"] = box_area
    elif not is_number(area) or area <= 0:
        findings.warning("annotations without a positive area", f"{where}: {area!r:.20}", "dropped")
        return False
    elif fixed["bbox"] != given_bbox and math.isclose(area, given_bbox[2] * given_bbox[3]):
        fixed["area"] = box_area
    return True


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
