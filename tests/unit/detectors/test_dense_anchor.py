"""The adapters change nothing but the loss: stock mmdet's values come out of our focal path."""

import copy

import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from rankdet.detectors.models import merged, model_config
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


def sample(boxes, labels, ignored=()):
    instance = InstanceData(
        bboxes=torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        labels=torch.tensor(labels, dtype=torch.int64),
    )
    ignore = InstanceData(bboxes=torch.tensor(ignored, dtype=torch.float32).reshape(-1, 4))
    data = DetDataSample(metainfo={"img_shape": (128, 128), "batch_input_shape": (128, 128)})
    data.gt_instances, data.ignored_instances = instance, ignore
    data.set_metainfo({"pad_shape": (128, 128), "ori_shape": (128, 128)})
    return data


def batch():
    return torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(1)), [
        sample([[10, 12, 50, 60], [40, 40, 100, 120]], [0, 2]),
        sample([[5, 70, 30, 100]], [1], [[60, 60, 110, 110]]),
    ]


def build(config):
    torch.manual_seed(0)
    model = MODELS.build(config)
    torch.manual_seed(0)
    model.init_weights()
    return model.train()


@pytest.mark.parametrize("name", ["retinanet", "atss"])
def test_focal_path_equals_stock_mmdet(name):
    card, changes = STOCK[name]
    detector = load_detector(name, "small")
    ours = model_config(detector, card, form="small", classes=("a", "b", "c"))
    stock = copy.deepcopy(ours)
    head = stock["bbox_head"]
    for key in ("criterion", "centerness"):
        head.pop(key, None)
    head["type"] = {"retinanet": "RetinaHead", "atss": "ATSSHead"}[name]
    stock["bbox_head"] = merged(head, changes)
    stock_model, our_model = build(stock), build(ours)
    our_model.load_state_dict(stock_model.state_dict(), strict=False)
    # Away from the initial logits, so that every term counts.
    state = {
        key: value + 0.05 * torch.randn(value.shape, generator=torch.Generator().manual_seed(7))
        if value.is_floating_point() and "running" not in key
        else value
        for key, value in stock_model.state_dict().items()
    }
    stock_model.load_state_dict(state)
    our_model.load_state_dict(state, strict=False)
    images, samples = batch()
    expected = stock_model.loss(images, copy.deepcopy(samples))
    found = our_model.loss(images, copy.deepcopy(samples))
    for key, value in expected.items():
        total = sum(value) if isinstance(value, list) else value
        torch.testing.assert_close(found[key], total, rtol=1e-5, atol=1e-5)
        assert float(total) > 0


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
    images, samples = batch()
    samples[0] = sample([], [])
    if objects == "none at all":
        samples[1] = sample([], [])
    losses = model.loss(images, samples)
    total = sum(value for key, value in losses.items() if "loss" in key)
    assert torch.isfinite(total)
    total.backward()
    gradients = [p.grad for p in model.parameters() if p.requires_grad]
    assert all(g is not None and torch.isfinite(g).all() for g in gradients)
    if objects == "none at all":
        assert float(total) == 0


def test_atss_without_centerness_has_no_untrained_parameters():
    card = {"classification": {"type": "APLoss"}, "box": {"type": "giou"}}
    model = build(model_config(load_detector("atss", "small"), card, form="small", classes=("a",)))
    assert not any("centerness" in name for name, _ in model.named_parameters())
    model.eval()
    images, samples = batch()
    with torch.inference_mode():
        results = model.predict(
            images, [s.set_metainfo({"scale_factor": (1.0, 1.0)}) or s for s in samples]
        )
    assert len(results) == 2
