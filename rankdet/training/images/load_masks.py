"""Reads the masks of annotations: polygons and run lengths become bitmaps inside their boxes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS
from pycocotools import mask as coco_mask

from rankdet.training.images.box_masks import Bitmap, BoxMasks, Corner

LEAST = 6  # numbers of a polygon: three points


@TRANSFORMS.register_module()
class LoadBoxMasks(BaseTransform):
    """Reads the masks of the objects; an object without a usable mask is ignored, as in mmdet."""

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Adds `gt_masks` (BoxMasks).

        Args:
            results: mmdet's: `ori_shape`, `instances` with a `mask` (COCO's `segmentation`), and
                `gt_ignore_flags`, which is set for objects without a usable mask.
        """
        height, width = results["ori_shape"]
        found = [_read(one.get("mask"), height, width) for one in results["instances"]]
        unusable = np.array([one is None for one in found], dtype=bool)
        results["gt_ignore_flags"] = np.asarray(results["gt_ignore_flags"], dtype=bool) | unusable
        kept = [one or (np.zeros((0, 0), dtype=np.uint8), (0, 0)) for one in found]
        parts, corners = [part for part, _ in kept], [corner for _, corner in kept]
        results["gt_masks"] = BoxMasks(parts, corners, height, width)
        return results

    def __repr__(self) -> str:
        """Returns the transform as it is written in a config."""
        return f"{type(self).__name__}()"


def _read(segmentation: Any, height: int, width: int) -> tuple[Bitmap, Corner] | None:
    """Returns the bitmap inside the box of a mask and its corner; None if it cannot be used."""
    lengths = _run_lengths(segmentation, height, width)
    if lengths is None:
        return None
    left, top, across, down = (int(number) for number in coco_mask.toBbox(lengths))
    whole = coco_mask.decode(lengths)
    part = np.ascontiguousarray(whole[top : top + down, left : left + across])
    return part, (left, top)


def _run_lengths(segmentation: Any, height: int, width: int) -> Any:
    """Returns COCO's compressed run lengths of polygons or of run lengths; None: not usable."""
    if isinstance(segmentation, list):
        polygons = [one for one in segmentation if len(one) >= LEAST and len(one) % 2 == 0]
        if not polygons:
            return None
        return coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
    if not isinstance(segmentation, Mapping) or not segmentation.get("size"):
        return None
    counts = segmentation.get("counts")
    if isinstance(counts, list):
        return coco_mask.frPyObjects(dict(segmentation), height, width)
    return dict(segmentation) if isinstance(counts, str) else None
