"""Weighted numbers of inversions for many weightings at once: Kendall's discordant pairs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from rankdet.evaluation.coco.types import Bools, Floats
from rankdet.evaluation.metrics.sorting import Whole

_BLOCK = 32  # rows whose sums one matrix product computes


def inversions(values: Whole, weights: Floats, owner: Whole) -> Floats:
    """Returns the weighted number of pairs i < j with values[i] > values[j].

    Positions are divided into runs of about sqrt(N), and so are ranks of values. Two elements in
    the same run of positions or of ranks are compared one by one, by matrix products. For all other
    pairs the sums of weights per run of positions and run of ranks are sufficient. This takes O(B N
    sqrt(N)) simple operations and is several times faster than a merge sort with O(B N log N).

    Args:
        values: (N,).
        weights: (I, B); the weight of a pair is the product of its owners' weights.
        owner: (N,) the owner of each element, in 0 ... I − 1.

    Returns:
        (B,) one number per weighting.
    """
    count, runs = len(values), weights.shape[1]
    total = np.zeros(runs)
    if count == 0:
        return total
    rank = np.empty(count, dtype=np.int64)
    by_value = np.argsort(values, kind="stable")  # equal values keep their order
    rank[by_value] = np.arange(count)
    size = max(128, int(0.7 * np.sqrt(count)))
    place_run, value_run = np.arange(count) // size, rank // size
    weights = narrow(weights, owner, size)
    upper = np.triu(np.ones((min(size, count),) * 2, dtype=bool), 1)
    # Sums of weights of each run of ranks over the positions so far.
    sums = np.zeros((-(-count // size // _BLOCK) * _BLOCK + _BLOCK, runs), dtype=weights.dtype)
    for start in range(0, count, size):
        rows = slice(start, start + size)
        part, run = weights[owner[rows]], value_run[rows]
        total += _pairs(rank[rows], part, upper)
        if start:
            total += column_sums((part * _sums_after(sums)[run]).astype(np.float64))
        order = np.argsort(run)
        starts = np.searchsorted(run[order], np.arange(len(sums) + 1))
        ones = np.ones(len(run), dtype=sums.dtype)
        table = sparse.csr_array((ones, order, starts), shape=(len(sums), len(run)))
        sums += np.asarray(table @ part)
        # A run of ranks; pairs in the same run of positions have been counted above.
        alike = by_value[rows]
        total += _pairs(place_run[alike], weights[owner[alike]], upper)
    return total


def _sums_after(sums: NDArray[Any]) -> NDArray[Any]:
    """Returns for each row of (N, B) the sum of all later rows; N is a multiple of `_BLOCK`."""
    blocks = sums.reshape(-1, _BLOCK, sums.shape[1])
    after = np.triu(np.ones((_BLOCK, _BLOCK), dtype=sums.dtype), 1) @ blocks
    whole = blocks.sum(axis=1)
    after += (np.cumsum(whole[::-1], axis=0)[::-1] - whole)[:, None]
    return np.asarray(after.reshape(sums.shape))


def narrow(weights: Floats, owner: Whole, size: int) -> NDArray[Any]:
    """Returns weights in single precision if all sums and products are exact in it (below 2^23).

    Args:
        weights: (I, B).
        owner: (N,) the owner of each element.
        size: length of the runs whose elements are compared one by one.
    """
    largest = weights.max(initial=0)
    total = (np.bincount(owner, minlength=len(weights)).astype(np.float64) @ weights).max(initial=0)
    exact = max(largest * total, (size * largest) ** 2) < 2**23
    return weights.astype(np.float32 if exact else np.float64)


def _pairs(values: Whole, weights: NDArray[Any], upper: Bools) -> Floats:
    """Returns the weighted number of pairs i < j with values[i] > values[j], pair by pair."""
    n = len(values)
    greater = np.greater.outer(values, values) & upper[:n, :n]
    found = greater.astype(weights.dtype) @ weights
    found *= weights
    return column_sums(found).astype(np.float64)


def column_sums(table: NDArray[Any]) -> NDArray[Any]:
    """Returns the sum of each column of a table (N, B), (B,)."""
    return np.asarray(np.ones(len(table), dtype=table.dtype) @ table)  # faster than `sum(axis=0)`
