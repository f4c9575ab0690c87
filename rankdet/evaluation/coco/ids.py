"""Ids of COCO files: which ones can be used, and new ones for annotations below 1."""

from collections.abc import Sequence
from itertools import count

SMALLEST, LARGEST = -(2**63), 2**63 - 1


def fits(value: int) -> bool:
    """Returns whether an id fits 64 bits with a sign, as arrays and tables hold it."""
    return SMALLEST <= value <= LARGEST


def from_one(ids: Sequence[int]) -> dict[int, int]:
    """Returns new positive ids for the annotation ids below 1.

    pycocotools takes a match with annotation 0 for no match, and our table of matches has -1 for
    no match. So annotations need ids from 1; the other ids are kept.

    Args:
        ids: the annotation ids of a file, unique.

    Returns:
        Each id below 1, in the order of `ids`, to an id that no annotation has.
    """
    wrong = [i for i in ids if i < 1]
    if not wrong:
        return {}
    known = set(ids)
    last = max(*known, 0)
    start = last + 1 if fits(last + len(wrong)) else 1
    return dict(zip(wrong, (i for i in count(start) if i not in known), strict=False))
