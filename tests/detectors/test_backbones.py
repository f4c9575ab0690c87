"""Detectors with other backbones, in both presets, without downloads."""

import pytest
import torch

from rankdet.detectors.models import model_config
from rankdet.study.backbones import backbone_names
from rankdet.study.config.model import Cost
from rankdet.study.cost import cost_spec
from rankdet.study.model import load_model
from tests.detectors.batches import CLASSES, batch, gradients

pytestmark = pytest.mark.usefixtures("environment")

CARD = {"classification": {"type": "APLoss"}, "box": {"type": "giou"}}


def built(backbone, preset, detector="retinanet"):
    from mmdet.registry import MODELS

    torch.manual_seed(0)
    spec = load_model(detector, backbone, "focal", preset).detector_spec
    return MODELS.build(model_config(spec, CARD, preset=preset, classes=CLASSES))


@pytest.mark.parametrize("name", backbone_names())
def test_small_forms_train(name):
    model = built(name, "small").train()
    model.init_weights()
    _, found = gradients(model, *batch())
    trained = {key: grad for key, grad in found.items() if key.startswith("backbone")}
    assert all(torch.isfinite(grad).all() for grad in found.values() if grad is not None)
    assert sum(float(grad.abs().sum()) > 0 for grad in trained.values() if grad is not None) > 20
    assert any("conv_offset" in key for key in trained) == ("dcn" in name)


def layers(model):
    return [type(module).__name__ for module in model.backbone.modules()]


def test_full_forms_are_the_papers_networks():
    """Built on the meta device, which has only shapes."""
    with torch.device("meta"):
        x101 = built("x101-dcn", "full")
        r101 = built("r101", "full", detector="fcos")
        res2net = built("res2net101-dcn", "full")
    blocks = x101.backbone.layer3
    assert len(blocks) == 23
    assert blocks[0].conv2.groups == 64
    assert blocks[0].conv2.weight.shape == (1024, 16, 3, 3)  # 64 groups, width 4 · 4
    assert layers(x101).count("DeformConv2dPack") == 4 + 23 + 3
    assert not any("Deform" in type(m).__name__ for m in x101.backbone.layer1.modules())
    assert layers(r101).count("Bottleneck") == 33
    assert r101.backbone.layer4[0].conv2.stride == (2, 2)  # PyTorch's style, not Caffe's
    assert r101.data_preprocessor.mean.shape == (3, 1, 1)
    assert layers(res2net).count("Bottle2neck") == 33
    deformable = model_config(
        load_model("atss", "x101-dcnv2", "focal", "full").detector_spec,
        CARD,
        preset="full",
        classes=CLASSES,
    )
    assert deformable["backbone"]["dcn"]["type"] == "DCNv2"


def test_full_forms_of_the_papers_plus_rows():
    """CARAFE replaces FPN and accepts the other arguments of that FPN."""
    with torch.device("meta"):
        mask = built("r101-dcnv2-g4+carafe", "full", detector="mask-rcnn")
        dense = built("carafe", "full")  # an FPN with extra convolutions
    assert layers(mask).count("ModulatedDeformConv2dPack") == 4 + 23 + 3
    assert mask.backbone.layer2[0].conv2.deform_groups == 4
    assert [type(m.neck).__name__ for m in (mask, dense)] == ["FPN_CARAFE"] * 2
    pack = mask.neck.upsample_modules[0]
    assert (pack.up_kernel, pack.up_group, pack.compressed_channels) == (5, 1, 64)
    assert (mask.neck.num_outs, mask.neck.start_level) == (5, 0)
    assert (dense.neck.num_outs, dense.neck.start_level) == (5, 1)
    assert type(mask.roi_head.mask_head.upsample).__name__ == "ConvTranspose2d"


@pytest.mark.slow
@pytest.mark.parametrize("detector", ["retinanet", "retinanet@x101-dcn"])
def test_full_forms_train_at_512_px(detector, record_property):
    """One iteration on a CPU; `rankdet bench iteration` prints the same."""
    from rankdet.training.cost import measure_cost

    cost = Cost(detectors=[detector], losses=["alrp"], rounds=1)
    row = measure_cost(cost_spec(cost, "test", 1, "cpu")).to_dict()["rows"][0]
    print(f"{detector}: {row['iteration_s']:.1f} s, peak {row['memory_mb']:.0f} MB")
    assert 0 < row["memory_mb"] < 16_000
    assert row["iteration_s"] > 0
