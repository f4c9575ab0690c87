"""The one primitive of the ranking losses: exact sums of a smoothed step function over ranks.

Every ranking loss is built of sums of ``H(s_j - s_i)`` over the negatives ``j`` (or positives) for
each positive ``i``. All of them, and the gradients made of them, cost O((P + N) log P) in time and
O(P + N) in memory, without approximation; how is in bins.py and docs/losses.md.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from rankdet.losses import lookup
from rankdet.losses.bins import StepBins

CHUNK = 1 << 16  # elements handled at a time on a CPU: temporaries stay small, and in its cache
SMALLEST = 1 << 14
SPARSE = 0.4  # a chunk with a smaller share of relevant negatives is compacted first
TINY = torch.finfo(torch.float64).tiny
FINE_DELTA = 2.0**-10  # below this, float32 cannot resolve s ± δ: elements become float64

Emphasis = Callable[[Tensor], Tensor]


def where_true(mask: Tensor) -> Tensor:
    """Indices of the true elements; on a CPU much faster than ``nonzero`` where they are rare."""
    whole = len(mask) - len(mask) % 8
    if not lookup.on_cpu(mask) or whole == 0:
        return mask.nonzero().squeeze(1)
    words = mask[:whole].view(torch.int64).nonzero()  # 8 flags at a time
    flags = mask[:whole].view(-1, 8)[words.squeeze(1)].nonzero()
    found = words[flags[:, 0], 0] * 8 + flags[:, 1]
    return torch.cat([found, mask[whole:].nonzero().squeeze(1) + whole])


@dataclass(frozen=True)
class _Placed:
    """Negatives in bins, and where they stand in the input (index None: everywhere)."""

    start: int
    index: Tensor | None
    bins: Tensor
    offsets: Tensor


class Ranking:
    """One ranking problem: P positives against N negatives, of which few matter.

    Negatives below ``min(s⁺) - δ`` change nothing and are skipped early. On a CPU the negatives are
    taken in chunks; elsewhere in one piece, without boolean indexing or host synchronisation (the
    number of positives is the only thing the host learns).

    Args:
        logits: any shape, any floating dtype.
        labels: same number of elements: 1 positive, 0 negative, anything else is ignored.
        delta: half the ramp's width of H, ≥ 0.
    """

    def __init__(self, logits: Tensor, labels: Tensor, delta: float) -> None:
        self.shape = logits.shape
        self.logits = logits.detach().reshape(-1)
        self.labels = labels.detach().reshape(-1)
        self.positives = where_true(self.labels == 1)
        fine = self.logits.dtype == torch.float64 or 0 < delta < FINE_DELTA
        self.dtype = torch.float64 if fine else torch.float32
        self.scores = self.logits[self.positives].to(self.dtype)
        self.delta = delta
        self._cpu = lookup.on_cpu(self.logits)
        whole = len(self.logits)  # an eighth of it, so that a chunk's temporaries stay small beside
        self._length = max(SMALLEST, min(CHUNK, whole // 8)) if self._cpu else max(whole, 1)

    def __len__(self) -> int:
        """The number of positives; with none, nothing else may be asked."""
        return len(self.scores)

    @cached_property
    def bins(self) -> StepBins:
        """The bins between the breakpoints ``s⁺ ± δ``."""
        return StepBins(self.scores, self.delta)

    def _place(self) -> Iterator[_Placed]:
        cut, below = self.bins.edges[0], self.bins.below
        for start in range(0, len(self.logits), self._length):
            values = self.logits[start : start + self._length].to(self.dtype)
            relevant = (values < cut).logical_not_()  # keeps NaN, so that it shows in the loss
            relevant &= self.labels[start : start + self._length] == 0
            index = None
            count = int(relevant.count_nonzero()) if self._cpu else len(values)
            if count < SPARSE * len(values):
                rare = 16 * count < len(values)
                index = where_true(relevant) if rare else relevant.nonzero().squeeze(1)
                values = values.index_select(0, index)
            else:
                values = torch.where(relevant, values, below)
            yield _Placed(start, index, *self.bins.place(values))

    @cached_property
    def _negatives(self) -> list[_Placed]:
        return list(self._place())

    def forget_negatives(self) -> None:
        """Frees what is kept of each negative; it is made anew where it is needed again."""
        self.__dict__.pop("_negatives", None)

    def _values(self, part: _Placed) -> Tensor:
        values = self.logits[part.start : part.start + self._length].to(self.dtype)
        return values if part.index is None else values.index_select(0, part.index)

    def _negatives_above(self, emphasis: Emphasis | None = None) -> Tensor:
        mass = torch.zeros(len(self.bins), dtype=torch.float64, device=self.scores.device)
        offsets = torch.zeros_like(mass)
        for part in self._negatives:
            weights = None if emphasis is None else emphasis(self._values(part)).double()
            weighted = part.offsets if weights is None else weights * part.offsets
            mass += self.bins.histogram(part.bins, weights)
            offsets += self.bins.histogram(part.bins, weighted)
        return self.bins.sums_above(mass, offsets)

    def positives_above(self, weights: Tensor) -> Tensor:
        """``Σ_{k ∈ P, k ≠ i} w_k H(s_k - s_i)`` for each positive i, float64 (P,).

        Args:
            weights: (P,) w, not negative.
        """
        weights = weights.detach().double()
        return self.bins.sums(self.scores, weights) - self.bins.self_step * weights

    def rank_sums_below(self, weights: Tensor, delta: float) -> Tensor:
        """``Σ_{k ∈ P} w_k H(s_i - s_k)`` for each positive i, itself included, float64 (P,).

        Args:
            weights: (P,) w.
            delta: half the ramp's width of this H, which may differ from the ranks' own.
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
        counts = [self.bins.histogram(part.bins)[1:].sum() for part in self._negatives]
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
        """The error-driven gradient of ``(1/Z) Σ_i ℓ(i)`` (aLRP, Algorithm 1).

        Each positive gets ``-errors_i / Z`` and hands the same amount to the negatives above it, in
        the shares ``p(j|i) = u_j H(s_j - s_i) / Σ_j u_j H(s_j - s_i)``.

        Args:
            errors: (P,) ``ℓ(i) - ℓ*(i)``, not negative.
            normaliser: Z.
            eps: positives with a sum in p of at most this are at rest.
            emphasis: gives u ≥ 0 for the logits of negatives; None is 1, so the sum in p is FP_i.
        """
        whole = self.false_positives
        if emphasis is not None:
            whole = self._negatives_above(emphasis)
        errors = torch.where(whole <= eps, 0.0, errors) / normaliser
        return self.gradient(-errors, errors / whole.clamp(min=TINY), emphasis)

    def gradient(
        self, positives: Tensor, per_negative: Tensor | None, emphasis: Emphasis | None = None
    ) -> Tensor:
        """Puts a gradient together, in the shape of the logits (float64 if they are, or float32).

        Args:
            positives: (P,) gradient of each positive.
            per_negative: (P,) weights ``w_i``: negative j gets ``Σ_i w_i H(s_j - s_i)``; None for
                no gradient of the negatives.
            emphasis: multiplies a negative's gradient, given its logit.
        """
        gradient = torch.zeros(len(self.logits), dtype=self.dtype, device=self.logits.device)
        if per_negative is not None:
            self._fill(gradient, *self.bins.field(per_negative.double()), emphasis)
        gradient.index_copy_(0, self.positives, positives.to(self.dtype))
        return gradient.reshape(self.shape).to(gradient_dtype(self.logits))

    def _fill(
        self, gradient: Tensor, value: Tensor, slope: Tensor, emphasis: Emphasis | None
    ) -> None:
        for part in self._negatives:
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
    """The type in which losses and gradients are made: float64 if the logits are, or float32."""
    return torch.float64 if logits.dtype == torch.float64 else torch.float32
