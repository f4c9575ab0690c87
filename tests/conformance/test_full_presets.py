"""Every detector can be built with the preset `full` (the papers' sizes)."""

import pytest

from rankdet.detectors.models import model_config
from rankdet.study.cards import load_loss
from rankdet.study.detectors import load_detector
from rankdet.training.environment import set_up
from tests.conformance.every_pair import DETECTORS, LOSSES, objection


@pytest.mark.parametrize("detector", DETECTORS)
def test_full_preset_builds_with_80_classes(detector):
    set_up({"device": "cpu", "threads": 1})
    from mmdet.registry import MODELS

    loss = next(loss for loss in LOSSES if objection(detector, loss) is None)
    classes = [f"class {index}" for index in range(80)]
    card = load_loss(loss).variant("")
    model = MODELS.build(
        model_config(load_detector(detector, "full"), card, preset="full", classes=classes)
    )
    assert sum(p.numel() for p in model.parameters()) > 2e7  # ResNet-50 alone has 23 million
    assert model.backbone.init_cfg["type"] == "Pretrained"
