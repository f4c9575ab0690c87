"""Finding a value's bin among sorted edges, faster than a binary search of all of them."""

import torch
from torch import Tensor

MIN_VALUES = 1 << 14  # fewer values do not pay for the table
MAX_ROUNDS = 4  # edges packed denser than 2^4 a cell: a plain binary search is as good
CELLS_PER_EDGE = 8


def on_cpu(values: Tensor) -> bool:
    """Whether the host may look at values: elsewhere that means waiting for the device."""
    return values.device.type == "cpu"


class BinFinder:
    """Counts, for each value, the edges not above it; exact, as ``torch.searchsorted`` (right).

    A table over equal cells gives the edges below a value's cell; the few edges inside the cell are
    searched by halving. The cell of a value is a monotone function of it even after rounding, so
    the answer is exact. A binary search over thousands of edges misses its branches; this does not.

    Args:
        edges: (M,) sorted, float32 or float64.
    """

    def __init__(self, edges: Tensor) -> None:
        self.edges = edges
        self._table: Tensor | None = None
        self._rounds = 0
        self._built = not on_cpu(edges)  # binary search is the faster one elsewhere

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
            padding = self.edges.new_full((1 << self._rounds,), torch.nan)  # <= nothing
            self._padded = torch.cat([self.edges, padding])

    def _cell(self, values: Tensor) -> Tensor:
        cells = (values - self._low).mul_(self._scale).clamp_(max=self._cells)
        return cells.int().clamp_(min=0)  # after int: NaN becomes a valid cell too

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
