"""Finds the bin of each value among sorted edges, faster than a binary search over all edges."""

import torch
from torch import Tensor

from rankdet.losses import device

MIN_VALUES = 1 << 14  # for fewer values, building the table takes longer than it saves
MAX_ROUNDS = 4  # with more than 2^4 edges in a cell, a plain binary search is as fast
CELLS_PER_EDGE = 8


class BinFinder:
    """Counts the edges ≤ each value. The result equals ``torch.searchsorted(..., right=True)``.

    A table over cells of equal width has the number of edges below each cell. The few edges inside
    a cell are searched by halving. The cell is a monotone function of the value even after
    rounding, so the result is exact. It is faster than a binary search over thousands of edges,
    whose branches the processor cannot predict.

    Args:
        edges: (M,) sorted, float32 or float64.
    """

    def __init__(self, edges: Tensor) -> None:
        self.edges = edges
        self._table: Tensor | None = None
        self._rounds = 0
        self._built = not device.on_cpu(edges)  # on a GPU, plain binary search is faster

    def _build(self) -> None:
        self._built = True
        self._cells = 1 << (CELLS_PER_EDGE * len(self.edges) - 1).bit_length()
        self._low = float(self.edges[0])
        span = float(self.edges[-1]) - self._low
        if not 0 < span < torch.inf:
            return
        self._scale = self._cells / span
        counts = torch.bincount(self._cell(self.edges), minlength=self._cells + 1)
        self._rounds = int(counts.max()).bit_length()
        if self._rounds <= MAX_ROUNDS:
            self._table = (counts.cumsum(0) - counts).to(torch.int32)
            padding = self.edges.new_full((1 << self._rounds,), torch.nan)  # `NaN <= x` is false
            self._padded = torch.cat([self.edges, padding])

    def _cell(self, values: Tensor) -> Tensor:
        cells = (values - self._low).mul_(self._scale).clamp_(max=self._cells)
        return cells.int().clamp_(min=0)  # clamped after int(), so that NaN gets a valid cell too

    def __call__(self, values: Tensor) -> Tensor:
        """Returns the number of edges ≤ each value, int32."""
        if not self._built and len(values) >= MIN_VALUES:
            self._build()
        if self._table is None or len(values) < MIN_VALUES:
            return torch.searchsorted(self.edges, values, right=True, out_int32=True)
        bins = self._table.index_select(0, self._cell(values))
        for power in reversed(range(self._rounds)):
            step = 1 << power
            found = self._padded[step - 1 :].index_select(0, bins) <= values
            bins.add_(found, alpha=step)
        return bins
