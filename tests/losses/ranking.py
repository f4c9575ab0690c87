"""Every ranking loss as a function of logits, labels and IoUs, for tests that all must pass."""

import pytest
import torch
from hypothesis import settings

from rankdet.losses import functional

SOME = settings(max_examples=25, deadline=None)


def targets_of(labels, ious):
    targets = labels.float()
    targets[labels == 1] = ious.to(targets)
    return targets


# Each takes (logits, labels, ious, **options) and returns a scalar.
LOSSES = {
    "ap": lambda x, y, q, **o: functional.ap_loss(x, y, **o),
    "alrp": lambda x, y, q, **o: functional.alrp_loss(x, y, 1 - q, **o)[0],
    "alrp-loc": lambda x, y, q, **o: functional.alrp_loss(x, y, 1 - q, **o)[1],
    "ranking": lambda x, y, q, **o: functional.rank_sort_loss(x, targets_of(y, q), **o)[0],
    "sorting": lambda x, y, q, **o: functional.rank_sort_loss(x, targets_of(y, q), **o)[1],
    "ndcg": lambda x, y, q, **o: functional.ndcg_loss(x, y, **o),
    "ape": lambda x, y, q, **o: functional.ape_loss(x, y, q, **o),
    "step": lambda x, y, q, **o: functional.pairwise_error_loss(x, y, **o),
    "sigmoid": lambda x, y, q, **o: functional.pairwise_error_loss(x, y, distance="sigmoid", **o),
    "entropy": lambda x, y, q, **o: functional.pairwise_error_loss(
        x, y, distance="cross_entropy", balance="negatives", **o
    ),
}

BALANCED = ("ap", "alrp", "ranking", "ndcg", "step", "sigmoid", "entropy")

every = pytest.mark.parametrize("name", LOSSES)


def evaluate(name, logits, labels, ious, **options):
    """Returns the loss and its gradient by the logits (zeros if it has none)."""
    logits = logits.detach().clone().requires_grad_()
    loss = LOSSES[name](logits, labels, ious, **options)
    if not loss.requires_grad:  # aLRP's localisation part is constant in the logits
        return loss, torch.zeros_like(logits)
    return loss, torch.autograd.grad(loss, logits)[0]


def problem(n_positives=9, n_negatives=300, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.zeros(n_positives + n_negatives, dtype=torch.int64)
    labels[torch.randperm(len(labels), generator=generator)[:n_positives]] = 1
    logits = torch.randn(len(labels), generator=generator) * 2
    return logits, labels, 0.05 + 0.9 * torch.rand(n_positives, generator=generator)
