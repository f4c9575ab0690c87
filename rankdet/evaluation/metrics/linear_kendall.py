"""Kendall's τ-b under many weightings of the images, from its first and second derivatives.

One exact count of discordant pairs per element replaces one count per weighting, so the time hardly
grows with the number of weightings. Used for many elements on many images, where τ is close to
linear in the weights. Source: B. Efron, The Jackknife, the Bootstrap and Other Resampling Plans,
1982, chapter 6 (the infinitesimal jackknife, and its estimate of the bias).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rankdet.evaluation.coco.types import Floats, Ints

ELEMENTS = 2000  # below, the exact form is fast
OWNERS = 300  # below, τ is not close enough to linear


@dataclass(frozen=True)
class Pairs:
    """Sums over pairs of elements; pairs of an element with itself are none.

    Attributes:
        of_elements: (N,) sum over all other elements, for each element.
        within: (I,) sum over the pairs inside each owner.
    """

    of_elements: Floats
    within: Floats


def is_large(owner: Ints) -> bool:
    """Whether the linear form is used; `owner` is (N,)."""
    return len(owner) >= ELEMENTS and int(np.count_nonzero(np.bincount(owner))) >= OWNERS


@dataclass(frozen=True)
class Linear:
    """A statistic of weighted owners, close to the weights 1.

    Attributes:
        value: at the weights 1, plus the shift of its mean under multinomial weights.
        first: (I,) its derivative by each owner's weight.
    """

    value: float
    first: Floats

    def values(self, weights: Floats) -> Floats:
        """Returns its value in [−1, 1] for each weighting, (B,); `weights` is (I, B)."""
        change = self.first @ weights[: len(self.first)] - self.first.sum()
        return np.clip(self.value + change, -1.0, 1.0)


def linear_kendall(x: Ints, y: Ints, owner: Ints) -> Linear:
    """Returns τ-b to first order, with the second-order shift of its mean.

    Args:
        x: (N,) group of each element's x value: equal values share a group, larger ones a larger.
        y: (N,) the same for y.
        owner: (N,) the owner of each element, in 0 ... I − 1.

    Returns:
        τ for owners 0 ... max(owner); NaN if x or y is constant.
    """
    owners = int(owner.max()) + 1
    parts = [_derivatives(one, owner, owners) for one in _scores(x, y, owner, owners)]
    (n, n1, n2), (dx, dx1, dx2), (dy, dy1, dy2) = parts
    if dx <= 0 or dy <= 0:
        return Linear(np.nan, np.zeros(owners))
    scale = 1 / np.sqrt(dx) / np.sqrt(dy)
    a, b = dx1 / dx, dy1 / dy
    first = scale * (n1 - n * (a + b) / 2)
    curve = (a + b) ** 2 / 4 + (a**2 + b**2) / 2 - (dx2 / dx + dy2 / dy) / 2
    second = scale * (n2 - n1 * (a + b) + n * curve)
    # τ does not change if all weights are multiplied, so the derivatives sum to 0, and the shift of
    # multinomial weights is half the trace of the second derivatives.
    return Linear(float(n * scale + second.sum() / 2), first)


def discordant(values: Ints) -> tuple[Ints, Ints]:
    """Counts for each element of a permutation the elements that are on the wrong side of it.

    All elements are sorted bit by bit, from the highest: elements that agree in the higher bits are
    neighbours, in their old order. O(N log N).

    Args:
        values: (N,) a permutation of 0 ... N − 1.

    Returns:
        For each position the number of earlier larger values, and of later smaller values, (N,).
    """
    count = len(values)
    larger = np.zeros(count, dtype=np.int64)  # by value
    now = values.astype(np.int64)
    for bit in reversed(range(max(count - 1, 0).bit_length())):
        start = now >> (bit + 1) << (bit + 1)
        one = now >> bit & 1
        before = np.cumsum(one) - one
        ones = before - before[start]
        low = one == 0
        larger[now[low]] += ones[low]
        # Stable: zeros go to the lower half of their segment, ones to the upper.
        place = start + np.where(low, np.arange(count) - start - ones, (1 << bit) + ones)
        then = np.empty_like(now)
        then[place] = now
        now = then
    earlier = larger[values]
    return earlier, values - np.arange(count) + earlier


def _scores(x: Ints, y: Ints, owner: Ints, owners: int) -> tuple[Pairs, Pairs, Pairs]:
    """Concordant minus discordant pairs, pairs that are not tied in x, and not tied in y."""
    both = x * (int(y.max()) + 1) + y
    nowhere = np.zeros_like(owner)
    everywhere, inside = (
        [_others(values, block) for values in (nowhere, x, y, both)] for block in (nowhere, owner)
    )
    against = [_against(x, y, block) for block in (nowhere, owner)]
    results = []
    for (pairs, same_x, same_y, same), wrong in zip((everywhere, inside), against, strict=True):
        agree = pairs - same_x - same_y + same - 2 * wrong
        results.append((agree, pairs - same_x, pairs - same_y))
    found = []
    for of_elements, within in zip(*results, strict=True):
        # Each pair of an owner is counted by both of its elements.
        sums = np.bincount(owner, weights=within, minlength=owners) / 2
        found.append(Pairs(of_elements.astype(np.float64), sums))
    return found[0], found[1], found[2]


def _others(values: Ints, block: Ints) -> Ints:
    """Counts for each element the other elements of its block with the same value."""
    keys = block * (int(values.max()) + 1) + values
    _, group, size = np.unique(keys, return_inverse=True, return_counts=True)
    return np.asarray(size[group] - 1)


def _against(x: Ints, y: Ints, block: Ints) -> Ints:
    """Counts for each element the elements of its block with larger x and smaller y, or reverse."""
    by_x = np.lexsort((y, x, block))  # equal x in the order of y: not discordant
    by_y = np.lexsort((_places(by_x), y, block))  # equal y in the order of x
    rank = _places(by_y)
    earlier, later = discordant(rank[by_x])
    out = np.empty(len(x), dtype=np.int64)
    out[by_x] = earlier + later
    return out


def _places(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns the place of each element in an order, (N,)."""
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank


def _derivatives(pairs: Pairs, owner: Ints, owners: int) -> tuple[float, Floats, Floats]:
    """The sum over all pairs, and its first and second derivative by each owner's weight."""
    sums = np.bincount(owner, weights=pairs.of_elements, minlength=owners)
    first: Floats = np.asarray(sums, dtype=np.float64)
    return float(pairs.of_elements.sum()) / 2, first, 2 * pairs.within
