"""Gradients of ranking losses are errors of ranks: constants for a second derivative."""

import pytest
import torch

from rankdet.losses import functional

LABELS = torch.tensor([1, 0, 1, 0, 0])
IOUS = torch.tensor([0.9, 0.6])
LOSSES = {
    "ap": lambda x: functional.ap_loss(x, LABELS),
    "alrp": lambda x: functional.alrp_loss(x, LABELS, IOUS)[0],
    "rank-sort": lambda x: sum(functional.rank_sort_loss(x, LABELS.where(LABELS == 0, IOUS.max()))),
    "ape": lambda x: functional.ape_loss(x, LABELS, IOUS),
    "ndcg": lambda x: functional.ndcg_loss(x, LABELS),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_weight_of_the_loss_has_its_second_derivative(name):
    """Methods that balance norms of gradients need it (such as GradNorm)."""
    logits = torch.tensor([0.3, 0.1, -0.2, 0.4, 0.0], requires_grad=True)
    weight = torch.tensor(2.0, requires_grad=True)
    (gradient,) = torch.autograd.grad(weight * LOSSES[name](logits), logits, create_graph=True)
    (found,) = torch.autograd.grad(gradient.abs().sum(), weight)
    assert found == pytest.approx(gradient.abs().sum().item() / 2) and found > 0


@pytest.mark.parametrize("name", LOSSES)
def test_the_logits_have_none(name):
    logits = torch.tensor([0.3, 0.1, -0.2, 0.4, 0.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(LOSSES[name](logits), logits, create_graph=True)
    assert not gradient.requires_grad
