"""APE Loss by Triton kernels: nine launches, and the host never waits.

Six more launches choose the highest negatives, if there are more logits than are kept. The
"official" numerics need the single pairs (`ape_tiles`).
"""

import torch
from torch import Tensor

from rankdet.losses.kernels import (
    ape_tiles,
    cell_gradient,
    cell_sums,
    cells,
    positives,
    selection,
)
from rankdet.losses.kernels.launch import (
    aligned,
    block_of,
    cdiv,
    collected_of,
    flat_labels,
    power_of_two,
)

ROWS, COLUMNS = 4, 128  # pairs of a step
BLOCK, BINS = 1024, 2048  # positives, and bins, of a step
MOST_COPIES = 4  # of the sums: fewer programs then add to the same number
SPAN = 16  # bins of a block that are summed before they are added
PROGRAMS = 512  # that make the polynomials of the cells
CHOOSING_ROWS = 64  # of the histogram, as a matrix


def run(
    logits: Tensor,
    labels: Tensor,
    ious: Tensor,
    scale: float,
    window: float,
    max_negatives: int,
    official: bool,
    expected: int | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Launches everything.

    Args:
        logits: any shape, float32, float16 or bfloat16.
        labels: one per logit: 1 positive, 0 negative, anything else is ignored.
        ious: (bound,) IoUs of the positives; bound > 0.
        scale: λ > 0.
        window: pairs with ``λ (s_v - s_u) <= -window`` are left out; a whole number.
        max_negatives: the number of highest negatives to keep, more than 0.
        official: whether to saturate as the released code does.
        expected: the number of positives that there must be (if not, the loss is NaN). None: any.

    Returns:
        The loss (a scalar), the gradient in the shape of the logits, both float32, and M, the
        number of positives that have a pair (float64 scalar).
    """
    if official:
        return ape_tiles.run(logits, labels, ious, scale, window, max_negatives, expected)
    return CellLoss(logits, labels, ious, scale, window, max_negatives, expected).run()


class CellLoss:
    """The buffers and launches of one call; arguments as `run`."""

    def __init__(
        self,
        logits: Tensor,
        labels: Tensor,
        ious: Tensor,
        scale: float,
        window: float,
        max_negatives: int,
        expected: int | None,
    ) -> None:
        self.shape, self.device = logits.shape, logits.device
        self.logits, self.labels = logits.detach().contiguous().reshape(-1), flat_labels(labels)
        self.ious = ious.detach().float().contiguous()
        self.scale, self.window = float(scale), float(window)
        self.n, self.bound, self.wanted = len(self.logits), len(ious), max_negatives
        self.expected = -1 if expected is None else expected
        self.select, self.most = max_negatives < self.n, min(max_negatives, self.n)
        self.block, self.collected = block_of(self.n), collected_of(self.n)
        self.n_blocks, self.collectors = cdiv(self.n, self.block), cdiv(self.n, self.collected)
        self.listed = block_of(self.most)
        self.n_lists = cdiv(self.most, self.listed)
        self.row_tiles = cdiv(self.bound, ROWS)
        self.fixed_one = float(1 << (61 - self.n.bit_length()))
        self._make_buffers()

    def _make_buffers(self) -> None:
        device, rows = self.device, aligned(self.bound)
        most_cells = cells.MOST_CELLS.value
        self.stride = aligned(self.bound + most_cells + 1)
        self.copies = min(MOST_COPIES, self.n_lists)
        degree = cells.DEGREE.value
        sizes = [
            2 * selection.BINS.value // 2 if self.select else 16,  # a pair of int32 each
            self.copies * degree * self.stride,
            selection.HEADER,
            degree * self.stride,
            rows,
            16,
        ]
        whole = torch.empty(sum(sizes), dtype=torch.int64, device=device)
        histogram, self.sums, self.header, self.running, self.places, self.total = whole.split(
            sizes
        )
        self.zeroed, self.n_zeroed = histogram, sum(sizes[:3])
        self.histogram = histogram.view(torch.int32)
        sizes = [rows, rows, aligned(most_cells + 1), aligned(self.most)]
        sizes += [self.n_blocks, self.collectors]
        small = torch.empty(sum(sizes), dtype=torch.int32, device=device)
        self.order, self.ranks, self.starts, self.short_places = small.split(sizes)[:4]
        self.counts, self.blocks = small.split(sizes)[4:]
        real = torch.empty(5, rows, dtype=torch.float64, device=device)
        self.scores, self.shares, self.pulls, self.losses, self.counted = real
        sizes = [self.stride * cells.FACTORS.value, rows, 16]
        sizes += [aligned(self.n), aligned(self.most), self.n_blocks]
        single = torch.empty(sum(sizes), device=device)
        self.factors, self.edges, self.top = single.split(sizes)[:3]
        self.values, self.short, self.highest = single.split(sizes)[3:]
        self.bins = torch.empty(self.most, dtype=torch.int16, device=device)

    def run(self) -> tuple[Tensor, Tensor, Tensor]:
        """Launches everything; see the function `run`."""
        gradient = torch.empty(self.shape, device=self.device)
        self._collect(gradient)
        if self.select:
            self._choose()
        self._sum()
        loss = torch.empty((), device=self.device)
        count = torch.empty((), dtype=torch.float64, device=self.device)
        self._write(gradient, loss, count)
        return loss, gradient, count

    def _collect(self, gradient: Tensor) -> None:
        collect = {"SOFT": False, "BLOCK": self.collected, "num_warps": 8}
        grid = (self.collectors,)
        positives.count_positives[grid](self.labels, self.blocks, self.n, **collect)
        positives.collect_positives[grid](
            self.logits,
            self.labels,
            self.blocks,
            self.total,
            self.places,
            self.scores,
            self.scores,
            self.zeroed,
            self.n,
            self.bound,
            self.n_zeroed,
            self.collectors,
            **collect,
        )
        cells.keep_in_windows[(self.n_blocks,)](
            self.logits,
            self.labels,
            self.scores,
            self.total,
            self.values,
            self.short,
            self.short_places,
            gradient,
            self.highest,
            self.counts,
            self.header,
            self.n,
            self.bound,
            self.window / self.scale,
            LIST=not self.select,
            BLOCK=self.block,
        )
        cell_tiles = cdiv(cells.MOST_CELLS.value + 1, ROWS)
        cells.prepare[(self.row_tiles + cell_tiles,)](
            self.scores,
            self.highest,
            self.counts,
            self.order,
            self.ranks,
            self.edges,
            self.starts,
            self.header,
            self.top,
            self.total,
            self.bound,
            self.n_blocks,
            self.wanted,
            self.row_tiles,
            self.scale,
            self.window,
            ROWS=ROWS,
            COLUMNS=COLUMNS,
            BLOCK=BLOCK,
        )

    def _choose(self) -> None:
        grid, options = (self.n_blocks,), {"BLOCK": self.block}
        for turn in (0, 1):
            selection.count_keys[grid](
                self.values, self.histogram, self.header, self.n, ROUND=turn, **options
            )
            selection.choose_bin[(1,)](
                self.histogram, self.header, ROUND=turn, ROWS=CHOOSING_ROWS, num_warps=16
            )
        selection.count_ties[grid](self.values, self.counts, self.header, self.n, **options)
        selection.list_highest[grid](
            self.values,
            self.counts,
            self.short,
            self.short_places,
            self.header,
            self.n,
            self.most,
            **options,
        )

    def _sum(self) -> None:
        cell_sums.add_to_cells[(self.n_lists,)](
            self.short,
            self.edges,
            self.bins,
            self.sums,
            self.header,
            self.most,
            self.bound,
            self.copies,
            self.stride,
            self.fixed_one,
            self.scale,
            LEVELS=self.bound.bit_length(),
            SPAN=SPAN,
            BLOCK=self.listed,
        )
        cell_sums.add_bins[(cells.DEGREE.value,)](
            self.sums,
            self.running,
            self.header,
            self.total,
            self.bound,
            self.copies,
            self.stride,
            AT_ONCE=MOST_COPIES,
            BLOCK=min(BINS, power_of_two(self.bound + 512)),
            num_warps=16,
        )
        cell_sums.rank_by_cells[(self.row_tiles,)](
            self.scores,
            self.ious,
            self.ranks,
            self.starts,
            self.running,
            self.values,
            self.top,
            self.header,
            self.shares,
            self.pulls,
            self.losses,
            self.counted,
            self.total,
            self.n,
            self.bound,
            self.stride,
            1 / self.fixed_one,
            self.scale,
            self.window,
            ROWS=ROWS,
            COLUMNS=COLUMNS,
        )

    def _write(self, gradient: Tensor, loss: Tensor, count: Tensor) -> None:
        cell_gradient.make_polynomials[(PROGRAMS,)](
            self.scores,
            self.shares,
            self.order,
            self.starts,
            self.running,
            self.counted,
            self.factors,
            self.header,
            self.bound,
            self.scale,
            BLOCK=min(BLOCK, power_of_two(self.bound)),
            num_warps=8,
        )
        cell_gradient.write_by_cells[(self.n_lists + self.row_tiles,)](
            self.values,
            self.short,
            self.short_places,
            self.bins,
            self.factors,
            self.header,
            self.scores,
            self.ious,
            self.places,
            self.shares,
            self.pulls,
            self.losses,
            self.counted,
            gradient,
            loss,
            count,
            self.total,
            self.n,
            self.most,
            self.bound,
            self.expected,
            self.n_lists,
            cdiv(self.n, self.listed),
            self.scale,
            self.window,
            ROWS=ROWS,
            COLUMNS=COLUMNS,
            BLOCK=self.listed,
        )
