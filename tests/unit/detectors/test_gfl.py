"""GFL: with quality focal loss and score-weighted GIoU, mmdet's own losses come out."""

import pytest
import torch
from unit.detectors.batches import (
    assert_same_losses,
    build,
    gradients,
    stock_beside,
    without_objects,
)

from rankdet.detectors.models import model_config
from rankdet.training.environment import set_up
from workflows.study.cards import load_loss
from workflows.study.detectors import load_detector


@pytest.fixture(scope="module", autouse=True)
def environment():
    set_up({"device": "cpu", "threads": 1})


def config(loss):
    card = load_loss(loss).variant("")
    return model_config(load_detector("gfl", "small"), card, form="small", classes=("a", "b", "c"))


def test_quality_focal_path_equals_stock_mmdet():
    models = stock_beside(config("qfl"), "GFLHead", {})
    for model in models:  # scores whose sum is above 1: stock mmdet divides by no less
        torch.nn.init.constant_(model.bbox_head.gfl_cls.bias, 0.0)
    assert_same_losses(*models)


@pytest.mark.parametrize("loss", ["ap", "alrp"])
def test_other_losses_train_it_without_objects_too(loss):
    for objects in ("one image without", "none at all"):
        total, found = gradients(build(config(loss)), *without_objects(objects))
        assert torch.isfinite(total)
        assert all(g is not None and torch.isfinite(g).all() for g in found.values())
