"""Theorems of the papers: gradients are balanced and are the derivatives of the losses."""

import pytest
import torch
from hypothesis import given

from rankdet.losses import functional
from tests.losses.cases import cases, close
from tests.losses.ranking import BALANCED, SOME, evaluate, problem


@pytest.mark.parametrize("name", BALANCED)
@SOME
@given(case=cases())
def test_theorem_2_positives_and_negatives_are_balanced(name, case):
    _, gradient = evaluate(name, case.logits, case.labels, case.ious)
    up, down = gradient[case.labels == 1], gradient[case.labels == 0]
    assert (up <= 0).all()
    assert (down >= 0).all()
    assert up.double().abs().sum().item() == pytest.approx(
        down.double().abs().sum().item(), rel=1e-5, abs=1e-7
    )


@SOME
@given(case=cases(min_positives=1))
def test_theorem_1_ap_loss_is_its_gradients_magnitude(case):
    """AP's target is 0, so the loss is the sum of its primary terms (appendix F.2)."""
    loss, gradient = evaluate("ap", case.logits, case.labels, case.ious)
    assert gradient[case.labels == 1].double().abs().sum().item() == pytest.approx(
        loss.item(), rel=1e-5, abs=1e-6
    )


def test_alrp_gradient_magnitude_differs_from_the_loss_by_the_targets():
    """Eq. A.53: with all positives below some negative, the difference is ``mean E_i / rank_i``."""
    logits, labels, ious = problem()
    logits[(labels == 0).nonzero()[0]] = 30.0
    loss_cls, loss_loc = functional.alrp_loss(logits.requires_grad_(), labels, 1 - ious, delta=0.0)
    (gradient,) = torch.autograd.grad(loss_cls, logits)
    size = gradient[labels == 1].abs().sum()
    scores = logits[labels == 1]
    ranks = (logits[None] >= scores[:, None]).sum(1)
    expected = loss_cls + loss_loc - size
    assert expected.item() == pytest.approx(((1 - ious) / ranks).mean().item(), rel=1e-4)


def test_soft_sampling_weights_are_the_gradients_of_the_localisation_errors():
    """Eq. A.46, with the hard step: each error counts in every positive of no higher score."""
    logits, labels, ious = problem()
    errors = (1 - ious).requires_grad_()
    functional.alrp_loss(logits, labels, errors, delta=0.0)[1].backward()
    scores = logits[labels == 1]
    ranks = (logits[None] >= scores[:, None]).sum(1).double()
    weights = ((scores[:, None] >= scores[None]) / ranks[None]).sum(1) / len(scores)
    close(errors.grad, weights)


def test_localisation_loss_has_no_gradient_in_the_logits_nor_classification_in_the_errors():
    logits, labels, ious = problem()
    logits, errors = logits.requires_grad_(), (1 - ious).requires_grad_()
    loss_cls, loss_loc = functional.alrp_loss(logits, labels, errors)
    assert torch.autograd.grad(loss_cls, errors, retain_graph=True, allow_unused=True) == (None,)
    assert torch.autograd.grad(loss_loc, logits, allow_unused=True) == (None,)


def test_cross_entropy_distance_is_the_derivative_of_its_value():
    """With the number of negatives as constant the loss is differentiable: finite differences."""
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(30, generator=generator, dtype=torch.float64) * 0.1
    labels = torch.tensor([1, 0, 0, 0, -1] * 6)

    def loss(x):
        return functional.pairwise_error_loss(
            x, labels, distance="cross_entropy", balance="negatives", delta=5.0
        )

    assert torch.autograd.gradcheck(loss, logits.requires_grad_())


def test_localisation_loss_is_the_derivative_of_its_value():
    logits, labels, ious = problem()
    errors = (1 - ious).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda e: functional.alrp_loss(logits, labels, e)[1], errors)
