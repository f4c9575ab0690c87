"""Pearson's, Spearman's and Kendall's (τ-b) coefficients under many weightings at once.

What a bootstrap over images needs: elements belong to owners (images), and an owner of weight 2
counts as if each of its elements occurred twice. Sums are taken per owner wherever that is exact,
so that most of the work does not grow with elements x weightings.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from rankdet.evaluation.coco.types import Bools, Floats, Ints
from rankdet.evaluation.metrics.accumulate import running

KINDS = ("pearson", "spearman", "kendall")
_CELLS = 4_000_000  # numbers in one table: bounds the memory
_WIDEST = 40_000_000  # likewise, elements x weightings at a time
_ROWS = 256  # rows at a time: they stay in the cache
_BLOCK = 32


def weighted_correlations(
    x: Floats, y: Floats, weights: Floats | None = None, owner: Ints | None = None
) -> Floats:
    """Returns Pearson's, Spearman's and Kendall's coefficients.

    Args:
        x: (N,) finite.
        y: (N,) finite.
        weights: (I, B) whole numbers >= 0: how often the elements of each owner count; by default
            once, B = 1.
        owner: (N,) in 0 ... I − 1; by default each element is its own.

    Returns:
        (3, B) in [−1, 1]; NaN where fewer than two elements count or one side is constant.
    """
    if owner is None:
        owner = np.arange(len(x))
    if weights is None:
        weights = np.ones((len(x), 1))
    if len(x) < 2:
        return np.full((3, weights.shape[1]), np.nan)
    if len(x) < len(weights):
        present, owner = np.unique(owner, return_inverse=True)
        weights = weights[present]
    pairs = _Paired(x, y, owner)
    step = max(1, _WIDEST // len(x))
    parts = range(0, weights.shape[1], step)
    return np.concatenate(
        [pairs.correlations(np.ascontiguousarray(weights[:, b : b + step])) for b in parts], axis=1
    )


class _Paired:
    """Pairs (x, y) of owners, with what their correlations need under any weighting."""

    def __init__(self, x: Floats, y: Floats, owner: Ints) -> None:
        self.x, self.y, self.owner = x, y, owner
        self.x_ties, self.y_ties = _Ties(x, owner), _Ties(y, owner)
        groups = self.x_ties.group, self.y_ties.group
        self.both = _Ties(groups[0] * (int(groups[1].max()) + 1) + groups[1], owner)
        self.order = np.lexsort((groups[1], groups[0]))

    def correlations(self, weights: Floats) -> Floats:
        """Returns the three coefficients under each of the weights (I, B), (3, B)."""
        owner = self.owner
        powers = weights * weights, weights * weights * weights
        (x_pairs, x_cubes), (y_pairs, y_cubes), (both_pairs, _) = (
            ties.extent(weights, *powers) for ties in (self.x_ties, self.y_ties, self.both)
        )
        count = np.bincount(owner, minlength=len(weights)).astype(np.float64) @ weights
        pairs = count * (count - 1) / 2
        x_free, y_free = pairs - x_pairs, pairs - y_pairs
        defined = (x_free > 0) & (y_free > 0)
        discordant = inversions(self.y_ties.group[self.order], weights, owner[self.order])
        # Concordant − discordant, of the pairs that are tied on neither side.
        difference = (x_free + y_free - pairs + both_pairs) - 2 * discordant
        with np.errstate(invalid="ignore", divide="ignore"):
            out = np.stack(
                [
                    _pearson(self.x, self.y, weights, owner, defined),
                    # The sum of squared ranks, less what ties take away.
                    _rank_products(self.x_ties, self.y_ties, weights, owner)
                    / np.sqrt((count**3 - count - x_cubes) / 12)
                    / np.sqrt((count**3 - count - y_cubes) / 12),
                    difference / np.sqrt(x_free) / np.sqrt(y_free),
                ]
            )
        out[:, ~defined] = np.nan
        return np.clip(out, -1.0, 1.0)


class _Ties:
    """Equal values as groups.

    Attributes:
        group: (N,) each value's place among the distinct ones.
        distinct: their number, U.
        shared: (N,) whether another has the same value.
    """

    def __init__(self, values: Floats | Ints, owner: Ints) -> None:
        distinct, self.group, size = np.unique(values, return_inverse=True, return_counts=True)
        self.owner, self.distinct = owner, len(distinct)
        self.shared = size[self.group] > 1

    def sums(self, weights: NDArray[Any]) -> NDArray[Any]:
        """Returns each group's weight, (U, B)."""
        if not self.shared.any():
            return weights[self.owner[np.argsort(self.group)]]
        table = _sum_by(self.group, self.owner, (self.distinct, len(weights)))
        return np.asarray(table.astype(weights.dtype) @ weights)

    def extent(self, weights: Floats, squares: Floats, cubes: Floats) -> tuple[Floats, Floats]:
        """Returns how much is tied; copies of one element are tied.

        Args:
            weights: (I, B).
            squares: (I, B) of the weights.
            cubes: (I, B) likewise.

        Returns:
            The number of tied pairs, and the sum of c^3 - c over the groups' weights c, each (B,).
        """
        alone = np.bincount(self.owner[~self.shared], minlength=len(weights)).astype(np.float64)
        single, double, triple = alone @ weights, alone @ squares, alone @ cubes
        rows = np.flatnonzero(self.shared)
        if len(rows):
            groups, group = np.unique(self.group[rows], return_inverse=True)
            table = _sum_by(group, self.owner[rows], (len(groups), len(weights)))
            for b in _steps(len(groups), weights.shape[1]):
                sums = np.asarray(table @ weights[:, b])
                single[b] += sums.sum(axis=0)
                power = sums * sums
                double[b] += power.sum(axis=0)
                power *= sums
                triple[b] += power.sum(axis=0)
        return (double - single) / 2, triple - single


def _sum_by(group: Ints, owner: Ints, shape: tuple[int, int]) -> sparse.csr_array:
    return sparse.csr_array((np.ones(len(group)), (group, owner)), shape=shape)


def _steps(rows: int, columns: int) -> list[slice]:
    step = max(1, _CELLS // max(rows, 1))
    return [slice(b, min(b + step, columns)) for b in range(0, columns, step)]


def _pearson(x: Floats, y: Floats, weights: Floats, owner: Ints, defined: Bools) -> Floats:
    x, y = _scaled(x - x.mean()), _scaled(y - y.mean())
    terms = (np.ones_like(x), x, y, x * x, y * y, x * y)
    per_owner = np.stack([np.bincount(owner, weights=t, minlength=len(weights)) for t in terms])
    count, sum_x, sum_y, sum_xx, sum_yy, sum_xy = per_owner @ weights
    xx, yy = sum_xx - sum_x**2 / count, sum_yy - sum_y**2 / count
    out = np.asarray((sum_xy - sum_x * sum_y / count) / np.sqrt(xx) / np.sqrt(yy))
    # Where what counts is a small part of the spread, too few digits are left: centre it anew.
    for b in np.flatnonzero(defined & ((xx < 1e-6 * sum_xx) | (yy < 1e-6 * sum_yy))):
        used = np.flatnonzero(weights[owner, b])
        out[b] = _pearson_of_one(x[used], y[used], weights[owner[used], b])
    return out


def _pearson_of_one(x: Floats, y: Floats, weights: Floats) -> float:
    x = _scaled(x - np.average(x, weights=weights))
    y = _scaled(y - np.average(y, weights=weights))
    norm = np.sqrt(weights @ (x * x)) * np.sqrt(weights @ (y * y))
    return float(weights @ (x * y) / norm)


def _scaled(values: Floats) -> Floats:
    # Tiny deviations would vanish when squared.
    largest = np.abs(values).max()
    return values / largest if largest > 0 else values


def _rank_products(x: _Ties, y: _Ties, weights: Floats, owner: Ints) -> Floats:
    """Returns the sum over elements of the product of both centred ranks, (B,)."""
    if x.shared.any():
        x, y = y, x
    weights = _narrow(weights, owner, 1)
    y_ranks = _centred_ranks(y.sums(weights))
    # Without ties the ranks on the other side are a running sum, and need no table of their own.
    x_ranks = _centred_ranks(x.sums(weights)) if x.shared.any() else None
    total = np.zeros(weights.shape[1])
    middle = (np.bincount(owner, minlength=len(weights)).astype(np.float64) @ weights + 1) / 2
    so_far = (0.5 - middle).astype(weights.dtype)
    order = np.argsort(x.group, kind="stable")
    for start in range(0, len(owner), _ROWS):
        rows = order[start : start + _ROWS]
        part = weights[owner[rows]]
        if x_ranks is None:
            ranks = np.cumsum(part, axis=0)
            ranks += so_far
            so_far = ranks[-1].copy()
            ranks -= part / 2
        else:
            ranks = x_ranks[x.group[rows]]
        products = np.multiply(ranks, y_ranks[y.group[rows]], dtype=np.float64)
        products *= part
        total += _column_sums(products)
    return total


def _centred_ranks(sums: NDArray[Any]) -> NDArray[Any]:
    """Returns mean ranks of groups of tied values less the mean of all; uses `sums` (U, B) up."""
    ranks = running(sums.copy())
    middle = (ranks[-1].astype(np.float64) + 1) / 2
    sums *= 0.5
    ranks -= sums
    ranks += (0.5 - middle).astype(ranks.dtype)
    return ranks


def inversions(values: Ints, weights: Floats, owner: Ints) -> Floats:
    """Returns the weighted number of pairs i < j with values[i] > values[j].

    Pairs within a run of neighbouring places, and within a run of neighbouring values, are
    compared one by one (matrix products); all others differ in both runs, and the sums of weights
    per (run of places, run of values) suffice. O(B N sqrt(N)) of the cheapest kind of work: several
    times faster than a merge sort's O(B N log N).

    Args:
        values: (N,).
        weights: (I, B); a pair counts the product of its owners' weights.
        owner: (N,) in 0 ... I − 1.

    Returns:
        (B,).
    """
    count, runs = len(values), weights.shape[1]
    total = np.zeros(runs)
    if count == 0:
        return total
    rank = np.empty(count, dtype=np.int64)
    by_value = np.argsort(values, kind="stable")  # of equal values the first is the smaller
    rank[by_value] = np.arange(count)
    size = max(128, int(0.7 * np.sqrt(count)))
    place_run, value_run = np.arange(count) // size, rank // size
    weights = _narrow(weights, owner, size)
    upper = np.triu(np.ones((min(size, count),) * 2, dtype=bool), 1)
    # Weights of each run of values at the places so far.
    sums = np.zeros((-(-count // size // _BLOCK) * _BLOCK + _BLOCK, runs), dtype=weights.dtype)
    for start in range(0, count, size):
        rows = slice(start, start + size)
        part, run = weights[owner[rows]], value_run[rows]
        total += _pairs(rank[rows], part, upper)
        if start:
            total += _column_sums((part * _sums_after(sums)[run]).astype(np.float64))
        order = np.argsort(run)
        starts = np.searchsorted(run[order], np.arange(len(sums) + 1))
        ones = np.ones(len(run), dtype=sums.dtype)
        table = sparse.csr_array((ones, order, starts), shape=(len(sums), len(run)))
        sums += np.asarray(table @ part)
        # By ascending values; those of one run of places have been counted.
        alike = by_value[rows]
        total += _pairs(place_run[alike], weights[owner[alike]], upper)
    return total


def _sums_after(sums: NDArray[Any]) -> NDArray[Any]:
    """Returns the sum of all later rows for each row of (N, B); N a multiple of `_BLOCK`."""
    blocks = sums.reshape(-1, _BLOCK, sums.shape[1])
    after = np.triu(np.ones((_BLOCK, _BLOCK), dtype=sums.dtype), 1) @ blocks
    whole = blocks.sum(axis=1)
    after += (np.cumsum(whole[::-1], axis=0)[::-1] - whole)[:, None]
    return np.asarray(after.reshape(sums.shape))


def _narrow(weights: Floats, owner: Ints, size: int) -> NDArray[Any]:
    """Returns weights in single precision where every sum and product stays below 2^23, so exact.

    Args:
        weights: (I, B).
        owner: (N,).
        size: of the runs that are compared pair by pair.
    """
    largest = weights.max(initial=0)
    total = (np.bincount(owner, minlength=len(weights)).astype(np.float64) @ weights).max(initial=0)
    exact = max(largest * total, (size * largest) ** 2) < 2**23
    return weights.astype(np.float32 if exact else np.float64)


def _pairs(values: Ints, weights: NDArray[Any], upper: Bools) -> Floats:
    """Returns the weighted number of pairs i < j with values[i] > values[j], pair by pair."""
    n = len(values)
    greater = np.greater.outer(values, values) & upper[:n, :n]
    found = greater.astype(weights.dtype) @ weights
    found *= weights
    return _column_sums(found).astype(np.float64)


def _column_sums(table: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.ones(len(table), dtype=table.dtype) @ table)  # faster than `sum(axis=0)`
