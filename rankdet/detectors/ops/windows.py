"""Windows: the parts of a feature map that RoIs cover, with their interpolation weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

BUDGET = {"cpu": 1 << 22}  # numbers in memory for a part of the RoIs; 2^26 on other devices


@dataclass(frozen=True)
class Axis:
    """The samples of R RoIs along one axis of the feature map, in its pixels.

    Attributes:
        start: Start of each RoI (R,).
        step: Size of its bins (R,).
        count: Samples in each bin (R,), int64, >= 0.
        first: First pixel of its window (R,), int64.
        extent: Pixels in its window (R,), int64, >= 1.
        bins: Bins along this axis.
        size: Pixels of the feature map along this axis.
        most: The largest `count`, known for the parts of `Windows.parts`.
        widest: The largest `extent`, known for the same.
    """

    start: Tensor
    step: Tensor
    count: Tensor
    first: Tensor
    extent: Tensor
    bins: int
    size: int
    most: int = 0
    widest: int = 0

    @classmethod
    def of(cls, low: Tensor, high: Tensor, bins: int, size: int, ratio: int, aligned: bool) -> Axis:
        """Returns the axis of RoIs from `low` to `high` (R,), scaled to the feature map."""
        start = low - 0.5 if aligned else low
        length = high - low if aligned else (high - low).clamp(min=1)
        step = length / bins
        count = torch.full_like(step, ratio) if ratio > 0 else step.ceil().clamp(min=0)
        ends = torch.stack([start, start + length]).clamp(-1, size)
        first = ends.amin(dim=0).floor().long().clamp(0, size - 1)
        # one pixel for the interpolation, one more in case the last sample was rounded up
        last = (ends.amax(dim=0).floor().long() + 2).clamp(0, size - 1)
        return cls(start, step, count.long(), first, last - first + 1, bins, size)

    def take(self, rows: Tensor, most: int, widest: int) -> Axis:
        """Returns the axis of some of the RoIs, with their largest `count` and `extent`."""
        return Axis(
            self.start[rows],
            self.step[rows],
            self.count[rows],
            self.first[rows],
            self.extent[rows],
            self.bins,
            self.size,
            most,
            widest,
        )

    def samples(self) -> Tensor:
        """Returns coordinates (R, bins, S), where S is the largest `count`.

        Only the first `count` samples of a bin exist; see `used`.
        """
        steps = self._steps() + 0.5
        step = self.step[:, None, None]
        inside = steps * step / self.count.clamp(min=1)[:, None, None]
        bins = torch.arange(self.bins, device=self.start.device)[:, None]
        return self.start[:, None, None] + bins * step + inside

    def used(self) -> Tensor:
        """Returns which samples exist (R, 1, S), bool."""
        return (self._steps() < self.count[:, None])[:, None]

    def _steps(self) -> Tensor:
        return torch.arange(max(1, self.most), device=self.count.device)

    def pixels(self) -> Tensor:
        """Returns the pixels of the windows (R, largest extent), int64; some may be off the map."""
        return self.first[:, None] + torch.arange(self.widest, device=self.first.device)

    def weights(self) -> Tensor:
        """Returns the weight of each pixel in each sample (R, bins, S, largest extent)."""
        at = self.samples()
        counts = (at >= -1) & (at <= self.size) & self.used()
        hat = at.clamp(0, self.size - 1)[..., None] - self.pixels().to(at.dtype)[:, None, None]
        return hat.abs_().neg_().add_(1).clamp_(min=0).mul_(counts[..., None])

    def mean_weights(self) -> Tensor:
        """Returns the weight of each pixel in the mean of each bin (R, bins, largest extent)."""
        return self.weights().sum(dim=2) / self.count.clamp(min=1)[:, None, None]


@dataclass(frozen=True)
class Windows:
    """RoIs on a feature map: an image index (R,) and the two axes."""

    image: Tensor
    y: Axis
    x: Axis

    @classmethod
    def of(
        cls,
        rois: Tensor,
        shape: torch.Size,
        bins: tuple[int, int],
        scale: float,
        ratio: int,
        aligned: bool,
    ) -> Windows:
        """Returns the windows of RoIs (R, 5), in image pixels, on a map of shape (B, C, H, W)."""
        x1, y1, x2, y2 = rois[:, 1:].t() * scale
        y = Axis.of(y1, y2, bins[0], shape[2], ratio, aligned)
        x = Axis.of(x1, x2, bins[1], shape[3], ratio, aligned)
        return cls(rois[:, 0].long(), y, x)

    def parts(self, channels: int, samples: bool) -> Iterator[tuple[Tensor, Windows]]:
        """Yields the indices and windows of RoIs of similar size, as many as fit in memory.

        The largest sizes of all groups are read at once: the host waits for a GPU at each reading.

        Args:
            channels: Channels of the feature map.
            samples: Whether memory is needed for a value per sample, not only per bin.
        """
        sizes = torch.stack([self.y.extent, self.x.extent, self.y.count, self.x.count])
        powers = sizes[:2].clamp(min=8).double().log2().ceil().long()
        code = powers[0] * 64 + powers[1]
        order = code.argsort()
        _, group, lengths = code[order].unique_consecutive(return_inverse=True, return_counts=True)
        largest = sizes.new_zeros(len(sizes), len(lengths))
        largest.scatter_reduce_(1, group.expand_as(sizes), sizes[:, order], "amax")
        budget = BUDGET.get(code.device.type, 1 << 26)
        same, *most = torch.cat([lengths[None], largest]).tolist()
        for rows, top in zip(order.split(same), zip(*most, strict=True), strict=True):
            parts = rows.split(max(1, budget // self._cost(top, channels, samples)))
            for some in parts:
                found = top if len(parts) == 1 else sizes[:, some].amax(dim=1).tolist()
                yield some, self._take(some, *found)

    def _take(self, rows: Tensor, height: int, width: int, down: int, across: int) -> Windows:
        y, x = self.y.take(rows, down, height), self.x.take(rows, across, width)
        return Windows(self.image[rows], y, x)

    def _cost(self, largest: Sequence[int], channels: int, samples: bool) -> int:
        height, width, down, across = largest
        rows, columns = self.y.bins * down, self.x.bins * across
        weights = rows * height + columns * width
        if not samples:
            rows, columns = self.y.bins, self.x.bins
        return 2 * weights + channels * (height * width + rows * width + rows * columns)

    def positions(self) -> Tensor:
        """Returns the row of each window pixel in the flat feature map (R, height, width), int64.

        Pixels off the map repeat the last pixel. Their weight is 0.
        """
        y = self.y.pixels().clamp(max=self.y.size - 1)
        x = self.x.pixels().clamp(max=self.x.size - 1)
        return (self.image[:, None, None] * self.y.size + y[:, :, None]) * self.x.size + x[:, None]

    def apply(self, down: Tensor, across: Tensor, values: Tensor) -> Tensor:
        """Multiplies (R, h, w, C) by matrices (R, h', h) and (R, w', w); returns (R, h', w', C)."""
        n, _, width, channels = values.shape
        rows = torch.bmm(down, values.flatten(2)).view(n, -1, width, channels)
        return torch.matmul(across[:, None], rows)
