"""CARAFE: upsampling with predicted kernels (Wang et al., ICCV 2019, section 3.1, Eq. 3).

Each output position is a weighted sum of the k x k features around the corresponding input
position. Each has different weights. One pass per kernel entry limits memory to the output's size.
"""

from collections.abc import Iterator

from torch import Tensor
from torch.nn import functional as F


def carafe_forward(
    features: Tensor,
    masks: Tensor,
    rfeatures: Tensor,
    routput: Tensor,
    rmasks: Tensor,
    output: Tensor,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Writes the upsampled features into `output`.

    Args:
        features: (N, C, H, W).
        masks: (N, G·k², sH, sW) weights of the features for each output position.
        rfeatures: (N, C, H, W), overwritten with the features, which mmcv keeps for the gradient.
        routput: Not used.
        rmasks: Not used.
        output: (N, C, sH, sW), overwritten.
        kernel_size: k.
        group_size: G, the number of channel groups with different weights.
        scale_factor: s.
    """
    rfeatures.copy_(features)
    total = output.view(_grouped(output, group_size))
    total.zero_()
    for entry, part in _neighbours(features, kernel_size):
        weight = _weights(masks, kernel_size, group_size)[:, :, entry, None]
        total += _repeated(part, scale_factor).view_as(total) * weight


def carafe_backward(
    grad_output: Tensor,
    rfeatures: Tensor,
    masks: Tensor,
    rgrad_output: Tensor,
    rgrad_input_hs: Tensor,
    rgrad_input: Tensor,
    rgrad_masks: Tensor,
    grad_input: Tensor,
    grad_masks: Tensor,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Writes the gradients of the features and of the weights into `grad_input`, `grad_masks`.

    The arguments are those of `carafe_forward`. Arguments named `rgrad...` are not used.
    """
    grad = grad_output.view(_grouped(grad_output, group_size))
    weights = _weights(masks, kernel_size, group_size)
    grad_weights = _weights(grad_masks, kernel_size, group_size)
    height, width = rfeatures.shape[-2:]
    border = kernel_size // 2
    padded = F.pad(rfeatures.new_zeros(rfeatures.shape), [border] * 4)
    for entry, part in _neighbours(rfeatures, kernel_size):
        grad_weights[:, :, entry] = (grad * _repeated(part, scale_factor).view_as(grad)).sum(2)
        spread = (grad * weights[:, :, entry, None]).view_as(grad_output)
        row, column = divmod(entry, kernel_size)
        padded[..., row : row + height, column : column + width] += (
            F.avg_pool2d(spread, scale_factor) * scale_factor**2
        )
    grad_input.copy_(padded[..., border : border + height, border : border + width])


def _neighbours(features: Tensor, kernel_size: int) -> Iterator[tuple[int, Tensor]]:
    """Yields each kernel entry with the features at its offset; they are 0 outside the map."""
    height, width = features.shape[-2:]
    padded = F.pad(features, [kernel_size // 2] * 4)
    for entry in range(kernel_size**2):
        row, column = divmod(entry, kernel_size)
        yield entry, padded[..., row : row + height, column : column + width]


def _repeated(part: Tensor, scale_factor: int) -> Tensor:
    return part.repeat_interleave(scale_factor, -2).repeat_interleave(scale_factor, -1)


def _grouped(output: Tensor, groups: int) -> tuple[int, ...]:
    count, channels, height, width = output.shape
    return count, groups, channels // groups, height, width


def _weights(masks: Tensor, kernel_size: int, groups: int) -> Tensor:
    return masks.view(len(masks), groups, kernel_size**2, *masks.shape[-2:])
