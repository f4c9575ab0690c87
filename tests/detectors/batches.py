"""Batches of two images with objects, and pairs of mmdet's and our models, for adapter tests."""

import copy

import numpy as np
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from rankdet.detectors.models import merged_into_lists, model_config
from rankdet.study.detectors import load_detector

SIZE = (128, 128)
CLASSES = ("a", "b", "c")
ALRP = {"classification": {"type": "ALRPLoss"}, "box": {"type": "giou"}}


def sample(boxes, labels, ignored=()):
    """Returns an image's ground truth: (n, 4) xyxy boxes in pixels, labels, ignored boxes.

    Each object's mask fills its box.
    """
    data = DetDataSample(metainfo={"img_shape": SIZE, "batch_input_shape": SIZE})
    data.gt_instances = InstanceData(
        bboxes=torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        labels=torch.tensor(labels, dtype=torch.int64),
    )
    from mmdet.structures.mask import BitmapMasks  # needs mmcv's operations, installed by now

    masks = np.zeros((len(boxes), *SIZE), dtype=np.uint8)
    for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = 1
    data.gt_instances.masks = BitmapMasks(masks, *SIZE)
    ignore = torch.tensor(ignored, dtype=torch.float32).reshape(-1, 4)
    data.ignored_instances = InstanceData(bboxes=ignore)
    data.set_metainfo({"pad_shape": SIZE, "ori_shape": SIZE, "scale_factor": (1.0, 1.0)})
    return data


def batch():
    """Returns two images of noise and their objects, of three classes."""
    return torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(1)), [
        sample([[10, 12, 50, 60], [40, 40, 100, 120], [60, 8, 84, 30]], [0, 2, 1]),
        sample([[5, 70, 30, 100]], [1], [[60, 60, 110, 110]]),
    ]


def without_objects(which):
    """Returns a batch with `one image without` or `none at all`."""
    images, samples = batch()
    samples[0] = sample([], [])
    if which == "none at all":
        samples[1] = sample([], [])
    return images, samples


def small_config(name, card):
    """Returns mmdet's config of a small detector with a card's criterion and three classes."""
    return model_config(load_detector(name, "small"), card, preset="small", classes=CLASSES)


def build(config):
    """Returns the model of a config in training mode, its weights drawn from one seed."""
    torch.manual_seed(0)
    model = MODELS.build(config)
    torch.manual_seed(0)
    model.init_weights()
    return model.train()


def stock_beside(ours, stock_type, head_changes, shift=0.05):
    """Returns mmdet's model and ours with the same weights, which differ from the initial ones.

    Args:
        ours: The config of our model.
        stock_type: The type of mmdet's head.
        head_changes: Other changes of the config of mmdet's head.
        shift: Standard deviation of the noise on each weight, so that every term matters.
    """
    stock = copy.deepcopy(ours)
    head = {k: v for k, v in stock["bbox_head"].items() if k not in ("criterion", "centerness")}
    stock["bbox_head"] = merged_into_lists(head, {"type": stock_type, **head_changes})
    stock_model, our_model = build(stock), build(ours)
    noise = torch.Generator().manual_seed(7)
    state = {
        key: value + shift * torch.randn(value.shape, generator=noise)
        if value.is_floating_point() and "running" not in key
        else value
        for key, value in stock_model.state_dict().items()
    }
    stock_model.load_state_dict(state)
    our_model.load_state_dict(state, strict=False)
    return stock_model, our_model


def assert_same_losses(stock_model, our_model):
    """Compares every loss of mmdet's model with ours, and checks that none is 0."""
    images, samples = batch()
    expected = stock_model.loss(images, copy.deepcopy(samples))
    found = our_model.loss(images, copy.deepcopy(samples))
    for key, value in expected.items():
        total = sum(value) if isinstance(value, list) else value
        torch.testing.assert_close(found[key], total, rtol=1e-5, atol=1e-5)
        assert float(total.detach()) > 0


def gradients(model, images, samples):
    """Returns the sum of a batch's losses, and each trained parameter's gradient by name."""
    losses = model.loss(images, samples)
    total = sum(value for key, value in losses.items() if "loss" in key)
    total.backward()
    return total, {name: p.grad for name, p in model.named_parameters() if p.requires_grad}


def assert_trains_without(which, model):
    """Checks that all weights get a gradient if one image, or no image, has objects.

    Returns the sum of the losses.
    """
    total, found = gradients(model, *without_objects(which))
    assert torch.isfinite(total)
    assert all(g is not None and torch.isfinite(g).all() for g in found.values())
    return float(total)
