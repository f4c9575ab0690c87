"""The losses of the step function are exact for every finite logit and every δ.

float64 cannot tell 1e20 from 1e20 + 1: far logits must not change what near ones add.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rankdet.losses import functional
from tests.losses import oracles

MANY = settings(max_examples=150, deadline=None)
KINDS = ("any", "scaled", "few far", "grid", "2^24", "2^22")


def logits_of(kind, n, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, n)
    if kind == "any":
        logits = np.sign(logits) * 10.0 ** rng.uniform(-37, 38, n)
    elif kind == "scaled":
        logits *= 10.0 ** rng.integers(-30, 37)
    elif kind == "few far":
        logits[rng.integers(0, n, 3)] = rng.choice([1e20, -1e20, 3e38, -3e38, 1e18], 3)
    elif kind == "grid":
        logits = np.round(logits) * 1e17
    elif kind == "2^24":  # here neighbouring float32 numbers are 2 apart
        logits = 2.0**24 * np.round(logits) + 2 * np.round(rng.normal(0, 2, n))
    else:
        logits = 2.0**22 + np.round(logits * 8) / 4
    return rng, logits.astype(np.float32)


@st.composite
def problems(draw):
    n = draw(st.integers(3, 40))
    rng, logits = logits_of(draw(st.sampled_from(KINDS)), n, draw(st.integers(0, 2**32 - 1)))
    labels = rng.choice([1, 0, -1], n, p=[0.3, 0.6, 0.1])
    ious = rng.uniform(0.1, 1, int((labels == 1).sum())).astype(np.float32)
    return torch.from_numpy(logits), labels, ious


def check(loss, logits, expected, gradient):
    (found,) = torch.autograd.grad(loss, logits)
    assert loss.item() == pytest.approx(expected, rel=2e-6, abs=1e-9)
    largest = max(np.abs(gradient).max(initial=0), 1e-12)
    np.testing.assert_allclose(found.numpy(), gradient, atol=3e-6 * largest)


deltas = st.sampled_from([0.0, 1e-20, 2.0**-12, 0.25, 0.5, 1.0, 1e6])


@pytest.mark.fault("logits of any finite size, any δ", tries=150)
@MANY
@given(case=problems(), delta=deltas)
def test_ap_loss(case, delta):
    logits, labels, _ = case
    x = logits.requires_grad_()
    loss = functional.ap_loss(x, torch.from_numpy(labels), delta=delta)
    check(loss, x, *oracles.ap(logits.detach(), labels, delta, True))


@pytest.mark.fault("logits of any finite size, any δ", tries=150)
@MANY
@given(case=problems(), delta=deltas)
def test_alrp_loss(case, delta):
    logits, labels, ious = case
    x = logits.requires_grad_()
    errors = torch.from_numpy(1 - ious)
    loss = functional.alrp_loss(x, torch.from_numpy(labels), errors, delta=delta)[0]
    expected = oracles.alrp(logits.detach(), labels, 1 - ious.astype(float), delta, 1e-5, False)
    check(loss, x, *expected[:2])


@pytest.mark.fault("logits of any finite size, any δ", tries=150)
@MANY
@given(case=problems(), delta=deltas)
def test_rank_sort_loss(case, delta):
    logits, labels, ious = case
    x = logits.requires_grad_()
    targets = torch.from_numpy(labels).float()
    targets[torch.from_numpy(labels == 1)] = torch.from_numpy(ious)
    losses = functional.rank_sort_loss(x, targets, delta=delta)
    expected = oracles.rank_sort(logits.detach(), targets.numpy(), delta)
    check(losses[0], x, expected[0], expected[2])


@pytest.mark.fault("logits of any finite size, any δ", tries=150)
@MANY
@given(case=problems(), delta=deltas)
def test_ndcg_loss(case, delta):
    logits, labels, _ = case
    x = logits.requires_grad_()
    loss = functional.ndcg_loss(x, torch.from_numpy(labels), delta=delta)
    expected, _ = oracles.ndcg(logits.detach(), labels, delta)
    assert loss.item() == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.fault("one negative at 1e18 or more among ordinary logits")
@pytest.mark.parametrize("far", [1e18, 1e20, 3e38])
@pytest.mark.parametrize("n", [1000, 40_000])
def test_one_far_negative_adds_one_to_every_rank(far, n):
    """With many negatives the table of the bin finder is used, whose cells are then very wide."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(n, generator=generator)
    labels = (torch.arange(n) % 97 == 0).long()
    logits[5] = far
    capped = logits.clamp(max=100.0)  # far above all: the same ranks
    for loss in (functional.ap_loss, functional.ndcg_loss):
        made = []
        for values in (logits, capped):
            x = values.clone().requires_grad_()
            made.append((loss(x, labels), x))
        assert made[0][0].item() == pytest.approx(made[1][0].item(), rel=1e-6)
        gradients = [torch.autograd.grad(value, x)[0] for value, x in made]
        torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-5, atol=1e-9)


def test_float64_logits_beyond_float32():
    labels = torch.tensor([1, 0, 0, 1])
    logits = torch.tensor([1e300, 1.5e300, -1e300, 2e300], dtype=torch.float64)
    loss = functional.ap_loss(logits, labels, interpolate=False)
    assert loss.item() == pytest.approx((1 / 3 + 0) / 2)
    assert not math.isnan(functional.rank_sort_loss(logits, labels.double() * 0.5)[1].item())
