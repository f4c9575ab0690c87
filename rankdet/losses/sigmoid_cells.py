"""Sums of sigmoids over pairs of a positive and a negative without computing the pairs.

Far from its step a sigmoid is smooth, so the sum over many negatives is a smooth function of the
positive's score. The axis of scaled scores λs is divided into cells of width 1. Within a pair of
cells σ(z) is a polynomial of both positions (interpolation at Chebyshev nodes, relative error below
2e-8). A cell of negatives is then a few moments, and the work is O(P + N) instead of O(P N): a fast
multipole method in one dimension (Greengard and Rokhlin, J. Comput. Phys. 73, 1987).

The window ends in a step, which is not smooth. Its end lies in one cell for each positive, and the
moments of the negatives of this cell above it are differences of running sums.
"""

import math
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

DEGREE = 8  # coefficients of a polynomial
SATURATED = 20  # a float32 sigmoid of more is 1
VANISHED = 104  # a float32 sigmoid of less than -VANISHED is 0
MOST_CELLS = 20_000
HIGHEST = 1e9  # of a scaled score, whose place in its cell would be rounded


@cache
def _tables(below: int) -> Tensor:
    """Polynomials of σ and softplus for each distance of two cells.

    Args:
        below: cells between a positive and the end of its window.

    Returns:
        (2, D, DEGREE, DEGREE) float64: the function, the distance of the negative's cell
        (``-below`` up to ``SATURATED``), the power of the positive's position, and that of the
        negative's. Positions are in [-1, 1] within their cells.
    """
    powers = torch.arange(DEGREE, dtype=torch.float64)
    nodes = torch.cos((2 * powers + 1) / (2 * DEGREE) * math.pi)
    inverse = torch.linalg.inv(nodes[:, None] ** powers)
    distances = torch.arange(-below, SATURATED + 1, dtype=torch.float64)
    z = distances[:, None, None] + (nodes - nodes[:, None]) / 2
    values = torch.stack([z.sigmoid(), F.softplus(z, threshold=50)])
    return inverse @ values @ inverse.T


class SigmoidCells:
    """Sums of σ(z) and softplus(z) for ``z = λ (s_v - s_u)`` in the window ``z > -window``.

    Use `fits` first.

    Args:
        scores: (P,) float32 scores of the positives, in descending order.
        negatives: (N,) float32 scores of the negatives, in descending order.
        scale: λ > 0.
        window: a whole number. None: no window.
    """

    def __init__(
        self, scores: Tensor, negatives: Tensor, scale: float, window: float | None = None
    ) -> None:
        below = VANISHED if window is None else round(window)
        self._tables = _tables(below)
        positives, sources = scores.double().flip(0), negatives.double().flip(0)  # ascending
        self._sources, self._scale = sources, scale
        self._first = int((positives[0] * scale).floor()) - below  # the lowest cell
        own = (positives * scale).floor().to(torch.int64)
        self._own = own - self._first  # cells of the positives; their windows end in `_end`
        self._end = self._own - below
        self._position = 2 * (positives * scale - own) - 1
        self._cells = int(self._own[-1]) + SATURATED + 1
        edges = (torch.arange(self._cells + 1, dtype=torch.float64) + self._first) / scale
        self._starts = torch.searchsorted(sources, edges)
        near = torch.searchsorted(sources, positives - below / scale, right=True)
        self._near = near.clamp(self._starts[self._end], self._starts[self._end + 1])
        self._positions = self._local(int(self._starts[0]), int(self._starts[-1]))

    @staticmethod
    def fits(scores: Tensor, negatives: Tensor, scale: float) -> bool:
        """Whether all values are finite and there are not too many cells."""
        if not len(scores) or not len(negatives):
            return False
        ends = torch.stack([scores[0], scores[-1], negatives[0], negatives[-1]]).double() * scale
        lowest, highest = float(ends.min()), float(ends.max())  # NaN if one of them is
        return highest - lowest < MOST_CELLS and abs(highest) < HIGHEST

    def _local(self, start: int, stop: int) -> Tensor:
        """Returns the positions in their cells of the negatives that have a cell."""
        scaled = self._sources[start:stop] * self._scale
        cells = torch.repeat_interleave(
            torch.arange(self._cells, dtype=torch.float64), self._starts.diff()
        )
        return scaled.sub_(cells + self._first).mul_(2).sub_(1)

    def _moments(self) -> tuple[Tensor, Tensor]:
        """Returns Σ x^k (·, DEGREE) of each cell, and of the negatives above each window's end."""
        offset = int(self._starts[0])
        starts, near = self._starts - offset, self._near - offset
        ends = starts[self._end + 1]
        power = torch.ones_like(self._positions)
        whole, above = [], []
        for _ in range(DEGREE):
            running = F.pad(power.cumsum(0), (1, 0))
            at_starts = running[starts]
            whole.append(at_starts.diff())
            above.append(running[ends] - running[near])
            power *= self._positions
        return torch.stack(whole, 1), torch.stack(above, 1)

    def sums(self) -> tuple[Tensor, Tensor, Tensor]:
        """Returns (P,) Σ σ and Σ softplus over the negatives, float64, and whether there are any.

        The order is that of the scores.
        """
        whole, above = self._moments()
        powers = self._powers()
        count = self._tables.shape[1]
        windows = F.pad(whole, (0, 0, 0, count)).unfold(0, count - 1, 1)  # (cells, DEGREE, D)
        fields = torch.einsum("clj,fjkl->fck", windows[1 : self._cells], self._tables[:, 1:])
        sums = (fields[:, self._end] * powers).sum(2)
        sums += torch.einsum("pl,fkl,pk->fp", above, self._tables[:, 0], powers)
        far = self._starts[self._end + count]
        heights = F.pad(self._sources.flip(0).cumsum(0), (1, 0)).flip(0)[far]
        far_count = len(self._sources) - far
        scores = (self._position + 1) / 2 + (self._own + self._first)
        sums[0] += far_count
        sums[1] += self._scale * heights - far_count * scores
        found = self._near < len(self._sources)
        return sums[0].flip(0), sums[1].flip(0), found.flip(0)

    def _powers(self) -> Tensor:
        return self._position[:, None] ** torch.arange(DEGREE, dtype=torch.float64)

    def field(self, shares: Tensor) -> Tensor:
        """Returns ``Σ_u share_u σ(λ (s_v - s_u))`` of each negative v, (N,) float64.

        Args:
            shares: (P,) float64, in the order of the scores.
        """
        shares = shares.flip(0)
        table, count = self._tables[0], self._tables.shape[1]
        weighted = self._powers() * shares[:, None]
        sources = weighted.new_zeros(self._cells, DEGREE).index_add_(0, self._end, weighted)
        # Cell c gets from ends c - 1, c - 2, ..., and those further below are saturated.
        windows = F.pad(sources, (0, 0, count - 1, 0)).unfold(0, count - 1, 1)
        base = torch.einsum("ckj,jkl->cl", windows[: self._cells], table[1:].flip(0))
        saturated = F.pad(sources[:, 0].cumsum(0), (count, 0))[: self._cells]
        base[:, 0] += saturated
        partial = F.pad((weighted @ table[0]).cumsum(0), (0, 0, 1, 0))
        return self._evaluate(base, partial, shares.sum())

    def _evaluate(self, base: Tensor, partial: Tensor, most: Tensor) -> Tensor:
        """Evaluates the polynomial of each stretch between edges of cells and ends of windows."""
        cells = torch.arange(self._cells)
        first = torch.searchsorted(self._end, cells)  # windows that end below the cell
        bounds = torch.cat([self._starts, self._near]).sort()[0]
        stretch = torch.searchsorted(self._starts, bounds[:-1], right=True) - 1
        stretch.clamp_(max=self._cells - 1)
        ends = torch.searchsorted(self._near, bounds[:-1], right=True)
        # An end on the lower edge of a cell may belong to the cell below, whose stretch is empty.
        first = first[stretch]
        factors = base[stretch] + partial[torch.maximum(ends, first)] - partial[first]
        lengths = bounds.diff()
        rows = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
        value = factors[:, -1][rows]
        for k in range(DEGREE - 2, -1, -1):
            value = value * self._positions + factors[:, k][rows]
        result = torch.zeros_like(self._sources)
        start, stop = int(self._starts[0]), int(self._starts[-1])
        result[start:stop] = value
        result[stop:] = most
        return result.flip(0)
