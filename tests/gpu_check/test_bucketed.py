"""The bucketed form: equal to the exact losses with a hard step, near them with a ramp."""

import pytest
import torch

from rankdet.gpu_check.bucketed import BUCKETED, DELTAS, Buckets
from rankdet.losses import functional
from rankdet.losses.benchmark import STAGES, DrawnBatch, draw_batch


def exact(name, batch, delta):
    logits = batch.logits.clone().requires_grad_()
    if name == "ap":
        loss = functional.ap_loss(logits, batch.labels, delta=delta)
    elif name == "alrp":
        loss = functional.alrp_loss(logits, batch.labels, 1 - batch.ious, delta=delta)[0]
    else:
        loss = sum(functional.rank_sort_loss(logits, batch.targets, delta=delta))
    return loss, torch.autograd.grad(loss, logits)[0]


def tied():
    """A batch on a grid of 1/2, with ties of positives and negatives, and ignored logits."""
    batch = draw_batch(25, 800, "middle", seed=2)
    labels = batch.labels.clone()
    labels[:50] = labels[:50].where(labels[:50] == 1, -1)
    return DrawnBatch((2 * batch.logits).round() / 2, labels, batch.targets, batch.ious)


BATCHES = {stage: draw_batch(40, 4000, stage) for stage in STAGES} | {"tied": tied()}


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("name", BUCKETED)
def test_exact_with_a_hard_step(name, batch):
    problem = BATCHES[batch]
    if batch == "tied":  # ignored logits are -1 in both kinds of labels
        problem = problem._replace(targets=problem.targets.where(problem.labels >= 0, -1.0))
    loss, gradient = BUCKETED[name](problem, 0.0)
    expected, by_exact = exact(name, problem, 0.0)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(gradient, by_exact, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", BUCKETED)
def test_near_with_a_ramp_but_not_equal(name):
    problem = draw_batch(400, 40_000, "middle")
    loss, gradient = BUCKETED[name](problem, DELTAS[name])
    expected, by_exact = exact(name, problem, DELTAS[name])
    assert loss.item() == pytest.approx(expected.item(), rel=0.02)
    assert torch.cosine_similarity(gradient, by_exact, dim=0) > 0.99
    assert (gradient - by_exact).abs().max() > 1e-7


def test_buckets_hold_every_relevant_negative_once():
    logits = torch.tensor([3.0, 2.5, 2.0, 2.0, 1.0, 0.5, -9.0])
    labels = torch.tensor([0, 1, 0, 1, 0, 0, 0])
    found = Buckets.of(logits, labels, 0.0)
    assert found.sizes.tolist() == [1, 1, 0]  # 2.0 counts above its equal; lower ones are left out
    assert found.scores.tolist() == [2.5, 2.0]
    assert found.false_positives().tolist() == [1, 2]
    wider = Buckets.of(logits, labels, 1.0)
    assert wider.sizes.tolist() == [1, 1, 1] and wider.negatives.tolist() == [0, 2, 4]
