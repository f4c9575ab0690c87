"""The losses of the smoothed step H by Triton kernels: AP, aLRP, and Rank & Sort Loss.

Eight or nine launches, and the host never waits. Everything between the launches stays on the
device: P numbers of float64 each, and the integers of the histogram.
"""

import torch
from torch import Tensor

from rankdet.losses.kernels import negatives, pairs, positives, step_gradient
from rankdet.losses.kernels.launch import aligned, block_of, cdiv, collected_of, flat_labels

MOST_COPIES = 64  # of the histogram: fewer programs then add to the same number
TURNS = 2  # bins of a block that are summed before they are added to the histogram
TILE = {"ROWS": 4, "COLUMNS": 256}  # pairs of a step of the P x P kernels
BINS, AT_ONCE = 64, 16  # bins of a program that adds copies, and copies in a step
REALS = (  # float64, one per positive
    "scores",
    "extra",
    "above",
    "weighted",
    "bad",
    "rank",
    "errors",
    "weights",
    "by_positive",
    "result",
)
WITHOUT_INTERPOLATION, AP = pairs.NONE.value, pairs.AP.value
ALRP, ALRP_ZERO, RS = pairs.ALRP.value, pairs.ALRP_ZERO.value, pairs.RS.value


class StepLoss:
    """The buffers and launches of one loss.

    Args:
        logits: any shape, float32, float16 or bfloat16.
        labels: one per logit: 1 positive, 0 negative, anything else is ignored. For Rank & Sort
            Loss: the quality of a positive, 0 negative, less than 0 ignored.
        bound: the largest number of positives that is computed (with more the loss is NaN).
        delta: half the width of the ramp of H, ≥ 0.
        loss: one of the constants of this module.
        eps: a positive whose FP_i is at most this gets no gradient.
        expected: the number of positives that there must be (if not, the loss is NaN). None: any.
        extra: aLRP Loss: (bound,) localisation errors of the positives.
    """

    def __init__(
        self,
        logits: Tensor,
        labels: Tensor,
        bound: int,
        delta: float,
        loss: int,
        eps: float = 0.0,
        expected: int | None = None,
        extra: Tensor | None = None,
    ) -> None:
        self.logits = logits.detach().contiguous().reshape(-1)
        self.labels = flat_labels(labels)
        self.shape, self.device = logits.shape, logits.device
        self.bound, self.expected = max(bound, 1), -1 if expected is None else expected
        self.delta, self.loss, self.soft, self.eps = float(delta), loss, loss == RS, eps
        self.n, self.block = len(self.logits), block_of(len(self.logits))
        self.collected = collected_of(self.n)
        self.n_blocks = cdiv(self.n, self.block)
        self.fixed_one = float(1 << (62 - self.n.bit_length()))
        self._make_buffers()
        if extra is not None:
            self.extra = extra.detach().contiguous()

    def _make_buffers(self) -> None:
        self.n_edges = self.bound * (2 if self.delta > 0 else 1)
        rows, edges = aligned(self.bound), aligned(self.n_edges)
        real = torch.empty(len(REALS), rows, dtype=torch.float64, device=self.device)
        self.real = dict(zip(REALS, real.unbind(), strict=True))
        self.extra = self.real["extra"]
        self.copies = min(MOST_COPIES, self.n_blocks)
        bins = aligned(self.copies * (self.n_edges + 1))
        sizes = [16, bins, bins, rows]
        whole = torch.empty(sum(sizes), dtype=torch.int64, device=self.device)
        marks, self.counts, self.offsets, self.places = whole.split(sizes)
        self.has_nan, self.total, self.n_zeroed = marks, self.places.new_empty(1), 16 + 2 * bins
        self.collectors = cdiv(self.n, self.collected)
        small = torch.empty(2 * rows + self.collectors, dtype=torch.int32, device=self.device)
        self.lower, self.upper, self.blocks = small.split([rows, rows, self.collectors])
        self.mass, self.moment = torch.empty(
            2, aligned(self.n_edges + 1), dtype=torch.float64, device=self.device
        )
        single = torch.empty(edges + 2 * (self.n_edges + 1), device=self.device)
        self.edges, self.field = single[:edges], single[edges:]
        self.bins = torch.empty(self.n, dtype=torch.int16, device=self.device)

    def run(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Launches everything.

        Returns:
            The loss and the second loss (scalars; the second is the sorting loss), the gradient in
            the shape of the logits, and the second gradient: that of the sorting loss (Rank & Sort
            Loss, in the shape of the logits), or the weight of each localisation error (aLRP Loss,
            (bound,)). All are float32.
        """
        gradient = torch.empty(self.shape, device=self.device)
        second = torch.empty(self.shape if self.loss == RS else self.bound, device=self.device)
        losses = torch.empty((), device=self.device), torch.empty((), device=self.device)
        self._collect()
        self._rank()
        self._finish()
        self._write(gradient, second, losses)
        return *losses, gradient, second

    def _collect(self) -> None:
        positives.count_positives[(self.collectors,)](
            self.labels, self.blocks, self.n, SOFT=self.soft, BLOCK=self.collected, num_warps=8
        )
        positives.collect_positives[(self.collectors,)](
            self.logits,
            self.labels,
            self.blocks,
            self.total,
            self.places,
            self.real["scores"],
            self.real["extra"],
            self.has_nan,
            self.n,
            self.bound,
            self.n_zeroed,
            self.collectors,
            SOFT=self.soft,
            BLOCK=self.collected,
            num_warps=8,
        )

    def _rank(self) -> None:
        real, options = self.real, {"DELTA": self.delta, "LOSS": self.loss, **TILE}
        pairs.rank_positives[(cdiv(self.bound, TILE["ROWS"]),)](
            real["scores"],
            self.extra,
            self.lower,
            self.upper,
            self.edges,
            real["above"],
            real["weighted"],
            real["bad"],
            self.has_nan,
            self.total,
            self.bound,
            **options,
        )
        negatives.bin_negatives[(self.n_blocks,)](
            self.logits,
            self.labels,
            self.edges,
            self.bins,
            self.counts,
            self.offsets,
            self.has_nan,
            self.n,
            self.n_edges,
            self.copies,
            self.fixed_one,
            SOFT=self.soft,
            LEVELS=self.n_edges.bit_length(),
            TURNS=TURNS,
            BLOCK=self.block,
        )
        negatives.add_copies[(cdiv(self.n_edges + 1, BINS),)](
            self.counts,
            self.offsets,
            self.edges,
            self.mass,
            self.moment,
            self.n_edges,
            self.copies,
            1 / self.fixed_one,
            AT_ONCE=AT_ONCE,
            BLOCK=BINS,
        )
        negatives.rank_among_negatives[(cdiv(self.bound, TILE["ROWS"]),)](
            real["scores"],
            self.extra,
            self.lower,
            self.upper,
            self.edges,
            self.mass,
            self.moment,
            self.has_nan,
            real["above"],
            real["weighted"],
            real["rank"],
            real["errors"],
            real["weights"],
            real["by_positive"],
            self.total,
            self.bound,
            self.n_edges,
            self.eps,
            **options,
        )

    def _finish(self) -> None:
        real = self.real
        if self.loss != WITHOUT_INTERPOLATION:
            pairs.finish_positives[(cdiv(self.bound, TILE["ROWS"]),)](
                real["scores"],
                self.extra,
                real["errors"],
                real["weights"],
                real["rank"],
                real["weighted"],
                real["bad"],
                real["result"],
                self.total,
                self.bound,
                DELTA=self.delta,
                LOSS=self.loss,
                **TILE,
            )
        step_gradient.make_field[(cdiv(self.n_edges + 1, TILE["ROWS"]),)](
            real["scores"],
            self.lower,
            self.upper,
            self.edges,
            real["weights"],
            self.field,
            self.total,
            self.bound,
            self.n_edges,
            DELTA=self.delta,
            **TILE,
        )

    def _write(self, gradient: Tensor, second: Tensor, losses: tuple[Tensor, ...]) -> None:
        real = self.real
        step_gradient.write_gradient[(self.n_blocks + cdiv(self.bound, self.block),)](
            self.logits,
            self.bins,
            self.edges,
            self.field,
            self.places,
            real["errors"],
            real["by_positive"],
            real["result"],
            real["weighted"],
            gradient,
            second,
            *losses,
            self.total,
            self.n,
            self.bound,
            self.expected,
            self.n_blocks,
            LOSS=self.loss,
            BLOCK=self.block,
        )
