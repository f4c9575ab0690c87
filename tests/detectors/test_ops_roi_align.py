"""RoIAlign against loops over samples."""

import importlib
import math

import pytest
import torch

from rankdet.detectors import ops
from rankdet.detectors.ops import windows

ops.install()
mmcv_ops = importlib.import_module("mmcv.ops")
pytestmark = pytest.mark.usefixtures("backend")

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
HEIGHT, WIDTH, SCALE = 7, 9, 0.25
ROIS = torch.tensor(
    [
        [0, 2.0, 3.0, 21.0, 17.0],
        [1, 0.0, 0.0, 36.0, 28.0],  # the whole map
        [0, -30.0, -9.0, 12.0, 9.0],  # beyond the top left
        [1, 20.0, 15.0, 70.0, 61.0],  # beyond the bottom right
        [0, 8.0, 8.0, 8.0, 8.0],  # empty
        [1, 5.0, 6.0, 5.3, 24.0],  # thin
        [1, 90.0, 90.0, 99.0, 99.0],  # outside
        [0, 12.0, 8.0, 12.5, 8.5],  # smaller than a pixel
    ],
    dtype=torch.float64,
)
CASES = [(a, r) for a in (True, False) for r in (0, 2)]


def slow_bilinear(plane, y, x):
    height, width = len(plane), len(plane[0])
    if not (-1 <= y <= height and -1 <= x <= width):
        return 0.0
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    top, left = math.floor(y), math.floor(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    fy, fx = y - top, x - left
    upper = plane[top][left] * (1 - fx) + plane[top][right] * fx
    lower = plane[bottom][left] * (1 - fx) + plane[bottom][right] * fx
    return upper * (1 - fy) + lower * fy


def slow_roi_align(features, rois, bins, ratio, mode, aligned):
    shift = 0.5 if aligned else 0.0
    output = torch.zeros(len(rois), features.shape[1], *bins, dtype=torch.float64)
    for r, (image, x1, y1, x2, y2) in enumerate(rois.tolist()):
        left, top = x1 * SCALE - shift, y1 * SCALE - shift
        width, height = (x2 - x1) * SCALE, (y2 - y1) * SCALE
        if not aligned:
            width, height = max(width, 1.0), max(height, 1.0)
        bin_h, bin_w = height / bins[0], width / bins[1]
        down = ratio or math.ceil(bin_h)
        across = ratio or math.ceil(bin_w)
        for c in range(features.shape[1]):
            plane = features[int(image), c].tolist()
            for i in range(bins[0]):
                for j in range(bins[1]):
                    values = [
                        slow_bilinear(
                            plane,
                            top + (i + (v + 0.5) / down) * bin_h,
                            left + (j + (u + 0.5) / across) * bin_w,
                        )
                        for v in range(down)
                        for u in range(across)
                    ]
                    if mode == "max":
                        output[r, c, i, j] = max(values, default=0.0)
                    else:
                        output[r, c, i, j] = sum(values) / max(1, len(values))
    return output


def features(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, HEIGHT, WIDTH, generator=generator, dtype=dtype)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize(("aligned", "ratio"), CASES)
def test_forward_equals_the_loop(mode, aligned, ratio, device):
    layer = mmcv_ops.RoIAlign((3, 2), SCALE, ratio, mode, aligned)
    expected = slow_roi_align(features(), ROIS, (3, 2), ratio, mode, aligned)
    torch.testing.assert_close(layer(features().to(device), ROIS.to(device)).cpu(), expected)


@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize(("aligned", "ratio"), CASES)
def test_gradient_equals_finite_differences(mode, aligned, ratio):
    layer = mmcv_ops.RoIAlign((3, 2), SCALE, ratio, mode, aligned)
    torch.autograd.gradcheck(layer, (features().requires_grad_(), ROIS), fast_mode=True)


@pytest.mark.parametrize("mode", ["avg", "max"])
def test_result_and_gradient_do_not_depend_on_how_rois_are_grouped(mode, monkeypatch):
    layer = mmcv_ops.RoIAlign((3, 2), SCALE, 0, mode)

    def both():
        image = features().requires_grad_()
        output = layer(image, ROIS)
        output.square().sum().backward()
        return output.detach(), image.grad

    together = both()
    monkeypatch.setattr(windows, "BUDGET", {"cpu": 1})  # one RoI at a time
    for alone, all_at_once in zip(both(), together, strict=True):
        torch.testing.assert_close(alone, all_at_once)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(mode, dtype, device):
    layer = mmcv_ops.RoIAlign((3, 2), SCALE, 2, mode)
    image = features(torch.float32).to(device, dtype).requires_grad_()
    output = layer(image, ROIS.to(device, dtype))
    output.sum().backward()
    assert output.dtype == image.grad.dtype == dtype
    exact = image.detach().float().requires_grad_()
    expected = layer(exact, ROIS.to(device, dtype).float())
    expected.sum().backward()
    tolerance = {"atol": 2e-2, "rtol": 1e-2}
    torch.testing.assert_close(output.float(), expected, **tolerance)
    if mode == "avg":  # the stored place of a maximum is itself rounded to half precision
        torch.testing.assert_close(image.grad.float(), exact.grad, **tolerance)


def test_autocast_does_not_round_float32_features():
    image, rois = features(torch.float32), ROIS.float()
    layer = mmcv_ops.RoIAlign((3, 2), SCALE)
    plain = layer(image, rois)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(layer(image, rois), plain)


def test_no_rois():
    image = features().requires_grad_()
    output = mmcv_ops.RoIAlign((3, 2), SCALE)(image, torch.zeros(0, 5, dtype=torch.float64))
    assert output.shape == (0, 3, 3, 2)
    output.sum().backward()
    assert not image.grad.any()


def test_features_need_not_be_contiguous():
    image = features()
    layer = mmcv_ops.RoIAlign((3, 2), SCALE)
    strided = image.to(memory_format=torch.channels_last)
    torch.testing.assert_close(layer(strided, ROIS), layer(image, ROIS))


def test_a_constant_map_pools_to_itself_inside():
    image = torch.full((1, 1, 50, 50), 3.0)
    rois = torch.tensor([[0, 4.0, 4, 40, 30]])
    for mode in ("avg", "max"):
        output = mmcv_ops.RoIAlign(7, 1.0, 0, mode)(image, rois)
        torch.testing.assert_close(output, torch.full_like(output, 3.0))


def test_masks_are_cropped_as_by_mmdet():
    """mmdet crops ground-truth masks by RoIAlign with one channel and one RoI per image."""
    structures = importlib.import_module("mmdet.structures.mask.structures")
    mask = torch.zeros(1, 40, 60, dtype=torch.uint8).numpy()
    mask[0, 10:30, 20:40] = 1
    crop = structures.BitmapMasks(mask, 40, 60).crop_and_resize(
        torch.tensor([[10.0, 0, 50, 40]]), (4, 4), torch.tensor([0])
    )
    expected = [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    assert crop.masks[0].tolist() == expected
