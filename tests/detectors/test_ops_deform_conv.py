"""Deformable convolution against loops over output pixels, and against plain convolution."""

import importlib
import math

import pytest
import torch
import torch.nn.functional as F

from rankdet.detectors import ops
from rankdet.detectors.ops import deform_conv

ops.install()
mmcv_ops = importlib.import_module("mmcv.ops")
pytestmark = pytest.mark.usefixtures("backend")

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
# stride, padding, dilation, groups, deformable groups
CASES = [(1, 1, 1, 1, 1), (2, 1, 1, 2, 1), (1, 2, 2, 1, 2), ((2, 1), (0, 2), (1, 2), 2, 4)]


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def problem(case, kernel=(3, 2), n=2, size=(6, 5), spread=1.5):
    """Random input, offsets (some far off the image), mask, weights and bias."""
    stride, padding, dilation, groups, deform_groups = case
    generator = torch.Generator().manual_seed(0)

    def random(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    out = [
        (s + 2 * p - d * (k - 1) - 1) // t + 1
        for s, p, d, k, t in zip(
            size, pair(padding), pair(dilation), kernel, pair(stride), strict=True
        )
    ]
    taps = deform_groups * kernel[0] * kernel[1]
    offset = spread * random(n, 2 * taps, *out)
    offset[0, 0] += 40  # every first tap of the first image is below the image
    return (
        random(n, 4, *size),
        offset,
        random(n, taps, *out).sigmoid(),
        random(6, 4 // groups, *kernel),
        random(6),
    )


def slow_convolution(image, offset, mask, weight, bias, case):
    stride, padding, dilation, groups, deform_groups = case
    (sy, sx), (py, px), (dy, dx) = pair(stride), pair(padding), pair(dilation)
    n, channels, height, width = image.shape
    kh, kw = weight.shape[2:]
    output = torch.zeros(n, weight.shape[0], *offset.shape[2:], dtype=torch.float64)

    def pixel(b, c, y, x):
        return image[b, c, y, x].item() if 0 <= y < height and 0 <= x < width else 0.0

    def sample(b, c, y, x):
        top, left = math.floor(y), math.floor(x)
        fy, fx = y - top, x - left
        return (
            pixel(b, c, top, left) * (1 - fy) * (1 - fx)
            + pixel(b, c, top, left + 1) * (1 - fy) * fx
            + pixel(b, c, top + 1, left) * fy * (1 - fx)
            + pixel(b, c, top + 1, left + 1) * fy * fx
        )

    for b in range(n):
        for i in range(offset.shape[2]):
            for j in range(offset.shape[3]):
                for u in range(kh):
                    for v in range(kw):
                        for c in range(channels):
                            group = c // (channels // deform_groups)
                            tap = (group * kh + u) * kw + v
                            y = i * sy - py + u * dy + offset[b, 2 * tap, i, j].item()
                            x = j * sx - px + v * dx + offset[b, 2 * tap + 1, i, j].item()
                            value = sample(b, c, y, x) * mask[b, tap, i, j].item()
                            first = c // (channels // groups) * (weight.shape[0] // groups)
                            for o in range(first, first + weight.shape[0] // groups):
                                w = weight[o, c % (channels // groups), u, v]
                                output[b, o, i, j] += w * value
    return output + bias[:, None, None]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("case", CASES)
def test_forward_equals_the_loop(case, device):
    image, offset, mask, weight, bias = problem(case)
    expected = slow_convolution(image, offset, mask, weight, bias, case)
    on_device = [t.to(device) for t in (image, offset, mask, weight, bias)]
    output = mmcv_ops.modulated_deform_conv2d(*on_device, *case)
    torch.testing.assert_close(output.cpu(), expected)
    plain = slow_convolution(image, offset, torch.ones_like(mask), weight, 0 * bias, case)
    image, offset, _, weight, _ = on_device
    torch.testing.assert_close(mmcv_ops.deform_conv2d(image, offset, weight, *case).cpu(), plain)


@pytest.mark.parametrize("case", CASES)
def test_gradients_equal_finite_differences(case):
    image, offset, mask, weight, bias = (t.requires_grad_() for t in problem(case, size=(4, 4)))

    def modulated(*tensors):
        return mmcv_ops.modulated_deform_conv2d(*tensors, *case)

    def plain(*tensors):
        return mmcv_ops.deform_conv2d(*tensors, *case)

    torch.autograd.gradcheck(modulated, (image, offset, mask, weight, bias), fast_mode=True)
    torch.autograd.gradcheck(plain, (image, offset, weight), fast_mode=True)


def test_without_offsets_it_is_a_convolution():
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(2, 4, 9, 8, generator=generator).requires_grad_()
    layer = mmcv_ops.DeformConv2d(4, 6, 3, stride=2, padding=1, groups=2)
    output = layer(image, torch.zeros(2, 18, 5, 4))
    expected = F.conv2d(image, layer.weight, stride=2, padding=1, groups=2)
    torch.testing.assert_close(output, expected)
    wanted = (image, layer.weight)
    upstream = torch.randn(output.shape, generator=generator)
    for ours, theirs in zip(
        torch.autograd.grad(output, wanted, upstream),
        torch.autograd.grad(expected, wanted, upstream),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_padded_taps_without_offset_have_no_offset_gradient():
    """One pixel outside of the image there is no gradient; inside there is a gradient."""
    offset = torch.zeros(1, 18, 3, 3, requires_grad=True)
    layer = mmcv_ops.DeformConv2d(1, 1, 3, padding=1)
    torch.nn.init.ones_(layer.weight)
    image = torch.arange(1.0, 10.0).view(1, 1, 3, 3)
    layer(image, offset).sum().backward()
    grad_y = offset.grad[0, 0::2]  # (taps, 3, 3)
    assert not grad_y[:3, 0].any()  # the upper taps of the first row are at y = -1
    assert grad_y[4, 0].tolist() == [3, 3, 3]  # one row further down adds 3
    assert grad_y[4, 2].tolist() == [-7, -8, -9]  # below the last row there is nothing


@pytest.mark.parametrize("step", [1, 2, 4])
def test_im2col_step_and_memory_budget_change_nothing(step, monkeypatch):
    image, offset, _, weight, _ = (t.requires_grad_() for t in problem(CASES[0], n=4))

    def both(im2col_step):
        output = mmcv_ops.deform_conv2d(image, offset, weight, 1, 1, 1, 1, 1, False, im2col_step)
        return output, *torch.autograd.grad(output.square().sum(), (image, offset, weight))

    whole = both(32)
    monkeypatch.setattr(deform_conv, "BUDGET", {"cpu": 1})  # one image at a time
    for ours, reference in zip(both(step), whole, strict=True):
        torch.testing.assert_close(ours, reference)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype, device):
    image, offset, mask, weight, bias = (
        t.to(device, dtype).requires_grad_() for t in problem(CASES[0])
    )
    output = mmcv_ops.modulated_deform_conv2d(image, offset, mask, weight, bias, *CASES[0])
    output.sum().backward()
    exact = [t.detach().double().requires_grad_() for t in (image, offset, mask, weight, bias)]
    expected = mmcv_ops.modulated_deform_conv2d(*exact, *CASES[0])
    expected.sum().backward()
    for ours, reference in (
        (output, expected),
        *(
            (t.grad, e.grad)
            for t, e in zip((image, offset, mask, weight, bias), exact, strict=True)
        ),
    ):
        assert ours.dtype == dtype
        scale = reference.abs().max().item()
        torch.testing.assert_close(ours.double(), reference, rtol=1e-2, atol=1e-2 * scale)


def test_layers_as_detectors_use_them():
    torch.manual_seed(0)
    image = torch.randn(2, 8, 7, 7, requires_grad=True)
    for layer in (
        mmcv_ops.DeformConv2dPack(8, 4, 3, padding=1, deform_groups=2),
        mmcv_ops.ModulatedDeformConv2dPack(8, 4, 3, padding=1, bias=True),
        mmcv_ops.ModulatedDeformConv2dPack(8, 4, 3, padding=1, bias=False),
    ):
        layer(image).square().sum().backward()
        for name, parameter in layer.named_parameters():
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_an_image_smaller_than_the_kernel():
    layer = mmcv_ops.DeformConv2d(2, 3, 3, padding=1)
    output = layer(torch.randn(1, 2, 2, 2), torch.zeros(1, 18, 2, 2))
    assert output.shape == (1, 3, 2, 2) and output.isfinite().all()


def test_offsets_that_are_not_numbers_sample_nothing(backend):
    if backend == "torchvision":
        pytest.skip("torchvision's own treatment")
    image, offset, mask, weight, bias = problem(CASES[0])
    offset[:] = float("nan")
    output = mmcv_ops.modulated_deform_conv2d(image, offset, mask, weight, bias, *CASES[0])
    torch.testing.assert_close(output, bias[:, None, None].expand_as(output))


@pytest.mark.parametrize(("which", "name"), [(1, "offset"), (2, "mask")])
def test_a_wrong_shape_is_named(which, name):
    tensors = list(problem(CASES[0]))
    tensors[which] = tensors[which][:, 1:]
    with pytest.raises(ValueError, match=f"{name} has shape .* expected"):
        mmcv_ops.modulated_deform_conv2d(*tensors, *CASES[0])
