"""Sums of a smoothed step function by bins between breakpoints.

``H(x) = clamp(x / 2δ + ½, 0, 1)`` (or ``[x ≥ 0]`` at δ = 0) is piecewise linear. Sums of
``H(s_j - s_i)`` therefore follow from counts and sums between the 2P breakpoints ``s_i ± δ``::

    Σ_j w_j H(s_j - s_i) = Σ_{j above s_i + δ} w_j + Σ_{j in the ramp} w_j (s_j - s_i + δ) / 2δ

A ramp consists of whole bins. Both sums are differences of suffix sums over the bins. Bins in no
ramp (gaps between the positives) take no part: without them, all places are within 2δP, and the
suffix sums stay small even if logits are 10^30.

For the gradient, ``Σ_i w_i H(s_j - s_i)`` as a function of ``s_j`` is piecewise linear with the
same breakpoints: each bin has a value and a slope. Elements are float32 (float64 for float64
input), bins are float64. docs/losses.md has the derivation, with a figure.
"""

import torch
from torch import Tensor

from rankdet.losses import device
from rankdet.losses.bin_finder import BinFinder


def _suffix_sums(values: Tensor) -> Tensor:
    return values.flip(0).cumsum(0).flip(0)


def _smallest_at_least(value: Tensor, rest: Tensor, dtype: torch.dtype) -> Tensor:
    """Returns the smallest number of a dtype that is not below ``value + rest``, sorted as given.

    `rest` is what float64 lost when it rounded `value`. With such an edge, a comparison with a
    logit has the result of exact arithmetic.
    """
    near = value.to(dtype)
    exact = near.double()
    low = (exact < value) | ((exact == value) & (rest > 0))
    return torch.where(low, near.nextafter(torch.full_like(near, torch.inf)), near)


class StepBins:
    """The bins between the breakpoints of ``H(· - s_i)``, for P > 0 scores s.

    Bin 0 is below all M breakpoints. Bin m starts at breakpoint m.

    Args:
        scores: (P,) float32 or float64.
        delta: half the width of the ramp of H, ≥ 0. At 0, H is a hard step that counts a tie as 1.
    """

    def __init__(self, scores: Tensor, delta: float) -> None:
        self.delta, self.count = delta, len(scores)
        self.self_step = 0.5 if delta > 0 else 1.0  # H(0): what a score adds to its own sum
        exact = scores.double()
        self._poison = (exact * 0).sum()
        if delta == 0:
            self.edges, order = scores.sort()
            self._lower = self._upper = self._places(order)
        else:
            self._sort_ramps(exact, scores.dtype)
        self._starts = torch.cat([self.edges[:1], self.edges])
        self._finder = BinFinder(self.edges)
        if delta > 0:
            self._measure_ramps(exact)

    def _sort_ramps(self, exact: Tensor, dtype: torch.dtype) -> None:
        low, high = exact - self.delta, exact + self.delta
        rest = torch.cat([(exact - low) - self.delta, self.delta - (high - exact)])
        points = torch.cat([low, high])  # in a tie, the start of a ramp comes first
        points, order = points.sort(stable=True)
        edges = _smallest_at_least(points, rest[order], dtype)
        self.edges = edges.cummax(0).values  # two float64 points may round to one
        places = self._places(order)
        self._lower, self._upper = places[: self.count], places[self.count :]

    def _places(self, order: Tensor) -> Tensor:
        places = torch.empty_like(order)
        places[order] = torch.arange(len(order), device=order.device)
        return places

    def _measure_ramps(self, exact: Tensor) -> None:
        changes = torch.zeros_like(self.edges, dtype=torch.int32)
        changes[self._lower] = 1
        changes[self._upper] = -1
        self._in_ramp = changes.cumsum(0) > 0  # of the bin that starts at each edge
        edges = self.edges.double()
        # For huge logits the next number after s may be far beyond s + δ: a ramp ends at 2δ.
        widths = torch.where(self._in_ramp[:-1], edges.diff().clamp_(max=2 * self.delta), 0.0)
        self._along = torch.cat([widths.new_zeros(1), widths.cumsum(0)])  # gaps have no length
        # Where a ramp begins on the same scale. Its first edge is not below it.
        self._begin = self._along[self._lower] - ((edges[self._lower] - exact) + self.delta)

    def __len__(self) -> int:
        return len(self.edges) + 1

    def step(self, differences: Tensor) -> Tensor:
        """Returns H of score differences, for the few sums that need every pair. Works in place."""
        if self.delta == 0:
            return (differences >= 0).to(differences.dtype)
        return differences.mul_(0.5 / self.delta).add_(0.5).clamp_(0, 1)

    @property
    def below(self) -> Tensor:
        """A value in bin 0, where every H is 0 (a scalar tensor; the host does not wait)."""
        return self.edges[0].nextafter(torch.full_like(self.edges[0], -torch.inf))

    def place(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Returns each value's bin (int32) and its distance from that bin's start.

        Distances end at 2δ: longer ones are of bins in no ramp, where they do not count.
        """
        bins = self._finder(values)
        offsets = values - self._starts.index_select(0, bins)
        return bins, offsets.clamp_(max=2 * self.delta)

    def histogram(self, bins: Tensor, weights: Tensor | None = None) -> Tensor:
        """Sums weights (or ones) per bin, in float64: (M + 1,)."""
        if device.on_cpu(bins):  # on a GPU, bincount would make the host wait
            weights = None if weights is None else weights.double()
            return torch.bincount(bins, weights, minlength=len(self)).double()
        ones = bins.new_ones((), dtype=torch.float64).expand(len(bins))
        sums = bins.new_zeros(len(self), dtype=torch.float64)
        return sums.index_add_(0, bins, ones if weights is None else weights.double())

    def sums(self, values: Tensor, weights: Tensor) -> Tensor:
        """Returns ``Σ_j w_j H(v_j - s_i)`` for every i, float64 (P,)."""
        bins, offsets = self.place(values)
        return self.sums_above(
            self.histogram(bins, weights), self.histogram(bins, weights * offsets)
        )

    def sums_above(self, mass: Tensor, offsets: Tensor) -> Tensor:
        """Returns ``Σ_j w_j H(v_j - s_i)`` for every i, float64 (P,).

        Args:
            mass: (M + 1,) sum of the weights in each bin.
            offsets: (M + 1,) sum of weight times distance from the bin's start.
        """
        tail = _suffix_sums(mass[1:])
        # NaN if a score is not finite or a value is NaN (which is below or above all edges, by the
        # search): the loss must show it.
        poison = self._poison + (offsets[0] + offsets[-1]) * 0
        if self.delta == 0:
            return tail[self._lower] + poison
        moment = _suffix_sums(torch.where(self._in_ramp, mass[1:] * self._along + offsets[1:], 0.0))
        inside = _suffix_sums(torch.where(self._in_ramp, mass[1:], 0.0))
        low, high = self._lower, self._upper
        ramp = (moment[low] - moment[high]) - self._begin * (inside[low] - inside[high])
        return tail[high] + ramp.clamp_(min=0) / (2 * self.delta) + poison

    def field(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the value at the start and the slope of ``v -> Σ_i w_i H(v - s_i)`` in each bin.

        Args:
            weights: (P,) float64.

        Returns:
            Two tensors (M + 1,) of the scores' dtype.
        """
        value = weights.new_zeros(len(self), dtype=torch.float64)
        slope = torch.zeros_like(value)
        if self.delta == 0:
            value[1:][self._lower] = weights
            value[1:] = value[1:].cumsum(0)
            return value.to(self.edges.dtype), slope.to(self.edges.dtype)
        steep = weights / (2 * self.delta)
        ended, slopes, begins = (torch.zeros_like(value[1:]) for _ in range(3))
        ended[self._upper] = weights
        slopes[self._lower], slopes[self._upper] = steep, -steep
        begins[self._lower], begins[self._upper] = steep * self._begin, -steep * self._begin
        slopes = slopes.cumsum(0)
        ramps = slopes * self._along - begins.cumsum(0)
        slope[1:] = torch.where(self._in_ramp, slopes, 0.0)
        value[1:] = ended.cumsum(0) + torch.where(self._in_ramp, ramps, 0.0)
        return value.to(self.edges.dtype), slope.to(self.edges.dtype)
