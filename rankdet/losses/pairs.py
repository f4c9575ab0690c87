"""Sums over pairs of a positive and a negative where H is a sigmoid: in tiles, never P x N.

A sigmoid is not piecewise linear, so its sums need the pairs themselves. Both sides are sorted,
which leaves a band: negatives far above a positive are saturated (σ = 1) and are counted, those far
below it are outside the window.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from rankdet.losses import lookup
from rankdet.losses.ranks import where_true

TILE = 1 << 17  # pairs handled at a time on a CPU
TILE_ELSEWHERE = 1 << 23
SATURATED = {torch.float32: 20.0, torch.float64: 40.0}  # 1 - σ(x) rounds to 0 before this


class Tile(NamedTuple):
    """Pairs of the positives `rows` with the negatives `columns`, both in falling order.

    `z` are scaled differences ``λ (s_v - s_u)``, -inf outside the window; all negatives before
    `columns` are saturated, those after are outside.
    """

    rows: slice
    columns: slice
    z: Tensor


class Pairs:
    """The positives and the negatives that matter, sorted in falling order of score.

    Args:
        logits: (n,) flat.
        labels: (n,) 1 positive, 0 negative, else ignored.
        scale: λ, multiplies the differences.
        cut: negatives below ``min(s⁺) - cut`` are left out.
        window: pairs with ``z <= -window`` are left out; None for no window.
        max_negatives: keep this many, the highest.
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
        self.positives = where_true(labels == 1)
        self.scores, self.order = logits[self.positives].to(self.dtype).sort(descending=True)
        self._cpu = lookup.on_cpu(logits)
        if len(self.scores):
            self._take_negatives(logits, labels, self.scores[-1] - cut, max_negatives)

    def _take_negatives(
        self, logits: Tensor, labels: Tensor, cut: Tensor, most: int | None
    ) -> None:
        relevant = (logits < cut).logical_not_() & (labels == 0)
        if self._cpu:
            self.places = where_true(relevant)
            values = logits[self.places].to(self.dtype)
        else:  # without synchronisation: what does not matter becomes -inf, where σ is 0
            self.places = torch.arange(len(logits), device=logits.device)
            values = torch.where(relevant, logits.to(self.dtype), -torch.inf)
        count = len(values) if most is None else min(most, len(values))
        self.negatives, chosen = (
            values.topk(count) if count < len(values) else values.sort(descending=True, stable=True)
        )
        self.places = self.places[chosen]
        # NaN would be counted as saturated: hand it to the positives, so that it shows.
        self.scores = self.scores + torch.where(self.negatives[:1].isnan(), torch.nan, 0.0).sum()
        self.n_relevant = relevant.sum()

    def __len__(self) -> int:
        """The number of positives; with none, nothing else may be asked."""
        return len(self.scores)

    def _reach(self) -> tuple[list[int], list[int]]:
        """For each row: how many negatives are saturated, and where its window ends."""
        falling = -self.negatives
        far = self.scores + SATURATED[self.dtype] / self.scale
        first = torch.searchsorted(falling, -far)
        if self.window is None:
            return first.tolist(), [len(falling)] * len(far)
        near = self.scores - self.window / self.scale
        last = torch.searchsorted(falling, -near, right=True)
        return first.tolist(), torch.maximum(first, last).tolist()

    def _cuts(self) -> Iterator[tuple[int, int, int, int]]:
        """Rows and columns of each tile: as many rows as stay within its size, but at least one."""
        count = len(self.scores)
        if not self._cpu:  # no look at the values: that would synchronise
            rows = max(1, TILE_ELSEWHERE // max(len(self.negatives) + count, 1))
            for start in range(0, count, rows):
                yield start, min(start + rows, count), 0, len(self.negatives)
            return
        first, last = self._reach()
        start = 0
        while start < count:
            stop = start + 1  # lower rows reach further: a tile is as wide as its last one
            while stop < count and (stop + 1 - start) * (last[stop] - first[start] + count) <= TILE:
                stop += 1
            yield start, stop, first[start], last[stop - 1]
            start = stop

    def tiles(self) -> Iterator[Tile]:
        """Yields all pairs that need their sigmoid."""
        for start, stop, first, last in self._cuts():
            z = self.differences(start, stop, first, last)
            yield Tile(slice(start, stop), slice(first, last), z)

    def differences(self, start: int, stop: int, first: int, last: int) -> Tensor:
        """``λ (s_v - s_u)`` of these rows and negatives, -inf outside the window."""
        return self._scaled(self.negatives[first:last] - self.scores[start:stop, None])

    def among_positives(self, rows: slice) -> Tensor:
        """``λ (s_k - s_u)`` of these rows and all positives, -inf outside the window."""
        return self._scaled(self.scores - self.scores[rows, None])

    def _scaled(self, z: Tensor) -> Tensor:
        z = z.mul_(self.scale)
        return z if self.window is None else torch.threshold_(z, -self.window, -torch.inf)

    def gradient(self, positives: Tensor, negatives: Tensor) -> Tensor:
        """Puts gradients of the sorted positives and negatives back into place: (n,)."""
        gradient = torch.zeros(self.shape, dtype=self.dtype, device=self.scores.device)
        gradient.index_copy_(0, self.places, negatives.to(self.dtype))
        return gradient.index_copy_(0, self.positives[self.order], positives.to(self.dtype))
