"""Formats, compilation and copies: what the schedule says reaches the model and the loader."""

import pytest
import torch

from rankdet.training import acceleration
from rankdet.training.config import optimizer_config
from rankdet.training.environment import set_up
from tests.detectors.batches import ALRP, batch, build, small_config

pytestmark = pytest.mark.usefixtures("environment")
PLAIN = {"batch_size": 2, "dataset": {"type": "CocoDataset"}}


@pytest.fixture(scope="module")
def environment():
    set_up({"device": "cpu", "threads": 1})


def convolutions(model):
    return [m for m in model.modules() if isinstance(m, torch.nn.Conv2d) and m.kernel_size > (1, 1)]


def maps_of(model):
    """Returns the maps of backbone and neck for a batch."""
    images, _ = batch()
    return model.extract_feat(images)


@pytest.mark.parametrize("detector", ["retinanet", "faster-rcnn"])
def test_weights_and_maps_have_channels_last(detector):
    model = build(small_config(detector, ALRP))
    acceleration.adapt(model, {"channels_last": True})
    last = {"memory_format": torch.channels_last}
    assert all(conv.weight.is_contiguous(**last) for conv in convolutions(model))
    wide = [level for level in maps_of(model) if min(level.shape[2:]) > 1]
    assert wide
    assert all(level.is_contiguous(**last) and not level.is_contiguous() for level in wide)


def steps(channels_last, fused=True, count=3):
    """Returns a detector's losses and weights after some steps of the optimiser."""
    model = build(small_config("retinanet", ALRP))
    acceleration.adapt(model, {"channels_last": channels_last})
    options = {"lr": 0.001, "momentum": 0.9, "weight_decay": 1e-4}
    optimiser = torch.optim.SGD(model.parameters(), **options, fused=fused)
    losses = []
    for _ in range(count):
        total, _ = model.parse_losses(model.loss(*batch()))
        losses.append(float(total.detach()))
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
    return losses, [p.detach().clone() for p in model.parameters()]


def test_channels_last_computes_the_same_training():
    (losses, weights), (others, other_weights) = steps(False), steps(True)
    assert others == pytest.approx(losses, rel=1e-4)
    for weight, other in zip(weights, other_weights, strict=True):
        torch.testing.assert_close(other, weight, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("channels_last", [False, True])
def test_one_operation_for_all_parameters_equals_one_for_each(channels_last):
    losses, weights = steps(channels_last, fused=True)
    others, other_weights = steps(channels_last, fused=False)
    assert losses == others
    assert all(map(torch.equal, weights, other_weights))


@pytest.mark.parametrize(("name", "fused"), [("sgd", True), ("adamw", False)])
def test_the_optimiser_is_fused_where_its_numbers_are_equal(name, fused):
    found = optimizer_config({"schedule": {"lr": 0.1, "optimizer": name}})["optimizer"]
    assert found.get("fused", False) is fused


def test_backbone_and_neck_are_compiled():
    model = build(small_config("retinanet", ALRP))
    expected = [level.detach() for level in maps_of(model)]
    calls = []

    def backend(graph, inputs):
        calls.append(graph)
        return graph.forward

    torch.compiler.reset()
    with pytest.MonkeyPatch.context() as patch:
        compiled = torch.compile
        patch.setattr(torch, "compile", lambda *a, **k: compiled(*a, **{**k, "backend": backend}))
        acceleration.adapt(model, {"compile": True})
    found = maps_of(model)
    assert len(calls) >= 2
    for level, one in zip(found, expected, strict=True):
        torch.testing.assert_close(level, one)
    torch.compiler.reset()


@pytest.mark.parametrize(("device", "on_gpu"), [("cpu", False), ("cuda:0", True)])
def test_batches_are_pinned_and_copied_in_the_background_for_a_gpu(device, on_gpu):
    assert acceleration.loader(PLAIN, device) == {**PLAIN, "pin_memory": on_gpu}
    config = acceleration.model(small_config("retinanet", ALRP), device)
    assert config.data_preprocessor.non_blocking is on_gpu
    assert (acceleration.block(device) > 1) is on_gpu


@pytest.mark.parametrize(
    ("schedule", "device", "tries"),
    [
        ({"keep_ratio": False}, "cuda:0", True),
        ({"keep_ratio": False}, "cpu", False),
        ({}, "cuda:0", False),
        ({"keep_ratio": True}, "cuda:0", False),
    ],
)
def test_cudnn_tries_algorithms_only_for_one_size(schedule, device, tries):
    assert acceleration.environment(schedule, device)["cudnn_benchmark"] is tries
