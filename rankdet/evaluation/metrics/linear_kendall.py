"""Kendall's τ-b under many weightings of the images, from its first and second derivatives.

One exact count of discordant pairs per element replaces one count per weighting, so the time hardly
grows with the number of weightings. Used for many elements on many images, where τ is close to
linear in the weights. Source: B. Efron, The Jackknife, the Bootstrap and Other Resampling Plans,
1982, chapter 6 (the infinitesimal jackknife, and its estimate of the bias).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from rankdet.evaluation.coco.types import Floats
from rankdet.evaluation.metrics.sorting import Whole, lexical_order, places

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


def is_large(owner: Whole) -> bool:
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


def linear_kendall(x: Whole, y: Whole, owner: Whole) -> Linear:
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


def discordant(values: Whole) -> tuple[Whole, Whole]:
    """Counts for each element of a permutation the elements that are on the wrong side of it.

    All elements are sorted bit by bit, from the highest: elements that agree in the higher bits are
    neighbours, in their old order. O(N log N).

    Args:
        values: (N,) a permutation of 0 ... N − 1.

    Returns:
        For each position the number of earlier larger values, and of later smaller values, (N,).
    """
    count = len(values)
    kind: Any = np.int32 if count < 2**31 else np.int64
    larger: Whole = np.zeros(count, dtype=kind)  # by value
    now: Whole = values.astype(kind)
    index: Whole = np.arange(count, dtype=kind)
    for bit in reversed(range(max(count - 1, 0).bit_length())):
        start = now >> (bit + 1) << (bit + 1)
        one = now >> bit & 1
        before: Whole = np.cumsum(one, dtype=kind) - one
        ones = before - before[start]
        low = one == 0
        larger[now[low]] += ones[low]
        # Stable: zeros go to the lower half of their segment, ones to the upper.
        place = start + np.where(low, index - start - ones, (1 << bit) + ones)
        then = np.empty_like(now)
        then[place] = now
        now = then
    earlier = larger[values]
    return earlier, values - index + earlier


def _scores(x: Whole, y: Whole, owner: Whole, owners: int) -> tuple[Pairs, Pairs, Pairs]:
    """Concordant minus discordant pairs, pairs that are not tied in x, and not tied in y."""
    found: list[list[Whole]] = []
    for block in ((), (owner,)):  # among all elements, and among those of each owner
        pairs = _others(*block) if block else np.full(len(x), len(x) - 1)
        same_x, same_y, same = (_others(*keys, *block) for keys in ((x,), (y,), (y, x)))
        agree = pairs - same_x - same_y + same - 2 * _against(x, y, *block)
        found.append([agree, pairs - same_x, pairs - same_y])
    results = []
    for of_elements, inside in zip(*found, strict=True):
        # Each pair of an owner is counted by both of its elements.
        within = np.bincount(owner, weights=inside, minlength=owners) / 2
        results.append(Pairs(of_elements.astype(np.float64), within))
    return results[0], results[1], results[2]


def _others(*keys: Whole) -> Whole:
    """Counts for each element the other elements with the same keys, (N,)."""
    order = lexical_order(*keys)
    differs = np.zeros(len(order) - 1, dtype=bool)
    for key in keys:
        ordered = key[order]
        differs |= ordered[1:] != ordered[:-1]
    size = np.diff(np.r_[0, np.flatnonzero(differs) + 1, len(order)])
    out = np.empty(len(order), dtype=np.int64)
    out[order] = np.repeat(size - 1, size)
    return out


def _against(x: Whole, y: Whole, *block: Whole) -> Whole:
    """Counts for each element the elements of its block with larger x and smaller y, or reverse."""
    by_x = lexical_order(y, x, *block)  # equal x in the order of y: not discordant
    by_y = lexical_order(y, *block, order=by_x)  # equal y in the order of x
    earlier, later = discordant(places(by_y)[by_x])
    out = np.empty(len(x), dtype=np.int64)
    out[by_x] = earlier + later
    return out


def _derivatives(pairs: Pairs, owner: Whole, owners: int) -> tuple[float, Floats, Floats]:
    """The sum over all pairs, and its first and second derivative by each owner's weight."""
    sums = np.bincount(owner, weights=pairs.of_elements, minlength=owners)
    first: Floats = np.asarray(sums, dtype=np.float64)
    return float(pairs.of_elements.sum()) / 2, first, 2 * pairs.within
