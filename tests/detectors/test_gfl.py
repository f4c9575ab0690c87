"""GFL: with quality focal loss and score-weighted GIoU, our losses equal those of mmdet."""

import pytest
import torch

from rankdet.study.cards import load_loss
from tests.detectors.batches import (
    assert_same_losses,
    assert_trains_without,
    build,
    small_config,
    stock_beside,
)

pytestmark = pytest.mark.usefixtures("environment")


def config(loss):
    return small_config("gfl", load_loss(loss).variant(""))


def test_quality_focal_path_equals_stock_mmdet():
    models = stock_beside(config("qfl"), "GFLHead", {})
    for model in models:  # scores whose sum is above 1: stock mmdet divides by no less
        torch.nn.init.constant_(model.bbox_head.gfl_cls.bias, 0.0)
    assert_same_losses(*models)


@pytest.mark.parametrize("loss", ["ap", "alrp"])
def test_other_losses_train_it_without_objects_too(loss):
    for objects in ("one image without", "none at all"):
        assert_trains_without(objects, build(config(loss)))
