"""Properties of all one-stage heads: batches without objects, and no untrained parameters."""

import pytest
import torch

from tests.detectors.batches import ALRP, assert_trains_without, batch, build, small_config

pytestmark = pytest.mark.usefixtures("environment")

HEADS = ("retinanet", "atss", "fcos", "foveabox", "paa", "paa-star")


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("objects", ["one image without", "none at all"])
def test_images_without_objects_train(name, objects):
    model = build(small_config(name, ALRP))
    total = assert_trains_without(objects, model)
    if objects == "none at all":
        assert total == 0


@pytest.mark.parametrize("name", ["atss", "fcos"])
def test_heads_without_centerness_have_no_untrained_parameters(name):
    model = build(small_config(name, ALRP))
    assert not any("centerness" in parameter for parameter, _ in model.named_parameters())
    model.eval()
    images, samples = batch()
    with torch.inference_mode():
        assert len(model.predict(images, samples)) == 2
