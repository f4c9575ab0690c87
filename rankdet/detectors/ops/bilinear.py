"""Bilinear samples of a feature map at the taps of a convolution kernel, moved by offsets."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Geometry(NamedTuple):
    """Kernel, stride, padding and dilation, each as (y, x), and the number of offset groups."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    offset_groups: int


def sample_taps(image: Tensor, offset: Tensor, mask: Tensor | None, at: Geometry) -> Tensor:
    """Samples the image for every tap of every output pixel.

    Pixels outside the image are 0. As in mmcv, a sample that is one pixel or more outside has no
    gradient. (With offsets of 0, as in a new model, padded taps are exactly one pixel outside.)

    Args:
        image: (N, C, H, W), float32 or float64.
        offset: (N, groups * taps * 2, H', W') in pixels, y before x.
        mask: Factor of each sample (N, groups * taps, H', W'), or None.
        at: The kernel's geometry.

    Returns:
        (N, H' * W', C, taps), differentiable by image, offset and mask.
    """
    n, channels, height, width = image.shape
    groups, taps = at.offset_groups, at.kernel[0] * at.kernel[1]
    out = offset.shape[2:]
    positions, weights = _neighbours(*_coordinates(offset, at), height, width)
    start = torch.arange(n * groups, device=image.device) * (height * width)
    positions = positions + start.view(n, groups, 1, 1, 1, 1)
    if mask is not None:
        weights = weights * mask.view(n, groups, taps, *out, 1)
    table = image.view(n, groups, -1, height, width).permute(0, 1, 3, 4, 2)
    table = table.reshape(n * groups * height * width, channels // groups)
    values = F.embedding_bag(
        positions.view(-1, 4), table, per_sample_weights=weights.view(-1, 4), mode="sum"
    )
    values = values.view(n, groups, taps, out.numel(), -1).permute(0, 3, 1, 4, 2)
    return values.reshape(n, out.numel(), channels, taps)


def on_image(offset: Tensor, at: Geometry, height: int, width: int) -> Tensor:
    """Returns which samples are less than one pixel outside the image, bool.

    Args:
        offset: (N, groups * taps * 2, H', W') in pixels, y before x.
        at: The kernel's geometry.
        height: Height of the image.
        width: Width of the image.

    Returns:
        (N, groups * taps, H', W'); false for NaN.
    """
    return _near(*_coordinates(offset, at), height, width).flatten(1, 2)


def _near(y: Tensor, x: Tensor, height: int, width: int) -> Tensor:
    return (y > -1) & (y < height) & (x > -1) & (x < width)


def _coordinates(offset: Tensor, at: Geometry) -> tuple[Tensor, Tensor]:
    """Returns y and x of every sample, each (N, groups, taps, H', W')."""
    n, _, *out = offset.shape
    moved = offset.view(n, at.offset_groups, -1, 2, *out) + _grid(at, offset)
    return moved[:, :, :, 0], moved[:, :, :, 1]


def _grid(at: Geometry, offset: Tensor) -> Tensor:
    """Returns the coordinates of the taps without offsets (taps, 2, H', W'), y before x."""
    out = offset.shape[2:]

    def axis(i: int) -> Tensor:
        tap = torch.arange(at.kernel[i], device=offset.device, dtype=offset.dtype) * at.dilation[i]
        pixel = torch.arange(out[i], device=offset.device, dtype=offset.dtype) * at.stride[i]
        return tap[:, None] + pixel - at.padding[i]  # (kernel, out)

    y = axis(0)[:, None, :, None].expand(*at.kernel, *out)
    x = axis(1)[None, :, None, :].expand(*at.kernel, *out)
    return torch.stack([y, x], dim=2).flatten(0, 1)


def _neighbours(y: Tensor, x: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Returns the flat positions of the four pixels around each sample, and their weights.

    Pixels outside the image have weight 0. All four have weight 0 if the sample is outside the
    image or NaN.
    """
    near = _near(y, x, height, width)
    low_y, low_x = y.detach().floor(), x.detach().floor()
    down, across = y - low_y, x - low_x
    positions, weights = [], []
    for row, weight_y in ((low_y, 1 - down), (low_y + 1, down)):
        for column, weight_x in ((low_x, 1 - across), (low_x + 1, across)):
            real = near & (row >= 0) & (row < height) & (column >= 0) & (column < width)
            weights.append(torch.where(real, weight_y * weight_x, 0))
            row_at, column_at = (torch.where(real, axis, 0).long() for axis in (row, column))
            positions.append(row_at * width + column_at)
    return torch.stack(positions, dim=-1), torch.stack(weights, dim=-1)
