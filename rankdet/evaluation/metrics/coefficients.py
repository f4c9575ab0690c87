"""Pearson's, Spearman's and Kendall's (τ-b) coefficients for many weightings at once.

A bootstrap over images needs them: each element belongs to an owner (an image), and each element of
an owner of weight 2 counts twice. Sums are computed per owner where that is exact, so that most of
the time does not grow with elements x weightings.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from rankdet.evaluation.coco.types import Bools, Floats, Ints
from rankdet.evaluation.metrics.accumulate import running
from rankdet.evaluation.metrics.influence import correlation_influence
from rankdet.evaluation.metrics.inversions import column_sums, inversions, narrow
from rankdet.evaluation.metrics.linear_kendall import is_large, linear_kendall
from rankdet.evaluation.metrics.sorting import Groups, Whole

KINDS = ("pearson", "spearman", "kendall")
MOST_CELLS = 4_000_000  # numbers in one table: limits the memory
MOST_ELEMENTS = 40_000_000  # elements x weightings computed at a time: limits the memory
_CACHED = 25_600  # numbers in a table that stays in the cache


def weighted_correlations(
    x: Floats, y: Floats, weights: Floats | None = None, owner: Ints | None = None
) -> Floats:
    """Returns Pearson's, Spearman's and Kendall's coefficients.

    Args:
        x: (N,) finite.
        y: (N,) finite.
        weights: (I, B) whole numbers >= 0: how often the elements of each owner count; by default
            once, B = 1. With many elements and owners τ is computed to first order, for weights
            that are 1 on average (`linear_kendall`).
        owner: (N,) the owner of each element, in 0 ... I − 1; by default each element has another.

    Returns:
        (3, B) in [−1, 1]; NaN if fewer than two elements count or one side is constant.
    """
    if owner is None:
        owner = np.arange(len(x))
    once = weights is None
    if weights is None:
        weights = np.ones((len(x), 1))
    if len(x) < 2:
        return np.full((3, weights.shape[1]), np.nan)
    if len(x) < len(weights):
        present, owner = np.unique(owner, return_inverse=True)
        weights = weights[present]
    pairs = _Paired(x, y, owner, linear=not once and is_large(owner))
    return _in_blocks(pairs, weights)


def _in_blocks(pairs: "_Paired", weights: Floats) -> Floats:
    step = max(1, MOST_ELEMENTS // len(pairs.x))
    parts = [slice(b, b + step) for b in range(0, weights.shape[1], step)]
    blocks = (np.ascontiguousarray(weights[:, part], dtype=np.float64) for part in parts)
    return np.concatenate([pairs.correlations(block) for block in blocks], axis=1)


def correlations_and_influence(
    x: Floats, y: Floats, weights: Floats, owner: Ints
) -> tuple[Floats, Ints, Floats]:
    """Returns what `weighted_correlations` returns, and the influence of the owners.

    Args:
        x: (N,) finite.
        y: (N,) finite.
        weights: (I, B) whole numbers >= 0.
        owner: (N,) the owner of each element.

    Returns:
        (3, B) the coefficients; (J,) the owners that have elements; (3, J) the derivative of each
        coefficient by their weights at the weights 1, NaN where it is undefined.
    """
    present, place = np.unique(owner, return_inverse=True)
    if len(x) < 2 or x.min() == x.max() or y.min() == y.max():
        return np.full((3, weights.shape[1]), np.nan), present, np.full((3, len(present)), np.nan)
    pairs = _Paired(x, y, place, linear=is_large(owner))
    values = _in_blocks(pairs, weights[present])
    groups = pairs.x_ties.group, pairs.y_ties.group
    kendall = (pairs.linear or linear_kendall(*groups, place)).first
    return values, present, np.vstack([correlation_influence(x, y, place, len(present)), kendall])


class _Paired:
    """Pairs (x, y) with their owners, and all values that do not depend on the weights."""

    def __init__(self, x: Floats, y: Floats, owner: Ints, linear: bool) -> None:
        self.x, self.y, self.owner = x, y, owner
        of_x, of_y = Groups.of_values(x), Groups.of_values(y)
        self.linear = linear_kendall(of_x.group, of_y.group, owner) if linear else None
        groups = of_x, of_y, Groups.of_pairs(of_x, of_y)
        self.x_ties, self.y_ties, self.both = (_Ties(one, owner) for one in groups)

    def correlations(self, weights: Floats) -> Floats:
        """Returns the three coefficients for each weighting, (3, B); `weights` is (I, B)."""
        owner = self.owner
        powers = weights * weights, weights * weights * weights
        (x_pairs, x_cubes), (y_pairs, y_cubes), (both_pairs, _) = (
            ties.extent(weights, *powers) for ties in (self.x_ties, self.y_ties, self.both)
        )
        count = np.bincount(owner, minlength=len(weights)).astype(np.float64) @ weights
        pairs = count * (count - 1) / 2
        x_free, y_free = pairs - x_pairs, pairs - y_pairs
        defined = (x_free > 0) & (y_free > 0)
        if self.linear:
            kendall = self.linear.values(weights)
        else:
            order = self.both.order
            discordant = inversions(self.y_ties.group[order], weights, owner[order])
            # Concordant − discordant pairs, of those that are tied on neither side.
            difference = (x_free + y_free - pairs + both_pairs) - 2 * discordant
            kendall = _divided(difference, x_free, y_free)
        with np.errstate(invalid="ignore", divide="ignore"):
            out = np.stack(
                [
                    _pearson(self.x, self.y, weights, owner, defined),
                    # The sums of squared ranks, corrected for ties.
                    _rank_products(self.x_ties, self.y_ties, weights, owner)
                    / np.sqrt((count**3 - count - x_cubes) / 12)
                    / np.sqrt((count**3 - count - y_cubes) / 12),
                    kendall,
                ]
            )
        out[:, ~defined] = np.nan
        return np.clip(out, -1.0, 1.0)


def _divided(pairs: Floats, x_free: Floats, y_free: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(pairs / np.sqrt(x_free) / np.sqrt(y_free))


class _Ties:
    """Groups of equal values, and the owners of their elements.

    Attributes:
        group: (N,) rank of each value among the distinct values, from 0.
        order: (N,) the elements by value.
        owners: (N,) the owners in that order.
        tied: Whether any two elements have the same value.
    """

    def __init__(self, groups: Groups, owner: Whole) -> None:
        self.group, self.order, self.owners = groups.group, groups.order, owner[groups.order]
        size = np.diff(groups.starts)
        self.tied = len(size) < len(owner)
        self._alone = self.owners[groups.starts[:-1][size == 1]]
        ones = np.ones(len(owner), dtype=np.float32)
        shape = len(size), int(owner.max()) + 1
        # (U, I) how many elements of each group each owner has.
        self._table = sparse.csr_array((ones, self.owners, groups.starts), shape=shape)
        self._of_tied = self._table[np.flatnonzero(size > 1)]

    def sums(self, weights: NDArray[Any]) -> NDArray[Any]:
        """Returns the sum of the weights of each group, (U, B)."""
        if not self.tied:
            return weights[self.owners]
        table = self._table.astype(weights.dtype, copy=False)
        return np.asarray(table @ weights[: table.shape[1]])

    def extent(self, weights: Floats, squares: Floats, cubes: Floats) -> tuple[Floats, Floats]:
        """Returns the extent of ties; copies of one element are tied too.

        Args:
            weights: (I, B).
            squares: (I, B) squares of the weights.
            cubes: (I, B) cubes of the weights.

        Returns:
            The number of tied pairs, and the sum of c^3 - c over the groups' weights c, each (B,).
        """
        alone = np.bincount(self._alone, minlength=len(weights)).astype(np.float64)
        single, double, triple = alone @ weights, alone @ squares, alone @ cubes
        table = self._of_tied
        for b in _steps(table.shape[0], weights.shape[1]):
            sums = np.asarray(table @ weights[: table.shape[1], b])
            single[b] += sums.sum(axis=0)
            power = sums * sums
            double[b] += power.sum(axis=0)
            power *= sums
            triple[b] += power.sum(axis=0)
        return (double - single) / 2, triple - single


def _steps(rows: int, columns: int) -> list[slice]:
    step = max(1, MOST_CELLS // max(rows, 1))
    return [slice(b, min(b + step, columns)) for b in range(0, columns, step)]


def _pearson(x: Floats, y: Floats, weights: Floats, owner: Ints, defined: Bools) -> Floats:
    x, y = _scaled(x - x.mean()), _scaled(y - y.mean())
    terms = (np.ones_like(x), x, y, x * x, y * y, x * y)
    per_owner = np.stack([np.bincount(owner, weights=t, minlength=len(weights)) for t in terms])
    count, sum_x, sum_y, sum_xx, sum_yy, sum_xy = per_owner @ weights
    xx, yy = sum_xx - sum_x**2 / count, sum_yy - sum_y**2 / count
    out = np.asarray((sum_xy - sum_x * sum_y / count) / np.sqrt(xx) / np.sqrt(yy))
    # If the counted elements have a small part of the spread, digits are lost: centre them again.
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
    # Squares of tiny deviations would underflow to 0.
    largest = np.abs(values).max()
    return values / largest if largest > 0 else values


def _rank_products(x: _Ties, y: _Ties, weights: Floats, owner: Ints) -> Floats:
    """Returns the sum over elements of the product of both centred ranks, (B,)."""
    if x.tied:
        x, y = y, x
    weights = narrow(weights, owner, 1)
    y_ranks = _centred_ranks(y.sums(weights))
    # Without ties the ranks of x are a running sum, so they need no table.
    x_ranks = _centred_ranks(x.sums(weights)) if x.tied else None
    total = np.zeros(weights.shape[1])
    middle = (np.bincount(owner, minlength=len(weights)).astype(np.float64) @ weights + 1) / 2
    so_far = (0.5 - middle).astype(weights.dtype)
    step = max(1, _CACHED // weights.shape[1])
    for start in range(0, len(owner), step):
        rows = x.order[start : start + step]
        part = weights[x.owners[start : start + step]]
        if x_ranks is None:
            ranks = np.cumsum(part, axis=0)
            ranks += so_far
            so_far = ranks[-1].copy()
            ranks -= part / 2
        else:
            ranks = x_ranks[x.group[rows]]
        products = np.multiply(ranks, y_ranks[y.group[rows]], dtype=np.float64)
        products *= part
        total += column_sums(products)
    return total


def _centred_ranks(sums: NDArray[Any]) -> NDArray[Any]:
    """Returns the mean rank of each group minus the mean of all ranks; overwrites `sums` (U, B)."""
    ranks = running(sums.copy())
    middle = (ranks[-1].astype(np.float64) + 1) / 2
    sums *= 0.5
    ranks -= sums
    ranks += (0.5 - middle).astype(ranks.dtype)
    return ranks
