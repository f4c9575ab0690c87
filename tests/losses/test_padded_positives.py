"""With `max_positives`, the values after those of the positives have no effect."""

import math

import pytest
import torch

from rankdet.losses import functional

LABELS = torch.tensor([1, 0, 1, 0, -1, 0, 0, 1])
LOGITS = torch.randn(8, generator=torch.Generator().manual_seed(3))
VALUES = torch.tensor([0.2, 0.7, 0.4])
FILLED = [0.0, -3.0, 5.0, math.nan, math.inf]
BY_VALUES = {
    "alrp": lambda *a, **k: sum(functional.alrp_loss(*a, **k)),
    "ape": functional.ape_loss,
}


def run(name, labels, values, bound=None):
    """Returns the loss and its gradients in the logits and the values."""
    logits, values = LOGITS.clone().requires_grad_(), values.clone().requires_grad_()
    loss = BY_VALUES[name](logits, labels, values, max_positives=bound)
    loss.backward()
    return loss.detach(), logits.grad, torch.zeros(0) if values.grad is None else values.grad


@pytest.mark.parametrize("filled", FILLED)
@pytest.mark.parametrize("name", BY_VALUES)
def test_they_change_neither_loss_nor_gradient(name, filled):
    padded = torch.cat([VALUES, torch.full((4,), filled)])
    expected, found = run(name, LABELS, VALUES), run(name, LABELS, padded, bound=7)
    assert torch.equal(found[0], expected[0]) and torch.equal(found[1], expected[1])
    assert torch.equal(found[2][:3], expected[2]) and not found[2][3:].any()


@pytest.mark.parametrize("filled", FILLED)
@pytest.mark.parametrize("name", BY_VALUES)
def test_without_positives_the_loss_is_0(name, filled):
    loss, gradient, _ = run(name, torch.zeros(8), torch.full((5,), filled), bound=5)
    assert loss == 0 and not gradient.any()


@pytest.mark.parametrize("name", BY_VALUES)
def test_another_length_than_the_bound_is_one_line(name):
    with pytest.raises(
        ValueError, match=r"has 3 values for max_positives=7; pad it to this length"
    ):
        run(name, LABELS, VALUES, bound=7)


def test_a_nan_of_a_positive_is_not_hidden(monkeypatch):
    """A box that became NaN must end a training."""
    monkeypatch.setenv("RANKDET_CHECKS", "off")
    values = torch.tensor([0.2, math.nan, 0.4, 0.0])
    assert run("alrp", LABELS, values, bound=4)[0].isnan()


@pytest.mark.parametrize("bound", [None, 5])
def test_the_dtype_of_the_losses_is_that_of_float64_logits(bound):
    errors = VALUES if bound is None else torch.cat([VALUES, torch.zeros(2)])
    losses = functional.alrp_loss(LOGITS.double(), LABELS, errors, max_positives=bound)
    assert {loss.dtype for loss in losses} == {torch.float64}
