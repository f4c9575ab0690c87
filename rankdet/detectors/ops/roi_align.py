"""RoIAlign (He et al. 2017, sec. 3), average or max pooling, forward and backward.

Bilinear interpolation is separable: the value of a bin is a weighted sum over rows of weighted sums
over columns. Therefore the window of each RoI is multiplied by one small matrix per axis
(`windows.py`). RoIs of similar size are processed together, a limited number at a time.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from rankdet.detectors.ops import vision
from rankdet.detectors.ops.precision import wide, without_autocast
from rankdet.detectors.ops.windows import Windows

MAX, AVERAGE = 0, 1


@without_autocast
def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Pools each RoI of the feature map into a grid of bins.

    A sample more than one pixel outside the map is 0. A bin without samples is 0 (with mmcv's max
    pooling it is -10000 on a CPU and -3.4e38 on a GPU).

    Args:
        input: Feature map (B, C, H, W). Half precision is computed in float32.
        rois: (R, 5) as image index, x1, y1, x2, y2 in image pixels.
        output: (R, C, aligned_height, aligned_width), overwritten.
        argmax_y: With max pooling: y of the largest sample, -1 without samples. Same shape as
            `output`, overwritten.
        argmax_x: The same for x.
        aligned_height: Number of bins along y.
        aligned_width: Number of bins along x.
        spatial_scale: Feature map pixels per image pixel.
        sampling_ratio: Samples per bin and axis. 0: `ceil(RoI size / bins)`.
        pool_mode: 0 max, 1 average.
        aligned: Whether pixel centres are at .5. If false, they are at whole numbers, and a RoI is
            at least one pixel wide.
    """
    if not len(rois):
        return
    features, rois = wide(input), wide(rois).to(wide(input).dtype)
    bins = (aligned_height, aligned_width)
    options = (bins, spatial_scale, sampling_ratio, aligned)
    kernels = vision.gpu_kernels(features)
    if pool_mode == AVERAGE and kernels is not None:
        output.copy_(kernels.roi_align(features, rois, *options))
        return
    windows = Windows.of(rois, features.shape, *options)
    table = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
    for rows, part in windows.parts(features.shape[1], samples=pool_mode == MAX):
        crop = F.embedding(part.positions(), table)
        if pool_mode == AVERAGE:
            pooled = part.apply(part.y.mean_weights(), part.x.mean_weights(), crop)
            output[rows] = pooled.permute(0, 3, 1, 2).to(output.dtype)
        else:
            for target, value in zip((output, argmax_y, argmax_x), _max(part, crop), strict=True):
                target[rows] = value.permute(0, 3, 1, 2).to(target.dtype)


def _max(part: Windows, crop: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the largest sample of each bin and its y and x, each (R, bins, bins, C)."""
    y, x = part.y.samples(), part.x.samples()
    n, down, across = len(crop), y.shape[2], x.shape[2]
    values = part.apply(part.y.weights().flatten(1, 2), part.x.weights().flatten(1, 2), crop)
    values = values.view(n, part.y.bins, down, part.x.bins, across, -1)
    used = part.y.used()[..., None, None, None] & part.x.used()[:, None, None, ..., None]
    values = values.masked_fill(~used, -torch.inf).transpose(2, 3).flatten(3, 4)
    best, at = values.max(dim=3)
    best_y = y[:, :, None, None].expand(*best.shape, down).gather(-1, (at // across)[..., None])
    best_x = x[:, None, :, None].expand(*best.shape, across).gather(-1, (at % across)[..., None])
    empty = ((part.y.count == 0) | (part.x.count == 0))[:, None, None, None]
    return (
        best.masked_fill(empty, 0),
        best_y.squeeze(-1).masked_fill(empty, -1),
        best_x.squeeze(-1).masked_fill(empty, -1),
    )


@without_autocast
def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Adds the gradient of the feature map to `grad_input` (B, C, H, W).

    The other arguments are those of `roi_align_forward`, which writes `argmax_y` and `argmax_x`.
    """
    if not len(rois):
        return
    grad = wide(grad_output)
    if pool_mode == MAX:
        grad_input += _max_gradient(grad, wide(rois), wide(argmax_y), wide(argmax_x), grad_input)
        return
    rois = wide(rois).to(grad.dtype)
    options = ((aligned_height, aligned_width), spatial_scale, sampling_ratio, aligned)
    kernels = vision.gpu_kernels(grad)
    if kernels is not None:
        with torch.enable_grad():  # RoIAlign is linear: any features give the same gradient
            features = torch.zeros_like(grad_input, dtype=grad.dtype).requires_grad_()
            pooled = kernels.roi_align(features, rois, *options)
        grad_input += torch.autograd.grad(pooled, features, grad)[0]
        return
    batch, channels, height, width = grad_input.shape
    table = grad.new_zeros(batch * height * width, channels)
    windows = Windows.of(rois, grad_input.shape, *options)
    for rows, part in windows.parts(channels, samples=False):
        down, across = part.y.mean_weights().mT, part.x.mean_weights().mT
        crop = part.apply(down, across, grad[rows].permute(0, 2, 3, 1))
        table.index_add_(0, part.positions().flatten(), crop.flatten(0, 2))
    grad_input += table.view(batch, height, width, channels).permute(0, 3, 1, 2)


def _max_gradient(grad: Tensor, rois: Tensor, y: Tensor, x: Tensor, like: Tensor) -> Tensor:
    """Returns the gradient of max pooling: each bin's goes to the pixels around its winner."""
    _, channels, height, width = like.shape
    plane = rois[:, 0].long()[:, None] * channels + torch.arange(channels, device=rois.device)
    won = (y != -1) & (y >= -1) & (y <= height) & (x >= -1) & (x <= width)
    grad = torch.where(won, grad, 0)
    y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    low_y, low_x = y.floor(), x.floor()
    total = grad.new_zeros(like.numel())
    for dy in (0, 1):
        for dx in (0, 1):
            weight = (1 - (y - low_y - dy).abs()) * (1 - (x - low_x - dx).abs())
            row = (low_y.long() + dy).clamp(max=height - 1)
            column = (low_x.long() + dx).clamp(max=width - 1)
            position = (plane[:, :, None, None] * height + row) * width + column
            total.index_add_(0, position.flatten(), (grad * weight).flatten())
    return total.view_as(like)
