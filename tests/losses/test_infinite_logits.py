"""Logits that are not finite, in plain PyTorch: of a positive NaN, of a negative a very far one.

docs/losses.md says what each loss gives; test_infinite_kernels.py compares the fused kernels.
"""

import math

import pytest
import torch

from rankdet.losses import functional
from tests.losses.ranking import LOSSES, problem, targets_of

ALL = LOSSES | {
    "dr": lambda x, y, q, **o: functional.dr_loss(x, y, **o),
    "official": lambda x, y, q, **o: functional.ape_loss(x, y, q, numerics="official", **o),
    "hard ap": lambda x, y, q, **o: functional.ap_loss(x, y, delta=0, **o),
    "hard alrp": lambda x, y, q, **o: functional.alrp_loss(x, y, 1 - q, delta=0, **o)[0],
    "hard sorting": lambda x, y, q, **o: functional.rank_sort_loss(
        x, targets_of(y, q), delta=0, **o
    )[1],
    "sigmoid by count": lambda x, y, q, **o: functional.pairwise_error_loss(
        x, y, distance="sigmoid", balance="negatives", **o
    ),
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
        return loss, torch.full_like(logits, loss.item() * 0)
    return loss.detach(), torch.autograd.grad(loss, logits)[0]


def positives_of(gradient, n_negatives):
    return gradient[problem(n_negatives=n_negatives)[1] == 1]


@every
@sizes
@pytest.mark.parametrize("logit", [math.inf, -math.inf, math.nan])
def test_of_a_positive_the_loss_and_the_gradients_of_positives_are_nan(name, n_negatives, logit):
    loss, gradient = value_and_gradient(name, 1, logit, n_negatives)
    if name == "dr" and not math.isnan(logit):  # it reads scores, which are 0 and 1
        far, by_far = value_and_gradient(name, 1, math.copysign(1e30, logit), n_negatives)
        assert loss == far and torch.equal(gradient, by_far)
    else:
        assert loss.isnan()
        assert positives_of(gradient, n_negatives).isnan().all()


@every
@sizes
@pytest.mark.parametrize("logit", [math.inf, -math.inf])
def test_of_a_negative_the_loss_is_that_of_a_very_far_one(name, n_negatives, logit):
    loss, gradient = value_and_gradient(name, 0, logit, n_negatives)
    assert gradient.isfinite().all()
    if name in BY_DISTANCE and logit > 0:
        assert loss == math.inf
        return
    far, by_far = value_and_gradient(name, 0, math.copysign(1e30, logit), n_negatives)
    assert loss.item() == pytest.approx(far.item(), rel=1e-6)
    torch.testing.assert_close(gradient, by_far, rtol=1e-5, atol=1e-9)


@every
@sizes
def test_nan_of_a_negative_shows_in_few_logits_and_in_many(name, n_negatives):
    loss, gradient = value_and_gradient(name, 0, math.nan, n_negatives)
    assert loss.isnan()
    assert positives_of(gradient, n_negatives).isnan().all()


@every
def test_of_an_ignored_one_nothing_changes(name):
    logits, labels, ious = problem()
    labels[(labels == 0).nonzero()[:2]] = -1
    expected = ALL[name](logits, labels, ious)
    for value in (math.inf, -math.inf, math.nan):
        changed = torch.where(labels == -1, value, logits)
        assert ALL[name](changed, labels, ious) == expected
