"""The adapters change nothing but the loss: stock mmdet's values come out of our focal path."""

import pytest
import torch
from unit.detectors.batches import (
    assert_same_losses,
    batch,
    build,
    gradients,
    stock_beside,
    without_objects,
)

from rankdet.detectors.models import model_config
from rankdet.errors import InputError
from rankdet.training.environment import set_up
from workflows.study.detectors import load_detector

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


@pytest.fixture(scope="module", autouse=True)
def environment():
    set_up({"device": "cpu", "threads": 1})


@pytest.mark.parametrize("name", ["retinanet", "atss"])
def test_focal_path_equals_stock_mmdet(name):
    card, changes = STOCK[name]
    ours = model_config(load_detector(name, "small"), card, form="small", classes=("a", "b", "c"))
    stock_type = {"retinanet": "RetinaHead", "atss": "ATSSHead"}[name]
    assert_same_losses(*stock_beside(ours, stock_type, changes))


def test_gradient_sums_are_those_of_the_logits():
    card = {"classification": {"type": "APLoss"}, "box": {"type": "giou"}}
    model = build(
        model_config(
            load_detector("retinanet", "small"), card, form="small", classes=("a", "b", "c")
        )
    )
    images, samples = batch()
    losses = model.loss(images, samples)
    losses["loss_cls"].backward()
    positive, negative = model.bbox_head.gradient_balance.read()
    assert positive > 0
    assert negative == pytest.approx(positive, rel=1e-4)  # Theorem 2


@pytest.mark.parametrize("name", ["retinanet", "atss"])
@pytest.mark.parametrize("objects", ["one image without", "none at all"])
def test_images_without_objects_train(name, objects):
    card = {"classification": {"type": "ALRPLoss"}, "box": {"type": "giou"}}
    model = build(
        model_config(load_detector(name, "small"), card, form="small", classes=("a", "b", "c"))
    )
    total, found = gradients(model, *without_objects(objects))
    assert torch.isfinite(total)
    assert all(g is not None and torch.isfinite(g).all() for g in found.values())
    if objects == "none at all":
        assert float(total) == 0


def test_atss_without_centerness_has_no_untrained_parameters():
    card = {"classification": {"type": "APLoss"}, "box": {"type": "giou"}}
    model = build(model_config(load_detector("atss", "small"), card, form="small", classes=("a",)))
    assert not any("centerness" in name for name, _ in model.named_parameters())
    model.eval()
    images, samples = batch()
    with torch.inference_mode():
        assert len(model.predict(images, samples)) == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"head": "CriterionRetinaHad"}, "'CriterionRetinaHad'; family 'dense-anchor' has no such"),
        ({"head": "ATSSHead"}, "'ATSSHead'; family 'dense-anchor' has no such head"),
        ({"head": "CriterionRetinaHead"}, "atss_r50_fpn_1x_coco.py has a ATSSHead; choose a head"),
    ],
)
def test_heads_that_do_not_fit_are_told_in_one_line(change, told):
    card = {"classification": {"type": "APLoss"}, "box": {"type": "giou"}}
    with pytest.raises(InputError, match=told) as caught:
        model_config({**load_detector("atss", "small"), **change}, card, form="small", classes="a")
    assert "\n" not in str(caught.value)
