"""Converts polygons and both forms of RLE to COCO's compressed run-length encodings (RLE)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rankdet.errors import InputError, counted, entry
from rankdet.evaluation.coco.checks import shown
from rankdet.evaluation.coco.json_stream import read_json_list

CHUNK = 20_000  # masks checked at a time: bounds the memory
FARTHEST = 10  # times the longer side of the image: the largest coordinate of a polygon


def carry_masks(path: Path | str) -> bool:
    """Returns whether the first detection of a results file has a mask; False without any."""
    first = next(read_json_list(path, block=2**16), [])
    return bool(first) and first[0].get("segmentation") is not None


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
        numbers: (N,) position of each entry in its file; by default 0 to N - 1.

    Raises:
        InputError: a mask is missing or malformed, or its size differs from its image's.
    """
    numbers = np.arange(len(entries)) if numbers is None else numbers
    masks = []
    for one, (height, width), number in zip(entries, sizes.tolist(), numbers, strict=True):
        segmentation = one.get("segmentation")
        place = f"{path}: {entry(number, what=what)}"
        if isinstance(segmentation, list) and not (height and width):
            raise InputError(f"{place} is a polygon, but its image has no height and width")
        try:
            rle = _rle(segmentation, height, width)
        except Exception:  # pycocotools' compiled code raises errors of many types
            raise InputError(
                f"{place} has 'segmentation' {shown(segmentation)}; needed: polygons or RLE "
                f"(coordinates of polygons up to {FARTHEST} times the image's longer side)"
            ) from None
        if height and width and rle["size"] != [height, width]:
            raise InputError(
                f"{place} has a mask of {rle['size'][0]} x {rle['size'][1]} pixels "
                f"in an image of {height} x {width} (height x width)"
            )
        masks.append(rle)
    broken = [
        numbers[i]
        for start in range(0, len(masks), CHUNK)
        for i in start + broken_masks(masks[start : start + CHUNK])
    ]
    if broken:
        raise InputError(
            f"{path}: the run lengths of {counted(len(broken), what)} do not add up to height x "
            f"width of the mask: {entry(*broken)}; write them again"
        )
    return masks


def _rle(segmentation: Any, height: int, width: int) -> dict[str, Any]:
    from pycocotools import mask as coco_mask

    if isinstance(segmentation, list):
        # The time of the rasteriser grows with the coordinates: huge ones would take forever.
        limit = FARTHEST * max(height, width)
        if not all(np.abs(np.asarray(p, dtype=float)).max() <= limit for p in segmentation):
            raise ValueError
        return _plain(coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width)))
    rows, columns = (int(v) for v in segmentation["size"])
    if isinstance(segmentation["counts"], list):
        return _plain(coco_mask.frPyObjects(segmentation, rows, columns))
    return {"size": [rows, columns], "counts": segmentation["counts"].encode("ascii")}


def _plain(rle: Mapping[str, Any]) -> dict[str, Any]:
    return {"size": [int(v) for v in rle["size"]], "counts": rle["counts"]}


def broken_masks(masks: Sequence[Mapping[str, Any]]) -> NDArray[np.int64]:
    """Returns which masks' run lengths are negative or do not sum to height x width.

    pycocotools never returns for such a mask. A character of its text encodes 5 bits, lowest bits
    first, as character 48 + bits. Bit 5 means that more characters follow; bit 4 of the last one is
    the sign. From the fourth run on, a run is stored as its difference to the run two before it.

    Args:
        masks: compressed RLE.

    Returns:
        Their positions, ascending.
    """
    sizes = np.array([m["size"] for m in masks], dtype=np.int64).reshape(-1, 2)
    lengths = np.array([len(m["counts"]) for m in masks], dtype=np.int64)
    characters = np.frombuffer(b"".join(m["counts"] for m in masks), dtype=np.uint8)
    codes = characters.astype(np.int64) - 48
    owner = np.repeat(np.arange(len(masks)), lengths)
    broken = np.zeros(len(masks), dtype=bool)
    broken[owner[(codes < 0) | (codes > 63)]] = True
    ends = np.cumsum(lengths)[lengths > 0] - 1
    broken[owner[ends[codes[ends] & 32 > 0]]] = True
    codes[ends] &= ~32  # so that no run reaches into the next mask

    last = np.flatnonzero(codes & 32 == 0)
    first = np.r_[0, last[:-1] + 1] if len(last) else last
    depth = np.arange(len(codes)) - np.repeat(first, last - first + 1)
    broken[owner[depth > 5]] = True
    bits = (codes & 31) << (5 * np.minimum(depth, 6))
    runs = np.add.reduceat(bits, first) if len(first) else bits
    runs = runs - np.where(codes[last] & 16 > 0, np.int64(1) << (5 * (depth[last] + 1)), 0)
    runs = _add_differences(runs, owner[last])
    broken[owner[last[runs < 0]]] = True
    total = np.bincount(owner[last], weights=runs, minlength=len(masks))
    return np.flatnonzero(broken | (total != sizes[:, 0] * sizes[:, 1]))


def _add_differences(runs: NDArray[np.int64], owner: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns the runs (R,) from their differences; `owner` (R,), ascending, has their masks."""
    if len(runs) == 0:
        return runs
    new = np.r_[True, owner[1:] != owner[:-1]]
    starts = np.flatnonzero(new)
    place = np.arange(len(runs)) - np.repeat(starts, np.diff(np.r_[starts, len(runs)]))
    out = runs.copy()
    for parity in (0, 1):
        chosen = np.flatnonzero((place % 2 == parity) & (place > 0))
        if len(chosen) == 0:
            continue
        sums = np.cumsum(runs[chosen])
        begins = np.flatnonzero(np.r_[True, np.diff(owner[chosen]) > 0])
        before = sums[begins] - runs[chosen[begins]]
        out[chosen] = sums - np.repeat(before, np.diff(np.r_[begins, len(chosen)]))
    return out


def mask_areas(masks: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    """Returns the masks' areas (N,) in pixels."""
    from pycocotools import mask as coco_mask

    # One by one: pycocotools 2.0.11 overflows on lists of more than 255 masks with numpy 2.
    return np.array([float(coco_mask.area(dict(mask))) for mask in masks], dtype=np.float64)
