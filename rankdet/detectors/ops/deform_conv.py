"""Deformable convolution (Dai et al. 2017) and its modulated form (Zhu et al. 2019).

The taps of the kernel sample the feature map at moved positions (`bilinear.py`). The samples are
multiplied by the weights in one matrix product. For the gradients the same expression is computed
again with autograd. A few images are processed at a time, to limit memory. mmcv's `im2col_step` and
its buffers (`columns`, `ones`) are accepted but not used.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rankdet.detectors.ops import vision
from rankdet.detectors.ops.bilinear import Geometry, on_image, sample_taps
from rankdet.detectors.ops.precision import wide, without_autocast

BUDGET = {"cpu": 1 << 24}  # numbers sampled at once; 2^28 on other devices


@without_autocast
def deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    output: Tensor,
    columns: Tensor,
    ones: Tensor,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    im2col_step: int,
) -> None:
    """Writes the convolution of `input` (N, C, H, W) into `output` (N, O, H', W').

    Half precision is computed in float32. `weight` is (O, C / group, kH, kW). `offset` is
    (N, deformable_group * kH * kW * 2, H', W') in pixels, y before x. The other arguments are the
    size, stride, padding and dilation of the kernel and the numbers of groups.
    """
    at = Geometry((kH, kW), (dH, dW), (padH, padW), (dilationH, dilationW), deformable_group)
    _forward(Parts(input, offset, None, weight, None), output, at)


@without_autocast
def deform_conv_backward_input(
    input: Tensor,
    offset: Tensor,
    gradOutput: Tensor,
    gradInput: Tensor,
    gradOffset: Tensor,
    weight: Tensor,
    columns: Tensor,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    im2col_step: int,
) -> None:
    """Adds the gradients of the input and of the offsets to `gradInput` and `gradOffset`.

    The arguments are those of `deform_conv_forward`; `gradOutput` is (N, O, H', W').
    """
    at = Geometry((kH, kW), (dH, dW), (padH, padW), (dilationH, dilationW), deformable_group)
    _backward(Parts(input, offset, None, weight, None), gradOutput, (gradInput, gradOffset), at)


@without_autocast
def deform_conv_backward_parameters(
    input: Tensor,
    offset: Tensor,
    gradOutput: Tensor,
    gradWeight: Tensor,
    columns: Tensor,
    ones: Tensor,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    scale: float,
    im2col_step: int,
) -> None:
    """Adds `scale` times the gradient of the weights to `gradWeight` (O, C / group, kH, kW).

    The arguments are those of `deform_conv_backward_input`.
    """
    at = Geometry((kH, kW), (dH, dW), (padH, padW), (dilationH, dilationW), deformable_group)
    parts = Parts(input, offset, None, torch.zeros_like(gradWeight), None)  # linear in the weights
    _backward(parts, gradOutput * scale, (None, None, None, gradWeight), at)


@without_autocast
def modulated_deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    columns: Tensor,
    kernel_h: int,
    kernel_w: int,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    group: int,
    deformable_group: int,
    with_bias: bool,
) -> None:
    """Writes the modulated convolution of `input` (N, C, H, W) into `output` (N, O, H', W').

    As `deform_conv_forward`, with two more arguments: `mask`
    (N, deformable_group * kernel_h * kernel_w, H', W') has the factor of each sample, and `bias`
    (O,) is used if `with_bias` is true.
    """
    at = _modulated(
        kernel_h,
        kernel_w,
        stride_h,
        stride_w,
        pad_h,
        pad_w,
        dilation_h,
        dilation_w,
        deformable_group,
    )
    _forward(Parts(input, offset, mask, weight, bias if with_bias else None), output, at)


@without_autocast
def modulated_deform_conv_backward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    columns: Tensor,
    grad_input: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
    grad_offset: Tensor,
    grad_mask: Tensor,
    grad_output: Tensor,
    kernel_h: int,
    kernel_w: int,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    group: int,
    deformable_group: int,
    with_bias: bool,
) -> None:
    """Adds all gradients to the five tensors `grad_...`, except `grad_output`.

    The arguments are those of `modulated_deform_conv_forward`; `grad_output` is (N, O, H', W').
    """
    at = _modulated(
        kernel_h,
        kernel_w,
        stride_h,
        stride_w,
        pad_h,
        pad_w,
        dilation_h,
        dilation_w,
        deformable_group,
    )
    sums = (grad_input, grad_offset, grad_mask, grad_weight, grad_bias if with_bias else None)
    parts = Parts(input, offset, mask, weight, bias if with_bias else None)
    _backward(parts, grad_output, sums, at)


class Parts(NamedTuple):
    """The inputs of a convolution. The first three have one entry per image."""

    image: Tensor
    offset: Tensor
    mask: Tensor | None
    weight: Tensor
    bias: Tensor | None


PER_IMAGE = 3  # the first so many parts


def _forward(parts: Parts, output: Tensor, at: Geometry) -> None:
    _check(parts, output, at)
    for images in _batches(parts):
        output[images] = _convolve(_select(parts, images), at).to(output.dtype)


def _backward(
    parts: Parts, grad_output: Tensor, sums: Sequence[Tensor | None], at: Geometry
) -> None:
    """Adds the gradients of `parts` to those `sums` that are not None."""
    _check(parts, grad_output, at)
    targets = {i: total for i, total in enumerate(sums) if total is not None}
    shared = {i: torch.zeros_like(wide(t)) for i, t in targets.items() if i >= PER_IMAGE}
    for images in _batches(parts):
        leaves = Parts._make(p if p is None else p.detach() for p in _select(parts, images))
        inputs = {i: leaf for i, leaf in enumerate(leaves) if i in targets and leaf is not None}
        for leaf in inputs.values():
            leaf.requires_grad_()
        with torch.enable_grad():
            output = _convolve(leaves, at)
        grads = torch.autograd.grad(output, list(inputs.values()), wide(grad_output[images]))
        for i, grad in zip(inputs, grads, strict=True):
            (shared[i] if i in shared else targets[i][images]).add_(grad)
    for i, total in shared.items():
        targets[i].add_(total)


def _convolve(parts: Parts, at: Geometry) -> Tensor:
    image, offset, mask, weight, bias = parts
    kernels = vision.gpu_kernels(image)
    if kernels is not None:
        # Exactly one pixel off the image, torchvision has an offset gradient and mmcv does not.
        height, width = image.shape[2:]
        near = on_image(offset, at, height, width).to(image.dtype)
        mask = near if mask is None else mask * near
        return kernels.deform_conv2d(
            image, offset, weight, bias, at.stride, at.padding, at.dilation, mask
        )
    samples = sample_taps(image, offset, mask, at)
    n, pixels = samples.shape[:2]
    groups = image.shape[1] // weight.shape[1]
    samples = samples.reshape(n, pixels, groups, -1)
    output = torch.einsum("npgk,gok->ngop", samples, weight.reshape(groups, -1, samples.shape[3]))
    output = output.reshape(n, weight.shape[0], *offset.shape[2:])
    return output if bias is None else output + bias[:, None, None]


def _batches(parts: Parts) -> Iterator[slice]:
    """Yields slices of the images, each with as many images as fit into the memory budget."""
    image, offset, _, weight, _ = parts
    samples = image.shape[1] * weight[0, 0].numel() * offset[0, 0].numel()
    step = max(1, BUDGET.get(image.device.type, 1 << 28) // max(1, samples))
    for start in range(0, len(image), step):
        yield slice(start, start + step)


def _select(parts: Parts, images: slice) -> Parts:
    """Returns the parts of some images, in float32 or float64."""
    image, offset, mask, weight, bias = parts
    return Parts(
        wide(image)[images],
        wide(offset)[images],
        None if mask is None else wide(mask)[images],
        wide(weight),
        None if bias is None else wide(bias),
    )


def _check(parts: Parts, output: Tensor, at: Geometry) -> None:
    image, offset, mask, _, _ = parts
    samples = at.offset_groups * at.kernel[0] * at.kernel[1]
    pixels = (len(image), *output.shape[2:])
    for name, tensor, channels in (("offset", offset, 2 * samples), ("mask", mask, samples)):
        expected = (pixels[0], channels, *pixels[1:])
        if tensor is not None and tuple(tensor.shape) != expected:
            raise ValueError(
                f"deformable convolution: {name} has shape {tuple(tensor.shape)}, expected "
                f"{expected}: one entry per image, kernel tap and output pixel"
            )


def _modulated(*sizes: int) -> Geometry:
    """Returns the geometry from mmcv's order of arguments, y and x of each in turn."""
    kernel, stride, padding, dilation = zip(sizes[0:8:2], sizes[1:8:2], strict=True)
    return Geometry(kernel, stride, padding, dilation, sizes[8])
