"""Properties that every ranking loss must have."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.losses.cases import cases, close
from tests.losses.ranking import LOSSES, SOME, evaluate, every, problem


@every
@SOME
@given(case=cases())
def test_ignored_logits_get_no_gradient_and_do_not_change_the_loss(name, case):
    loss, gradient = evaluate(name, case.logits, case.labels, case.ious)
    assert (gradient[case.labels == -1] == 0).all()
    moved = torch.where(case.labels == -1, 17.0, case.logits)
    again, _ = evaluate(name, moved, case.labels, case.ious)
    assert again.item() == loss.item()


@every
@SOME
@given(case=cases(), seed=st.integers(0, 2**16))
def test_order_of_the_input_does_not_matter(name, case, seed):
    # Without noise, aLRP's localisation part would order tied scores by appearance.
    noise = torch.rand(len(case.logits), generator=torch.Generator().manual_seed(seed)) / 64
    logits = case.logits + noise
    order = torch.randperm(len(logits), generator=torch.Generator().manual_seed(seed))
    positives = case.labels == 1
    place = positives.cumsum(0) - 1
    shuffled = case.ious[place[order][positives[order]]]
    loss, gradient = evaluate(name, logits, case.labels, case.ious)
    again, moved = evaluate(name, logits[order], case.labels[order], shuffled)
    assert again.item() == pytest.approx(loss.item(), rel=1e-6, abs=1e-7)
    close(moved, gradient[order], 50)


@every
@SOME
@given(case=cases(), shift=st.sampled_from([-8.0, 0.5, 16.0]))
def test_shifting_all_logits_changes_nothing(name, case, shift):
    logits = (case.logits * 256).round() / 256  # so that the shift itself is exact
    loss, gradient = evaluate(name, logits, case.labels, case.ious)
    again, moved = evaluate(name, logits + shift, case.labels, case.ious)
    assert again.item() == pytest.approx(loss.item(), rel=1e-6, abs=1e-7)
    close(moved, gradient, 50)


@pytest.mark.parametrize("name", [n for n in LOSSES if n != "alrp-loc"])
def test_perfect_ranking_costs_nothing(name):
    """Positives far above all negatives, and sorted by quality, each a step apart."""
    labels = torch.tensor([1] * 5 + [0] * 50)
    logits = torch.cat([torch.arange(5, 0, -1) * 10.0, torch.linspace(-90, -40, 50)])
    ious = torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5])
    loss, gradient = evaluate(name, logits, labels, ious)
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert gradient.abs().max().item() == pytest.approx(0, abs=1e-6)


def test_inverse_ranking_costs_nearly_one():
    logits, labels, ious = problem(5, 5000)
    logits = torch.where(labels == 1, -30.0 + logits, logits)
    assert evaluate("ap", logits, labels, ious)[0].item() > 0.999


@every
def test_backward_multiplies_and_accumulates(name):
    logits, labels, ious = problem()
    _, gradient = evaluate(name, logits, labels, ious)
    logits = logits.clone().requires_grad_()
    loss = LOSSES[name](logits, labels, ious)
    if not loss.requires_grad:
        pytest.skip("aLRP's localisation part is constant in the logits")
    (3 * loss).backward(retain_graph=True)
    loss.backward()
    torch.testing.assert_close(logits.grad, 4 * gradient)


@every
@pytest.mark.parametrize("sizes", [(4, 5), (3, 0, 6)])
def test_groups_are_ranked_separately_and_weighted_by_their_positives(name, sizes):
    logits, labels, ious = problem(9, 300)
    group = torch.randint(0, len(sizes), labels.shape, generator=torch.Generator().manual_seed(1))
    places = (labels == 1).nonzero().squeeze(1)
    group[places] = torch.repeat_interleave(torch.tensor(sizes)).flip(0)
    loss, gradient = evaluate(name, logits, labels, ious, group=group)
    expected, total = 0.0, torch.zeros_like(gradient)
    for g in group.unique():
        own = labels.where(group == g, -1)
        part, by_logits = evaluate(name, logits, own, ious[group[places] == g])
        share = (own == 1).sum().item() / 9
        expected += share * part.item()
        total += share * by_logits
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(gradient, total, rtol=1e-5, atol=1e-8)


@every
def test_shape_and_label_type_do_not_matter(name):
    logits, labels, ious = problem(9, 291)
    loss, gradient = evaluate(name, logits, labels, ious)
    for dtype in (torch.int8, torch.int32, torch.float32):
        again, by_logits = evaluate(
            name, logits.reshape(100, 3), labels.reshape(100, 3).to(dtype), ious
        )
        assert again.item() == loss.item()
        torch.testing.assert_close(by_logits.reshape(-1), gradient, rtol=0, atol=0)
