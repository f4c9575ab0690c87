"""Masks in COCO's formats: polygons along pixel edges, and run lengths for crowds."""

from collections import defaultdict
from typing import Any

import numpy as np

Corner = tuple[int, int]


def run_lengths(mask: np.ndarray) -> dict[str, Any]:
    """Returns COCO's uncompressed RLE of a bool mask (height, width).

    `counts` has the lengths of the runs down the columns, starting with a run of zeros.
    """
    flat = np.asfortranarray(mask).ravel(order="F").astype(bool)
    changes = np.flatnonzero(np.diff(flat, prepend=False))
    counts = np.diff(np.concatenate(([0], changes, [flat.size])))
    return {"counts": counts.tolist(), "size": [int(n) for n in mask.shape]}


def polygons(mask: np.ndarray, left: int = 0, top: int = 0) -> list[list[int]]:
    """Returns polygons [x1, y1, x2, y2, ...] whose union is exactly the mask's pixels.

    COCO's mask of an object is the union of its polygons, so a polygon cannot be a hole. A part
    with a hole is divided into two at a column through the hole. Corners are on pixel edges (pixel
    (0, 0) is [0, 1] × [0, 1]).

    Args:
        mask: bool (height, width).
        left: x of the mask's first column in the image; it is added to all x.
        top: y of the mask's first row in the image; it is added to all y.
    """
    outlines = _outlines(mask)
    for corners in outlines:
        if _signed_area(corners) < 0:
            columns = [x for x, _ in corners]
            cut = max((min(columns) + max(columns)) // 2, min(columns) + 1)
            return polygons(mask[:, :cut], left, top) + polygons(mask[:, cut:], left + cut, top)
    return [[c for x, y in corners for c in (x + left, y + top)] for corners in outlines]


def _outlines(mask: np.ndarray) -> list[list[Corner]]:
    """Returns closed outlines with the mask on their right; holes have the opposite direction."""
    following = _edges(mask)
    found = []
    while following:
        start = next(iter(following))
        corners, here, step = [], start, (0, 0)
        while True:
            ahead = following[here]
            # If two pixels touch only at a corner, turn right: they stay two parts.
            right = (here[0] - step[1], here[1] + step[0])
            there = ahead.pop(ahead.index(right) if right in ahead else 0)
            if not ahead:
                del following[here]
            new = (there[0] - here[0], there[1] - here[1])
            if new != step:
                corners.append(here)
            here, step = there, new
            if here == start:
                break
        found.append(corners)
    return found


def _edges(mask: np.ndarray) -> dict[Corner, list[Corner]]:
    """Returns unit edges between a pixel of the mask and one outside, clockwise (y down)."""
    padded = np.pad(mask.astype(bool), 1)
    inside = padded[1:-1, 1:-1]
    following: dict[Corner, list[Corner]] = defaultdict(list)
    # for each neighbour outside: start and end of the edge, relative to the upper left corner
    for outside, (x1, y1), (x2, y2) in (
        (~padded[:-2, 1:-1], (0, 0), (1, 0)),
        (~padded[1:-1, 2:], (1, 0), (1, 1)),
        (~padded[2:, 1:-1], (1, 1), (0, 1)),
        (~padded[1:-1, :-2], (0, 1), (0, 0)),
    ):
        for y, x in np.argwhere(inside & outside).tolist():
            following[(x + x1, y + y1)].append((x + x2, y + y2))
    return following


def _signed_area(corners: list[Corner]) -> int:
    pairs = zip(corners, corners[1:] + corners[:1], strict=True)
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)
