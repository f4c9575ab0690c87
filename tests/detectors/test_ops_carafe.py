"""CARAFE against a slow sum over neighbours, its gradient, and mmdet's FPN with it."""

import pytest
import torch

from rankdet.detectors.ops import install

install()


def slow(features, masks, kernel, groups, scale):
    """The sum of Eq. 3, position by position, in float64."""
    n, channels, height, width = features.shape
    output = torch.zeros(n, channels, height * scale, width * scale, dtype=torch.float64)
    for image in range(n):
        for channel in range(channels):
            group = channel // (channels // groups)
            for y in range(height * scale):
                for x in range(width * scale):
                    for k in range(kernel**2):
                        row = y // scale + k // kernel - kernel // 2
                        column = x // scale + k % kernel - kernel // 2
                        if 0 <= row < height and 0 <= column < width:
                            weight = masks[image, group * kernel**2 + k, y, x].double()
                            output[image, channel, y, x] += (
                                weight * features[image, channel, row, column].double()
                            )
    return output


@pytest.mark.parametrize(
    ("kernel", "groups", "scale"), [(3, 1, 2), (5, 2, 2), (1, 4, 3), (3, 2, 1)]
)
def test_values(kernel, groups, scale):
    from mmcv.ops import carafe

    draw = torch.Generator().manual_seed(kernel)
    features = torch.randn(2, 4, 3, 5, generator=draw)
    masks = torch.rand(2, groups * kernel**2, 3 * scale, 5 * scale, generator=draw)
    found = carafe(features, masks, kernel, groups, scale)
    expected = slow(features, masks, kernel, groups, scale)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)


def test_gradients():
    from mmcv.ops import carafe

    draw = torch.Generator().manual_seed(0)
    features = torch.randn(1, 4, 3, 2, generator=draw, dtype=torch.float64, requires_grad=True)
    masks = torch.rand(1, 18, 6, 4, generator=draw, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda f, m: carafe(f, m, 3, 2, 2), (features, masks))


def test_the_pyramid_of_the_papers_plus_variants_trains():
    from mmdet.models.necks import FPN_CARAFE

    torch.manual_seed(0)
    neck = FPN_CARAFE(
        in_channels=[8, 16, 32],
        out_channels=8,
        num_outs=4,
        start_level=0,
        upsample_cfg={
            "type": "carafe",
            "up_kernel": 5,
            "up_group": 1,
            "encoder_kernel": 3,
            "encoder_dilation": 1,
            "compressed_channels": 8,
        },
    )
    neck.init_weights()
    maps = neck([torch.randn(1, c, s, s) for c, s in ((8, 16), (16, 8), (32, 4))])
    assert [tuple(level.shape) for level in maps] == [(1, 8, s, s) for s in (16, 8, 4, 2)]
    sum(level.square().sum() for level in maps).backward()
    gradients = {name: p.grad for name, p in neck.named_parameters()}
    content = gradients["upsample_modules.0.content_encoder.weight"]
    assert torch.isfinite(content).all() and float(content.abs().sum()) > 0
