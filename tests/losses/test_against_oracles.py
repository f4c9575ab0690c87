"""Every loss and its gradient against the papers' equations over all pairs, in float64."""

from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rankdet.losses import functional
from tests.losses import oracles
from tests.losses.cases import cases, close

MANY = settings(max_examples=200, deadline=None)
SOME = settings(max_examples=120, deadline=None)
MANY_PAIRS = st.sampled_from([-1, 1 << 17])  # sums over cells always, or only for many pairs
TILES = st.sampled_from([1, 40, 1 << 17])  # one row at a time, a few, or all at once


def run(function, case, dtype=torch.float32):
    """Returns the losses and the gradient of each by the logits."""
    logits = case.logits.to(dtype, copy=True).requires_grad_()
    losses = function(logits)
    losses = losses if isinstance(losses, tuple) else (losses,)
    gradients = [torch.autograd.grad(loss, logits, retain_graph=True)[0].numpy() for loss in losses]
    return [loss.item() for loss in losses], gradients


def size(case):
    return case.logits.abs().max().item() if len(case.logits) else 0.0


@MANY
@given(case=cases(), interpolate=st.booleans())
def test_ap_loss(case, interpolate):
    losses, gradients = run(
        lambda x: functional.ap_loss(x, case.labels, delta=case.delta, interpolate=interpolate),
        case,
    )
    loss, gradient = oracles.ap(case.logits, case.labels.numpy(), case.delta, interpolate)
    close(losses[0], loss)
    close(gradients[0], gradient, size(case))


@MANY
@given(case=cases(), zero=st.booleans())
def test_alrp_loss(case, zero):
    target = "zero" if zero else "localisation"
    errors = (1 - case.ious).requires_grad_()
    logits = case.logits.clone().requires_grad_()
    loss_cls, loss_loc = functional.alrp_loss(
        logits, case.labels, errors, delta=case.delta, target=target
    )
    (loss_cls + loss_loc).backward()
    by_logits, by_errors = logits.grad, errors.grad
    expected = oracles.alrp(
        case.logits, case.labels.numpy(), 1 - case.ious.double().numpy(), case.delta, 1e-5, zero
    )
    close(loss_cls.item(), expected[0])
    close(by_logits, expected[1], size(case))
    close(loss_loc.item(), expected[2])
    close(by_errors, expected[3])


@MANY
@given(case=cases(), zeros=st.integers(0, 2), tile=TILES)
def test_rank_sort_loss(case, zeros, tile):
    targets = case.labels.float()
    quality = case.ious.clone()
    quality[:zeros] = 0  # a positive of quality exactly 0 is a negative
    targets[case.labels == 1] = quality
    with mock.patch("rankdet.losses.rank_sort.TILE", tile):
        losses, gradients = run(
            lambda x: functional.rank_sort_loss(x, targets, delta=case.delta), case
        )
    expected = oracles.rank_sort(case.logits, targets.numpy(), case.delta)
    for ours, oracle in zip((*losses, *gradients), expected, strict=True):
        close(ours, oracle, size(case) if np.ndim(oracle) else 1)


@SOME
@given(case=cases())
def test_ndcg_loss(case):
    losses, gradients = run(lambda x: functional.ndcg_loss(x, case.labels, delta=case.delta), case)
    loss, gradient = oracles.ndcg(case.logits, case.labels.numpy(), case.delta)
    assert losses[0] == pytest.approx(loss, rel=1e-6, abs=1e-7)
    close(gradients[0], gradient, size(case))


@MANY
@given(case=cases(), scale=st.sampled_from([4.0, 7.3, 8.0]), tile=TILES, many=MANY_PAIRS)
def test_ape_loss(case, scale, tile, many):
    with mock.patch.multiple("rankdet.losses.sigmoid_pairs", TILE=tile, MANY=many):
        losses, gradients = run(
            lambda x: functional.ape_loss(x, case.labels, case.ious, scale=scale), case
        )
    loss, gradient = oracles.ape(
        case.logits, case.labels.numpy(), case.ious.double().numpy(), scale, 10**6
    )
    close(losses[0], loss, scale * size(case))
    close(gradients[0], gradient, scale * size(case))


@SOME
@given(case=cases(min_positives=1), most=st.integers(1, 20))
def test_ape_loss_keeps_the_highest_negatives(case, most):
    noise = torch.rand(len(case.logits), generator=torch.Generator().manual_seed(case.seed))
    case = case._replace(logits=case.logits + noise / 64)  # without ties the highest are unique
    losses, gradients = run(
        lambda x: functional.ape_loss(x, case.labels, case.ious, max_negatives=most), case
    )
    loss, gradient = oracles.ape(
        case.logits, case.labels.numpy(), case.ious.double().numpy(), 8.0, most
    )
    close(losses[0], loss, 8 * size(case))
    close(gradients[0], gradient, 8 * size(case))


@MANY
@given(
    case=cases(),
    distance=st.sampled_from(["step", "sigmoid", "cross_entropy"]),
    balance=st.sampled_from(["rank", "negatives"]),
    tile=TILES,
    many=MANY_PAIRS,
)
def test_pairwise_error_loss(case, distance, balance, tile, many):
    options = {"distance": distance, "balance": balance, "scale": 6.0, "delta": case.delta}
    with mock.patch.multiple("rankdet.losses.sigmoid_pairs", TILE=tile, MANY=many):
        losses, gradients = run(
            lambda x: functional.pairwise_error_loss(x, case.labels, **options), case
        )
    loss, gradient = oracles.pairwise(case.logits, case.labels.numpy(), **options)
    close(losses[0], loss, 6 * size(case))
    close(gradients[0], gradient, 6 * size(case))


@SOME
@given(case=cases(min_positives=1))
def test_float64_logits_are_computed_with_in_float64(case):
    double = case._replace(logits=case.logits.double() + np.pi * 1e-7)
    losses, gradients = run(
        lambda x: functional.ap_loss(x, case.labels, delta=case.delta), double, torch.float64
    )
    loss, gradient = oracles.ap(double.logits, case.labels.numpy(), case.delta, True)
    assert losses[0] == pytest.approx(loss, abs=1e-12)
    np.testing.assert_allclose(gradients[0], gradient, atol=1e-12)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("delta", [0.0, 0.5, 1.0])
def test_many_negatives_take_the_table_and_the_chunks(delta, tied):
    """Large enough for the look-up table, several chunks, and both dense and sparse chunks."""
    generator = torch.Generator().manual_seed(1)
    n = 300_000
    logits = torch.randn(n, generator=generator)
    logits[: n // 2] -= 6  # the first chunk is nearly all irrelevant
    labels = torch.zeros(n, dtype=torch.int8)
    places = torch.randperm(n, generator=generator)[:40]
    labels[places] = 1
    logits[places] += 4
    if tied:
        logits = (logits * 8).round() / 8
    logits.requires_grad_()
    loss = functional.ap_loss(logits, labels, delta=delta)
    loss.backward()
    expected, gradient = oracles.ap(logits.detach(), labels.numpy(), delta, True)
    close(loss.item(), expected)
    close(logits.grad, gradient, 4)
