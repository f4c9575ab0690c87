"""Masks as COCO's compressed run-length encodings (RLE), from polygons or either form of RLE."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.coco_checks import shown
from analysis.errors import InputError


def encode(
    entries: Sequence[Mapping[str, Any]],
    sizes: NDArray[np.int64],
    path: Path,
    what: str,
    numbers: NDArray[np.int64] | None = None,
) -> list[dict[str, Any]]:
    """Returns each entry's `segmentation` as {"size": [height, width], "counts": bytes}.

    Args:
        entries: annotations or detections.
        sizes: (N, 2) height and width of each entry's image; 0 where unknown.
        path: the file, for messages.
        what: "annotation" or "detection", for messages.
        numbers: (N,) place of each entry in its file; by default 0 to N - 1.

    Raises:
        InputError: a mask is missing, malformed, or not of its image's size.
    """
    from pycocotools import mask as coco_mask

    numbers = np.arange(len(entries)) if numbers is None else numbers
    masks = []
    for entry, (height, width), number in zip(entries, sizes.tolist(), numbers, strict=True):
        segmentation = entry.get("segmentation")
        place = f"{path}: {what} {number} (from 0)"
        try:
            if isinstance(segmentation, list) and segmentation:
                if not height or not width:
                    raise InputError(f"{place} is a polygon, but its image has no height and width")
                rle = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
            elif isinstance(segmentation, dict) and isinstance(segmentation["counts"], list):
                rle = coco_mask.frPyObjects(segmentation, *segmentation["size"])
            elif isinstance(segmentation, dict):
                counts = segmentation["counts"]
                rle = {
                    "size": list(segmentation["size"]),
                    "counts": counts.encode() if isinstance(counts, str) else bytes(counts),
                }
            else:
                raise ValueError
        except InputError:
            raise
        except Exception:  # the C code raises whatever it meets
            raise InputError(
                f"{place} has 'segmentation' {shown(segmentation)}; needed: polygons or RLE"
            ) from None
        if height and width and list(rle["size"]) != [height, width]:
            raise InputError(
                f"{place} has a mask of {rle['size'][0]} x {rle['size'][1]} pixels "
                f"in an image of {height} x {width} (height x width)"
            )
        masks.append(rle)
    return masks


def mask_areas(masks: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    """Returns the masks' areas (N,) in pixels."""
    from pycocotools import mask as coco_mask

    # One by one: pycocotools 2.0.11 overflows on lists of more than 255 masks with numpy 2.
    return np.array([float(coco_mask.area(dict(mask))) for mask in masks], dtype=np.float64)
