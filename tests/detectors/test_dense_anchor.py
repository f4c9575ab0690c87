"""Anchor heads: with focal loss as criterion, our losses equal those of mmdet."""

import pytest
import torch

from rankdet.detectors.models import model_config
from rankdet.errors import InputError
from rankdet.study.detectors import load_detector
from tests.detectors.batches import (
    ALRP,
    assert_same_losses,
    batch,
    build,
    small_config,
    stock_beside,
)
from tests.waits import Watch

pytestmark = pytest.mark.usefixtures("environment")

AP = {"classification": {"type": "APLoss"}, "box": {"type": "giou"}}
STOCK = {
    "retinanet": (
        {"classification": {"type": "SigmoidFocalLoss"}, "box": {"type": "l1"}},
        {"loss_bbox": {"type": "L1Loss", "loss_weight": 1.0}, "reg_decoded_bbox": False},
    ),
    "atss": (
        {
            "classification": {"type": "SigmoidFocalLoss"},
            "box": {"type": "giou", "weighting": "centerness", "weight": 2.0},
            "head": {"centerness": True},
        },
        {},
    ),
}


@pytest.mark.parametrize("name", ["retinanet", "atss"])
def test_focal_path_equals_stock_mmdet(name):
    card, changes = STOCK[name]
    ours = small_config(name, card)
    stock_type = {"retinanet": "RetinaHead", "atss": "ATSSHead"}[name]
    assert_same_losses(*stock_beside(ours, stock_type, changes))


def test_gradient_sums_are_those_of_the_logits():
    model = build(small_config("retinanet", AP))
    images, samples = batch()
    losses = model.loss(images, samples)
    losses["loss_cls"].backward()
    positive, negative = map(float, model.bbox_head.gradient_balance.read())
    assert positive > 0
    assert negative == pytest.approx(positive, rel=1e-4)  # Theorem 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head": "CriterionRetinaHad"}, "'CriterionRetinaHad'; family 'dense-anchor' has no such"),
        ({"head": "ATSSHead"}, "'ATSSHead'; family 'dense-anchor' has no such head"),
        (
            {"head": "CriterionRetinaHead"},
            "atss_r50_fpn_1x_coco.py has a ATSSHead; choose a subclass of ATSSHead",
        ),
    ],
)
def test_heads_that_do_not_fit_are_one_line_errors(change, message):
    with pytest.raises(InputError, match=message) as caught:
        model_config({**load_detector("atss", "small"), **change}, AP, preset="small", classes="a")
    assert "\n" not in str(caught.value)


def test_atss_assigns_on_retinanets_plain_head_too():
    card = {**ALRP, "head": {"centerness": False, "scale": False, "norm_cfg": None}}
    model = build(small_config("atss", card))
    kinds = {type(module).__name__ for module in model.bbox_head.modules()}
    assert not kinds & {"Scale", "GroupNorm"}
    losses = model.loss(*batch())
    sum(value.sum() for key, value in losses.items() if "loss" in key).backward()
    assert all(p.grad is not None for p in model.bbox_head.parameters())


@pytest.mark.parametrize("name", ["retinanet", "atss", "gfl", "yolact"])
@pytest.mark.parametrize("border", [-1, 0])
@pytest.mark.parametrize("size", [(128, 128), (96, 128), (128, 70), (65, 65)])
def test_targets_that_are_not_mapped_back_are_those_of_mmdet(name, border, size):
    """With all anchors of an image, mmdet's mapping back to all anchors changes nothing."""
    from rankdet.detectors.dense_anchor import CriterionAnchorHead

    head = build(small_config(name, ALRP)).bbox_head
    head.train_cfg["allowed_border"] = border
    sizes = [
        (-(-128 // stride[1]), -(-128 // stride[0])) for stride in head.prior_generator.strides
    ]
    image = batch()[1][0]
    meta = {**image.metainfo, "pad_shape": size, "img_shape": size}
    anchors, flags = head.get_anchors(sizes, [meta], device="cpu")
    arguments = [torch.cat(anchors[0]), torch.cat(flags[0]), image.gt_instances, meta]
    if name in ("atss", "gfl"):
        arguments.insert(2, [len(level) for level in anchors[0]])
    arguments.append(image.ignored_instances)
    of_mmdet = super(CriterionAnchorHead, head)._get_targets_single
    expected = of_mmdet(*arguments)
    with Watch() as watch:
        found = head._get_targets_single(*arguments)
    assert len(found) == len(expected)
    for own, theirs in zip(found, expected, strict=True):
        if isinstance(theirs, torch.Tensor):
            torch.testing.assert_close(own, theirs, rtol=0, atol=0)
    mapped = any("mmdet/models/utils/misc.py" in caller for caller in watch.callers)
    assert mapped == (size != (128, 128) or border == 0)
