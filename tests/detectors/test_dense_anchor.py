"""Anchor heads: with focal loss as criterion, our losses equal those of mmdet."""

import pytest

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
