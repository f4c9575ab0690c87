"""What a training iteration has computed is free when it has ended."""

import gc

import pytest
import torch

from tests.detectors.batches import ALRP, batch, build, small_config

pytestmark = pytest.mark.usefixtures("environment")


def tensors():
    """How many tensors live after a collection of garbage."""
    gc.collect()
    return sum(isinstance(one, torch.Tensor) for one in gc.get_objects())


@pytest.mark.parametrize("detector", ["retinanet", "fcos", "faster-rcnn", "yolact"])
def test_iterations_leave_no_tensors_behind(detector):
    """A hook of the logits that refers to them keeps the graph of each iteration."""
    model = build(small_config(detector, ALRP))

    def iterate():
        total, _ = model.parse_losses(model.loss(*batch()))
        total.backward()

    iterate()  # makes gradients and caches
    before = tensors()
    for _ in range(3):
        iterate()
    assert tensors() <= before
