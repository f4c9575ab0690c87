"""Pairs of a positive and a negative for sums of sigmoids, in tiles instead of a P x N array.

A sigmoid is not piecewise linear, so its sums need the pairs, or an approximation by polynomials
(`sigmoid_cells`). Positives and negatives are sorted by score. Negatives far above a positive are
saturated (σ = 1) and only counted; those far below it are outside the window. Only the pairs
between them are computed.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from rankdet.losses import device
from rankdet.losses.sigmoid_cells import SigmoidCells

TILE = 1 << 17  # pairs in a tile on a CPU
TILE_ON_GPU = 1 << 23
MANY = 1 << 17  # pairs of a positive and a negative
SATURATED = {torch.float32: 20.0, torch.float64: 40.0}  # above this, 1 - σ(x) rounds to 0


class Tile(NamedTuple):
    """Pairs of the positives `rows` and the negatives `columns`, both in descending order of score.

    `z` has the scaled differences ``λ (s_v - s_u)``, -inf outside the window. Negatives before
    `columns` are saturated; negatives after them are outside the window.
    """

    rows: slice
    columns: slice
    z: Tensor


class SigmoidPairs:
    """The positives and the relevant negatives, sorted in descending order of score.

    Args:
        logits: (n,) any floating dtype.
        labels: (n,) 1 positive, 0 negative, anything else is ignored.
        scale: λ, multiplies the score differences.
        cut: negatives below ``min(s⁺) - cut`` are left out.
        window: pairs with ``z <= -window`` are left out. None: no window.
        max_negatives: the number of highest negatives to keep. None: all.
    """

    def __init__(
        self,
        logits: Tensor,
        labels: Tensor,
        scale: float,
        cut: float,
        window: float | None = None,
        max_negatives: int | None = None,
    ) -> None:
        self.dtype = torch.promote_types(logits.dtype, torch.float32)
        self.shape, self.scale, self.window = logits.shape, scale, window
        self.positives = device.where_true(labels == 1)
        self.scores, self.order = logits[self.positives].to(self.dtype).sort(descending=True)
        self._cpu = device.on_cpu(logits)
        if len(self.scores):
            self._take_negatives(logits, labels, self.scores[-1] - cut, max_negatives)

    def _take_negatives(
        self, logits: Tensor, labels: Tensor, cut: Tensor, most: int | None
    ) -> None:
        relevant = (logits < cut).logical_not_() & (labels == 0)
        if self._cpu:
            self.places = device.where_true(relevant)
            values = logits[self.places].to(self.dtype)
        else:  # -inf (where σ is 0) instead of selection, which would make the host wait
            self.places = torch.arange(len(logits), device=logits.device)
            values = torch.where(relevant, logits.to(self.dtype), -torch.inf)
        count = len(values) if most is None else min(most, len(values))
        self.negatives, chosen = (
            values.topk(count) if count < len(values) else values.sort(descending=True, stable=True)
        )
        self.places = self.places[chosen]
        # A NaN negative would be counted as saturated, and so would any negative below a positive
        # that is not finite. Adding NaN to all scores makes the loss NaN.
        wrong = torch.where(self.negatives[:1].isnan(), torch.nan, 0.0).sum()
        self.scores = self.scores + (wrong + (self.scores * 0).sum())
        self.n_relevant = relevant.sum()

    def __len__(self) -> int:
        """The number of positives. If it is 0, no other attribute may be used."""
        return len(self.scores)

    def _reach(self) -> tuple[list[int], list[int]]:
        """Returns, for each row, the number of saturated negatives and the end of the window."""
        ascending = -self.negatives
        far = self.scores + SATURATED[self.dtype] / self.scale
        first = torch.searchsorted(ascending, -far)
        if self.window is None:
            return first.tolist(), [len(ascending)] * len(far)
        near = self.scores - self.window / self.scale
        last = torch.searchsorted(ascending, -near, right=True)
        return first.tolist(), torch.maximum(first, last).tolist()

    def many(self) -> bool:
        """Whether `SigmoidCells` can sum the pairs, and is faster than their tiles."""
        if not self._cpu or self.dtype != torch.float32:
            return False
        first, last = self._reach()
        pairs = sum(stop - start for start, stop in zip(first, last, strict=True))
        return pairs > MANY and SigmoidCells.fits(self.scores, self.negatives, self.scale)

    def rows(self) -> Iterator[slice]:
        """Yields the positives in blocks whose pairs with all positives fill a tile."""
        step = max(1, TILE // len(self.scores))
        for start in range(0, len(self.scores), step):
            yield slice(start, min(start + step, len(self.scores)))

    def _cuts(self) -> Iterator[tuple[int, int, int, int]]:
        """Yields rows and columns of each tile: as many rows as fit in its size, at least one."""
        count = len(self.scores)
        if not self._cpu:  # all columns: reading the values would make the host wait
            rows = max(1, TILE_ON_GPU // max(len(self.negatives) + count, 1))
            for start in range(0, count, rows):
                yield start, min(start + rows, count), 0, len(self.negatives)
            return
        first, last = self._reach()
        start = 0
        while start < count:
            stop = start + 1  # lower scores have later windows: the last row sets the width
            while stop < count and (stop + 1 - start) * (last[stop] - first[start] + count) <= TILE:
                stop += 1
            yield start, stop, first[start], last[stop - 1]
            start = stop

    def tiles(self) -> Iterator[Tile]:
        """Yields all pairs whose sigmoid has to be computed."""
        for start, stop, first, last in self._cuts():
            z = self.differences(start, stop, first, last)
            yield Tile(slice(start, stop), slice(first, last), z)

    def differences(self, start: int, stop: int, first: int, last: int) -> Tensor:
        """Returns ``λ (s_v - s_u)`` of these rows and negatives, -inf outside the window."""
        return self._scaled(self.negatives[first:last] - self.scores[start:stop, None])

    def among_positives(self, rows: slice) -> Tensor:
        """Returns ``λ (s_k - s_u)`` of these rows and all positives, -inf outside the window."""
        return self._scaled(self.scores - self.scores[rows, None])

    def _scaled(self, z: Tensor) -> Tensor:
        z = z.mul_(self.scale)
        return z if self.window is None else torch.threshold_(z, -self.window, -torch.inf)

    def gradient(self, positives: Tensor, negatives: Tensor) -> Tensor:
        """Returns the gradient in the order of the logits (n,).

        Args:
            positives: (P,) in descending order of score.
            negatives: (N,) in descending order of score.
        """
        gradient = torch.zeros(self.shape, dtype=self.dtype, device=self.scores.device)
        gradient.index_copy_(0, self.places, negatives.to(self.dtype))
        return gradient.index_copy_(0, self.positives[self.order], positives.to(self.dtype))
