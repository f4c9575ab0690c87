"""Exact sums of a smoothed step function over ranks: the one primitive of the ranking losses.

Every ranking loss is built of sums of ``H(s_j - s_i)`` over the negatives ``j`` (or positives) for
each positive ``i``, where ``H(x) = clamp(x / 2δ + 1/2, 0, 1)``, or ``[x >= 0]`` at δ = 0. H is
piecewise linear, so all these sums follow from counts and sums between the 2P breakpoints
``s_i ± δ``: O((P + N) log P) in time, O(P + N) in memory, and no approximation.

With the hinge sum ``J(t) = Σ_j w_j max(s_j - t, 0)``, which grows downwards from the highest
breakpoint by non-negative steps only (so nothing cancels)::

    Σ_j w_j H(s_j - s_i) = (J(s_i - δ) - J(s_i + δ)) / 2δ

Turned around, ``Σ_i w_i H(s_j - s_i)`` as a function of ``s_j`` is piecewise linear with the same
breakpoints: a value and a slope per bin. Elements are float32 (float64 if the input is), bins are
float64. The derivation, with a picture, is in docs/losses.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from rankdet.losses.lookup import BinFinder

CHUNK = 1 << 17  # elements handled at a time on a CPU: temporaries stay in its cache
SPARSE = 0.4  # a chunk with a smaller share of relevant negatives is compacted first
TINY = torch.finfo(torch.float64).tiny
FINE_DELTA = 2.0**-10  # below this, float32 cannot resolve s ± δ: elements become float64


def _suffix_sums(values: Tensor) -> Tensor:
    return values.flip(0).cumsum(0).flip(0)


def _where(mask: Tensor) -> Tensor:
    """Indices of the true elements; on a CPU much faster than ``nonzero`` where they are rare."""
    whole = len(mask) - len(mask) % 8
    if mask.device.type != "cpu" or whole == 0:
        return mask.nonzero().squeeze(1)
    words = mask[:whole].view(torch.int64).nonzero()  # 8 flags at a time
    flags = mask[:whole].view(-1, 8)[words.squeeze(1)].nonzero()
    found = words[flags[:, 0], 0] * 8 + flags[:, 1]
    return torch.cat([found, mask[whole:].nonzero().squeeze(1) + whole])


class StepBins:
    """The bins between the breakpoints of ``H(· - s_i)``, for scores ``s`` (P,), P > 0.

    Bin 0 lies below all M breakpoints, bin m starts at the m-th of them.

    Args:
        scores: (P,) float32 or float64.
        delta: half the width of the ramp of H; 0 makes it a step that counts ties as 1.
    """

    def __init__(self, scores: Tensor, delta: float) -> None:
        exact = scores.double()
        self.delta = delta
        self.self_step = 0.5 if delta > 0 else 1.0  # H(0), what a score adds to its own sum
        points = torch.cat([exact - delta, exact + delta]) if delta > 0 else exact
        self.points, order = points.sort()
        rank = torch.empty_like(order)
        rank[order] = torch.arange(len(order), device=order.device)
        self._lower, self._upper = rank[: len(scores)], rank[-len(scores) :]
        self.edges = self.points.to(scores.dtype)
        self._starts = torch.cat([self.edges[:1], self.edges])
        self._rounding = torch.cat([self.points[:1], self.points]).neg_().add_(self._starts)
        self._widths = self.points.diff()
        self._finder = BinFinder(self.edges)

    def __len__(self) -> int:
        return len(self.edges) + 1

    @property
    def below(self) -> Tensor:
        """A value of bin 0, where every H is 0 (scalar, no synchronisation)."""
        return self.edges[0].nextafter(self.edges.new_tensor(-torch.inf))

    def place(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Returns each value's bin (int32) and its distance from that bin's start."""
        bins = self._finder(values)
        return bins, values - self._starts.index_select(0, bins)

    def histogram(self, bins: Tensor, weights: Tensor | None = None) -> Tensor:
        """Sums weights (or ones) per bin, in float64: (M + 1,)."""
        if bins.device.type == "cpu":  # elsewhere bincount synchronises with the host
            weights = None if weights is None else weights.double()
            return torch.bincount(bins, weights, minlength=len(self)).double()
        ones = bins.new_ones((), dtype=torch.float64).expand(len(bins))
        sums = bins.new_zeros(len(self), dtype=torch.float64)
        return sums.index_add_(0, bins, ones if weights is None else weights.double())

    def sums_above(self, mass: Tensor, offsets: Tensor) -> Tensor:
        """Returns ``Σ_j w_j H(v_j - s_i)`` for every i, float64 (P,).

        Args:
            mass: (M + 1,) sum of the weights in each bin.
            offsets: (M + 1,) sum of weight times distance from the bin's start.
        """
        tail = _suffix_sums(mass)
        poison = offsets[0] * 0  # NaN logits fall into any bin: do not lose them
        if self.delta == 0:
            return tail[1:][self._lower] + poison
        area = (offsets + mass * self._rounding)[1:]
        area[:-1] += tail[2:] * self._widths
        hinge = _suffix_sums(area)
        return (hinge[self._lower] - hinge[self._upper]) / (2 * self.delta) + poison

    def field(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Returns value and slope (M + 1,) of ``v -> Σ_i w_i H(v - s_i)`` in each bin.

        Args:
            weights: (P,) float64.
        """
        jumps = torch.zeros_like(self.points)
        value = jumps.new_zeros(len(self))
        slope = torch.zeros_like(value)
        if self.delta == 0:
            jumps[self._lower] = weights
            value[1:] = jumps.cumsum(0)
        else:
            jumps[self._lower] = weights / (2 * self.delta)
            jumps[self._upper] = weights / (-2 * self.delta)
            slope[1:] = jumps.cumsum(0)
            value[2:] = (slope[1:-1] * self._widths).cumsum(0)
            value += slope * self._rounding
        return value.to(self.edges.dtype), slope.to(self.edges.dtype)


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
        self.positives = _where(self.labels == 1)
        fine = self.logits.dtype == torch.float64 or 0 < delta < FINE_DELTA
        self.dtype = torch.float64 if fine else torch.float32
        self.scores = self.logits[self.positives].to(self.dtype)
        self.bins = StepBins(self.scores, delta) if len(self.scores) else None
        self._placed: list[_Placed] | None = None

    def __len__(self) -> int:
        """The number of positives."""
        return len(self.scores)

    def _place(self) -> Iterator[_Placed]:
        assert self.bins is not None
        cpu, cut, below = self.logits.device.type == "cpu", self.bins.edges[0], self.bins.below
        length = CHUNK if cpu else max(len(self.logits), 1)
        for start in range(0, len(self.logits), length):
            values = self.logits[start : start + length].to(self.dtype)
            relevant = (values < cut).logical_not_()  # keeps NaN, so that it shows in the loss
            relevant &= self.labels[start : start + length] == 0
            index = None
            count = int(relevant.count_nonzero()) if cpu else len(values)
            if count < SPARSE * len(values):
                rare = 16 * count < len(values)
                index = _where(relevant) if rare else relevant.nonzero().squeeze(1)
                values = values.index_select(0, index)
            else:
                values = torch.where(relevant, values, below)
            yield _Placed(start, index, *self.bins.place(values))

    def _negatives_above(self) -> Tensor:
        assert self.bins is not None
        self._placed = list(self._place())
        mass = torch.zeros(len(self.bins), dtype=torch.float64, device=self.scores.device)
        offsets = torch.zeros_like(mass)
        for part in self._placed:
            mass += self.bins.histogram(part.bins)
            offsets += self.bins.histogram(part.bins, part.offsets)
        return self.bins.sums_above(mass, offsets)

    def positives_above(self, weights: Tensor) -> Tensor:
        """``Σ_{k ∈ P, k ≠ i} w_k H(s_k - s_i)`` for each positive i, float64 (P,).

        Args:
            weights: (P,) w, not negative.
        """
        assert self.bins is not None
        weights = weights.detach().double()
        bins, offsets = self.bins.place(self.scores)
        mass = self.bins.histogram(bins, weights)
        sums = self.bins.sums_above(mass, self.bins.histogram(bins, weights * offsets))
        return sums - self.bins.self_step * weights

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

    @cached_property
    def rank_among_positives(self) -> Tensor:
        """``rank⁺_i = 1 + Σ_{k ∈ P, k ≠ i} H(s_k - s_i)``, float64 (P,)."""
        return 1 + self.positives_above(torch.ones_like(self.scores))

    @cached_property
    def rank(self) -> Tensor:
        """``rank_i = rank⁺_i + FP_i``, float64 (P,)."""
        return self.rank_among_positives + self.false_positives

    def distribute(self, errors: Tensor, normaliser: float, eps: float = 0.0) -> Tensor:
        """The error-driven gradient with ``p(j|i) = H(s_j - s_i) / FP_i`` (aLRP, Algorithm 1).

        Each positive gets ``-errors_i / Z`` and hands the same amount to the negatives above it.

        Args:
            errors: (P,) ``ℓ(i) - ℓ*(i)``, not negative.
            normaliser: Z.
            eps: positives with ``FP_i <= eps`` are at rest.
        """
        false_positives = self.false_positives
        errors = torch.where(false_positives <= eps, 0.0, errors) / normaliser
        return self.gradient(-errors, errors / false_positives.clamp(min=TINY))

    def gradient(self, positives: Tensor, per_negative: Tensor) -> Tensor:
        """Puts a gradient together, in the shape of the logits (float64 if they are, or float32).

        Args:
            positives: (P,) gradient of each positive.
            per_negative: (P,) weights ``w_i``: negative j gets ``Σ_i w_i H(s_j - s_i)``.
        """
        assert self.bins is not None
        if self._placed is None:
            self._placed = list(self._place())
        value, slope = self.bins.field(per_negative.double())
        gradient = torch.zeros(len(self.logits), dtype=self.dtype, device=self.logits.device)
        for part in self._placed:
            slopes = slope.index_select(0, part.bins)
            field = value.index_select(0, part.bins).addcmul_(slopes, part.offsets)
            target = gradient[part.start :]
            if part.index is None:
                target[: len(field)] = field
            else:
                target.index_copy_(0, part.index, field)
        gradient.index_copy_(0, self.positives, positives.to(self.dtype))
        return gradient.reshape(self.shape).to(gradient_dtype(self.logits))


def gradient_dtype(logits: Tensor) -> torch.dtype:
    """The type in which losses and gradients are made: float64 if the logits are, or float32."""
    return torch.float64 if logits.dtype == torch.float64 else torch.float32
