"""The primitive of the ranking losses: exact sums of a smoothed step function over ranks.

Every ranking loss consists of sums of ``H(s_j - s_i)`` over the negatives (or positives) j for each
positive i. Here these sums and their gradients take O((P + N) log P) time and O(P + N) memory,
without approximation. step_bins.py and docs/losses.md explain how.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from rankdet.losses import device
from rankdet.losses.checks import check
from rankdet.losses.step_bins import StepBins
from rankdet.losses.tensors import check_inputs

CHUNK = 1 << 16  # elements in a chunk on a CPU: its temporaries fit in the cache
SMALLEST_CHUNK = 1 << 14
SPARSE = 0.4  # if a smaller share of a chunk is relevant, the relevant negatives are copied out
TINY = torch.finfo(torch.float64).tiny
FINE_DELTA = 2.0**-10  # below this, float32 is too coarse for s ± δ, and float64 is used

Emphasis = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Chunk:
    """The relevant negatives of a chunk, with the bin and the offset of each.

    `index` has their positions relative to `start`; None means that every element is kept.
    """

    start: int
    index: Tensor | None
    bins: Tensor
    offsets: Tensor


class Ranking:
    """The ranks of P positives among P positives and N negatives.

    Negatives below ``min(s⁺) - δ`` do not change any sum and are skipped. On a CPU the negatives
    are processed in chunks. On a GPU they are processed at once, without boolean indexing; the
    host waits for the GPU only once, for the number of positives.

    Args:
        logits: any shape, any floating dtype.
        labels: one per logit: 1 positive, 0 negative, anything else is ignored.
        delta: half the width of the ramp of H, ≥ 0.

    Attributes:
        scores: (P,) logits of the positives in order of appearance, float32 or float64.
        positives: (P,) int64 indices of the positives in the flat logits.

    Raises:
        TypeError: The logits are not a tensor of a floating dtype, or the labels are not a tensor.
        ValueError: delta is negative or not a number, or the number of labels does not match.
    """

    def __init__(self, logits: Tensor, labels: Tensor, delta: float) -> None:
        check_inputs(logits, labels)
        check(logits, labels, delta=delta)
        self.shape = logits.shape
        self.logits = logits.detach().reshape(-1)
        self.labels = labels.detach().reshape(-1)
        self.positives = device.where_true(self.labels == 1)
        fine = self.logits.dtype == torch.float64 or 0 < delta < FINE_DELTA
        self.dtype = torch.float64 if fine else torch.float32
        self.scores = self.logits[self.positives].to(self.dtype)
        self.delta = delta
        self._cpu = device.on_cpu(self.logits)
        whole = len(self.logits)  # at most an eighth of it, to keep the peak memory low
        self._length = max(SMALLEST_CHUNK, min(CHUNK, whole // 8)) if self._cpu else max(whole, 1)

    def __len__(self) -> int:
        """The number of positives. If it is 0, no other attribute may be used."""
        return len(self.scores)

    @cached_property
    def bins(self) -> StepBins:
        """The bins between the breakpoints ``s⁺ ± δ``."""
        return StepBins(self.scores, self.delta)

    def _make_chunks(self) -> Iterator[Chunk]:
        cut, below = self.bins.edges[0], self.bins.below
        for start in range(0, len(self.logits), self._length):
            values = self.logits[start : start + self._length].to(self.dtype)
            relevant = (values < cut).logical_not_()  # true for NaN, so that the loss becomes NaN
            relevant &= self.labels[start : start + self._length] == 0
            index = None
            count = int(relevant.count_nonzero()) if self._cpu else len(values)
            if count < SPARSE * len(values):
                rare = 16 * count < len(values)
                index = device.where_true(relevant) if rare else relevant.nonzero().squeeze(1)
                values = values.index_select(0, index)
            else:
                values = torch.where(relevant, values, below)
            yield Chunk(start, index, *self.bins.place(values))

    @cached_property
    def chunks(self) -> list[Chunk]:
        """The relevant negatives, chunk by chunk."""
        return list(self._make_chunks())

    def forget_negatives(self) -> None:
        """Frees the memory kept for the negatives. It is recomputed if it is needed again."""
        self.__dict__.pop("chunks", None)

    def _values(self, part: Chunk) -> Tensor:
        values = self.logits[part.start : part.start + self._length].to(self.dtype)
        return values if part.index is None else values.index_select(0, part.index)

    def _negatives_above(self, emphasis: Emphasis | None = None) -> Tensor:
        mass = torch.zeros(len(self.bins), dtype=torch.float64, device=self.scores.device)
        offsets = torch.zeros_like(mass)
        for part in self.chunks:
            weights = None if emphasis is None else emphasis(self._values(part)).double()
            weighted = part.offsets if weights is None else weights * part.offsets
            mass += self.bins.histogram(part.bins, weights)
            offsets += self.bins.histogram(part.bins, weighted)
        return self.bins.sums_above(mass, offsets)

    def positives_above(self, weights: Tensor) -> Tensor:
        """Returns ``Σ_{k ∈ P, k ≠ i} w_k H(s_k - s_i)`` for each positive i, float64 (P,).

        Args:
            weights: (P,) w ≥ 0.
        """
        weights = weights.detach().double()
        return self.bins.sums(self.scores, weights) - self.bins.self_step * weights

    def rank_sums_below(self, weights: Tensor, delta: float) -> Tensor:
        """Returns ``Σ_{k ∈ P} w_k H(s_i - s_k)`` for each positive i, i included, float64 (P,).

        Args:
            weights: (P,) w.
            delta: half the width of the ramp of this H, which may differ from that of the ranks.
        """
        bins = StepBins(self.scores, delta)
        where, offsets = bins.place(self.scores)
        value, slope = bins.field(weights.double())
        return value[where].double() + slope[where].double() * offsets

    @cached_property
    def false_positives(self) -> Tensor:
        """``FP_i = Σ_{j ∈ N} H(s_j - s_i)`` for each positive, float64 (P,)."""
        return self._negatives_above()

    @property
    def n_relevant(self) -> Tensor:
        """The number of negatives not below ``min(s⁺) - δ`` (float64 scalar)."""
        counts = [self.bins.histogram(part.bins)[1:].sum() for part in self.chunks]
        return torch.stack(counts).sum()

    @cached_property
    def rank_among_positives(self) -> Tensor:
        """``rank⁺_i = 1 + Σ_{k ∈ P, k ≠ i} H(s_k - s_i)``, float64 (P,)."""
        return 1 + self.positives_above(torch.ones_like(self.scores))

    @cached_property
    def rank(self) -> Tensor:
        """``rank_i = rank⁺_i + FP_i``, float64 (P,)."""
        return self.rank_among_positives + self.false_positives

    def distribute(
        self,
        errors: Tensor,
        normaliser: float,
        eps: float = 0.0,
        emphasis: Emphasis | None = None,
    ) -> Tensor:
        """Returns the error-driven gradient of ``(1/Z) Σ_i ℓ(i)`` (aLRP, Algorithm 1).

        Each positive gets ``-errors_i / Z``. The same amount is distributed over the negatives
        above it, in the shares ``p(j|i) = u_j H(s_j - s_i) / Σ_j u_j H(s_j - s_i)``.

        Args:
            errors: (P,) ``ℓ(i) - ℓ*(i)`` ≥ 0.
            normaliser: Z.
            eps: a positive whose sum in the denominator of p is at most this gets no gradient.
            emphasis: returns u ≥ 0 for the logits of negatives. None: u is 1, and the sum is FP_i.

        Returns:
            The gradient in the shape of the logits, float32 (float64 for float64 logits).
        """
        whole = self.false_positives
        if emphasis is not None:
            whole = self._negatives_above(emphasis)
        errors = torch.where(whole <= eps, 0.0, errors) / normaliser
        return self.gradient(-errors, errors / whole.clamp(min=TINY), emphasis)

    def gradient(
        self, positives: Tensor, per_negative: Tensor | None, emphasis: Emphasis | None = None
    ) -> Tensor:
        """Returns a gradient in the shape of the logits, float32 (float64 for float64 logits).

        Args:
            positives: (P,) gradient of each positive.
            per_negative: (P,) weights w: the gradient of negative j is ``Σ_i w_i H(s_j - s_i)``.
                None: negatives get no gradient.
            emphasis: returns a factor for the gradients of negatives, from their logits.
        """
        gradient = torch.zeros(len(self.logits), dtype=self.dtype, device=self.logits.device)
        if per_negative is not None:
            self._fill(gradient, *self.bins.field(per_negative.double()), emphasis)
        gradient.index_copy_(0, self.positives, positives.to(self.dtype))
        return gradient.reshape(self.shape).to(gradient_dtype(self.logits))

    def _fill(
        self, gradient: Tensor, value: Tensor, slope: Tensor, emphasis: Emphasis | None
    ) -> None:
        for part in self.chunks:
            slopes = slope.index_select(0, part.bins)
            field = value.index_select(0, part.bins).addcmul_(slopes, part.offsets)
            if emphasis is not None:
                field *= emphasis(self._values(part))
            target = gradient[part.start :]
            if part.index is None:
                target[: len(field)] = field
            else:
                target.index_copy_(0, part.index, field)


def gradient_dtype(logits: Tensor) -> torch.dtype:
    """Returns the dtype of losses and gradients: float64 for float64 logits, otherwise float32."""
    return torch.float64 if logits.dtype == torch.float64 else torch.float32
