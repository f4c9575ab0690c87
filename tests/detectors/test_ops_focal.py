"""Sigmoid focal loss against its definition, one logit at a time."""

import importlib
import math

import pytest
import torch

from rankdet.detectors import ops
from rankdet.detectors.ops import focal

ops.install()
mmcv_ops = importlib.import_module("mmcv.ops")

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
TARGET = torch.tensor([0, 2, 3, 1, 3, 0])  # 3 is background


@pytest.fixture(autouse=True, params=["of a CPU", "of a GPU"])
def form(request, monkeypatch):
    """Also runs the form without waits, which only GPUs use, on the CPU."""
    if request.param == "of a GPU":
        monkeypatch.setattr(focal, "merged_by_index", focal.merged_without_wait)


def logits():
    generator = torch.Generator().manual_seed(0)
    return 3 * torch.randn(6, 3, generator=generator, dtype=torch.float64)


def slow_loss(x, target, gamma, alpha, weight=None):
    output = torch.zeros_like(x)
    for i, row in enumerate(x.tolist()):
        for c, value in enumerate(row):
            p = 1 / (1 + math.exp(-value))
            if target[i] == c:
                loss = -alpha * (1 - p) ** gamma * math.log(p)
            else:
                loss = -(1 - alpha) * p**gamma * math.log(1 - p)
            if weight is not None and target[i] < len(weight):
                loss *= weight[target[i]].item()
            output[i, c] = loss
    return output


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("gamma", [0.0, 1.5, 2.0])
@pytest.mark.parametrize("weight", [None, [0.5, 2.0, 3.0]])
def test_forward_equals_the_definition(gamma, weight, device):
    weight = None if weight is None else torch.tensor(weight, dtype=torch.float64)
    loss = mmcv_ops.sigmoid_focal_loss(
        logits().to(device),
        TARGET.to(device),
        gamma,
        0.25,
        None if weight is None else weight.to(device),
        "none",
    )
    torch.testing.assert_close(loss.cpu(), slow_loss(logits(), TARGET, gamma, 0.25, weight))


@pytest.mark.parametrize("gamma", [0.0, 1.5, 2.0])
@pytest.mark.parametrize("weight", [None, [0.5, 2.0, 3.0]])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_gradient_equals_finite_differences(gamma, weight, reduction):
    weight = None if weight is None else torch.tensor(weight, dtype=torch.float64)

    def loss(x):
        values = mmcv_ops.sigmoid_focal_loss(x, TARGET, gamma, 0.25, weight, reduction)
        return values.sum()  # mmcv's function takes one upstream gradient for all logits

    torch.autograd.gradcheck(loss, (logits().requires_grad_(),))


def test_mean_is_over_rows():
    whole = mmcv_ops.sigmoid_focal_loss(logits(), TARGET, 2.0, 0.25, None, "sum")
    mean = mmcv_ops.sigmoid_focal_loss(logits(), TARGET, 2.0, 0.25, None, "mean")
    torch.testing.assert_close(mean, whole / 6)


def test_confident_mistakes_cost_what_they_should():
    x = torch.tensor([[80.0, -80.0, 0.0]]).requires_grad_()
    loss = mmcv_ops.sigmoid_focal_loss(x, torch.tensor([1]), 2.0, 0.25, None, "none")
    torch.testing.assert_close(loss[0, :2], torch.tensor([0.75 * 80, 0.25 * 80]))
    loss.sum().backward()
    torch.testing.assert_close(x.grad[0, :2], torch.tensor([0.75, -0.25]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    x = logits().to(dtype).requires_grad_()
    loss = mmcv_ops.sigmoid_focal_loss(x, TARGET, 2.0, 0.25, None, "none")
    loss.sum().backward()
    exact = x.detach().double().requires_grad_()
    expected = mmcv_ops.sigmoid_focal_loss(exact, TARGET, 2.0, 0.25, None, "none")
    expected.sum().backward()
    assert loss.dtype == x.grad.dtype == dtype
    torch.testing.assert_close(loss, expected.to(dtype), rtol=1e-2, atol=1e-6)
    torch.testing.assert_close(x.grad, exact.grad.to(dtype), rtol=1e-2, atol=1e-6)


def test_no_rows():
    x = torch.zeros(0, 3, requires_grad=True)
    loss = mmcv_ops.sigmoid_focal_loss(x, torch.zeros(0, dtype=torch.int64), 2.0, 0.25, None, "sum")
    loss.backward()
    assert loss == 0 and x.grad.shape == (0, 3)
