"""Sorting by whole numbers in linear time.

A counting sort: SciPy does it when it turns a sparse matrix with one number in each column into
rows. Of millions of elements it takes a sixth of the time of NumPy's stable sort.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from rankdet.evaluation.coco.types import Bools, Floats

Whole = NDArray[np.signedinteger[Any]]  # 32 bits where they are enough: half the memory to move


def by_group(group: Whole, groups: int) -> tuple[Whole, Whole]:
    """Sorts elements by their group; those of one group keep their order.

    Args:
        group: (N,) the group of each element, in 0 ... groups − 1.
        groups: number of groups, U.

    Returns:
        (N,) the elements in order, and (U + 1,) the place at which each group starts.
    """
    count = len(group)
    entries = np.ones(count, dtype=np.int8), group, np.arange(count + 1)
    rows = sparse.csc_array(entries, shape=(groups, count)).tocsr()
    return rows.indices, rows.indptr


def lexical_order(*keys: Whole, order: Whole | None = None) -> Whole:
    """Returns the order by several keys, the last one first, as `numpy.lexsort`, (N,).

    Args:
        keys: (N,) each, whole numbers >= 0, not much larger than N.
        order: (N,) the order before; elements with equal keys keep it.
    """
    for key in keys:
        if order is None:
            order = by_group(key, int(key.max(initial=0)) + 1)[0]
        else:
            order = order[by_group(key[order], int(key.max(initial=0)) + 1)[0]]
    return np.arange(0) if order is None else order


def places(order: Whole) -> Whole:
    """Returns the place of each element in an order, (N,)."""
    place = np.empty_like(order)
    place[order] = np.arange(len(order), dtype=order.dtype)
    return place


class Groups:
    """Elements with equal values, and their order.

    Attributes:
        order: (N,) the elements by value; equal ones keep their order.
        group: (N,) rank of each element's value among the distinct values, from 0.
        starts: (U + 1,) where each group starts in `order`; the last number is N.
    """

    def __init__(self, order: Whole, differs: Bools) -> None:
        """Groups elements.

        Args:
            order: (N,) the elements in order.
            differs: (N − 1,) whether an element of `order` differs from the one before it.
        """
        self.order = order
        self.starts = np.r_[0, np.flatnonzero(differs) + 1, len(order)]
        rank = np.zeros(len(order), dtype=np.int32)
        np.cumsum(differs, out=rank[1:])
        self.group = np.empty_like(rank)
        self.group[order] = rank

    @classmethod
    def of_values(cls, values: Floats) -> "Groups":
        """Groups (N,) values, N > 0."""
        order = np.argsort(values, kind="stable")
        ordered = values[order]
        return cls(order, ordered[1:] != ordered[:-1])

    @classmethod
    def of_pairs(cls, x: "Groups", y: "Groups") -> "Groups":
        """Groups pairs of values, ordered by x, those with equal x by y."""
        order = lexical_order(x.group, order=y.order)
        first, second = x.group[order], y.group[order]
        return cls(order, (first[1:] != first[:-1]) | (second[1:] != second[:-1]))
