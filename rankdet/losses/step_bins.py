"""Exact sums of a smoothed step function, from bins between its breakpoints.

``H(x) = clamp(x / 2δ + 1/2, 0, 1)`` (``[x >= 0]`` at δ = 0) is piecewise linear. Sums of
``H(s_j - s_i)`` therefore follow from counts and sums between the 2P breakpoints ``s_i ± δ``. With
the hinge sum ``J(t) = Σ_j w_j max(s_j - t, 0)``::

    Σ_j w_j H(s_j - s_i) = (J(s_i - δ) - J(s_i + δ)) / 2δ

J is summed from the highest breakpoint down. All terms are non-negative, so nothing cancels.

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


class StepBins:
    """The bins between the breakpoints of ``H(· - s_i)``, for P > 0 scores s.

    Bin 0 is below all M breakpoints. Bin m starts at breakpoint m.

    Args:
        scores: (P,) float32 or float64.
        delta: half the width of the ramp of H, ≥ 0. At 0, H is a hard step that counts a tie as 1.
    """

    def __init__(self, scores: Tensor, delta: float) -> None:
        exact = scores.double()
        self.delta = delta
        self.self_step = 0.5 if delta > 0 else 1.0  # H(0): what a score adds to its own sum
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
        """Returns each value's bin (int32) and its distance from that bin's start."""
        bins = self._finder(values)
        return bins, values - self._starts.index_select(0, bins)

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
        tail = _suffix_sums(mass)
        poison = offsets[0] * 0  # NaN if there is a NaN logit: the loss must show it
        if self.delta == 0:
            return tail[1:][self._lower] + poison
        area = (offsets + mass * self._rounding)[1:]
        area[:-1] += tail[2:] * self._widths
        hinge = _suffix_sums(area)
        return (hinge[self._lower] - hinge[self._upper]) / (2 * self.delta) + poison

    def field(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the value at the start and the slope of ``v -> Σ_i w_i H(v - s_i)`` in each bin.

        Args:
            weights: (P,) float64.

        Returns:
            Two tensors (M + 1,) of the scores' dtype.
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
