"""Infinite logits in plain PyTorch: of a positive NaN, of a negative the value of a very far one.

docs/losses.md says what each loss gives.
"""

import math

import pytest
import torch

from rankdet.losses import functional
from tests.losses.ranking import LOSSES, problem

ALL = LOSSES | {
    "dr": lambda x, y, q, **o: functional.dr_loss(x, y, **o),
    "official": lambda x, y, q, **o: functional.ape_loss(x, y, q, numerics="official", **o),
}
BY_DISTANCE = ("ape", "entropy")  # they grow with the distance of a pair
every = pytest.mark.parametrize("name", ALL)
sizes = pytest.mark.parametrize("n_negatives", [40, 40_000])


def value_and_gradient(name, label, logit, n_negatives):
    logits, labels, ious = problem(n_negatives=n_negatives)
    logits[(labels == label).nonzero()[3]] = logit
    logits.requires_grad_()
    loss = ALL[name](logits, labels, ious)
    if not loss.requires_grad:
        return loss, torch.zeros(1)
    return loss.detach(), torch.autograd.grad(loss, logits)[0]


@every
@sizes
@pytest.mark.parametrize("logit", [math.inf, -math.inf])
def test_of_a_positive_the_loss_is_not_finite(name, n_negatives, logit):
    loss, gradient = value_and_gradient(name, 1, logit, n_negatives)
    if name == "dr":  # it reads scores, which are 0 and 1
        far, by_far = value_and_gradient(name, 1, math.copysign(1e30, logit), n_negatives)
        assert loss == far and torch.equal(gradient, by_far)
    else:
        assert not loss.isfinite()


@every
@sizes
@pytest.mark.parametrize("logit", [math.inf, -math.inf])
def test_of_a_negative_the_loss_is_that_of_a_very_far_one(name, n_negatives, logit):
    loss, gradient = value_and_gradient(name, 0, logit, n_negatives)
    if name in BY_DISTANCE and logit > 0:
        assert loss == math.inf
        return
    far, by_far = value_and_gradient(name, 0, math.copysign(1e30, logit), n_negatives)
    assert loss.item() == pytest.approx(far.item(), rel=1e-6)
    torch.testing.assert_close(gradient, by_far, rtol=1e-5, atol=1e-9)


@every
def test_of_an_ignored_one_nothing_changes(name):
    logits, labels, ious = problem()
    labels[(labels == 0).nonzero()[:2]] = -1
    expected = ALL[name](logits, labels, ious)
    for value in (math.inf, -math.inf):
        changed = torch.where(labels == -1, value, logits)
        assert ALL[name](changed, labels, ious) == expected
