"""Sums over cells against the sums over all pairs, in float64."""

from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from rankdet.losses import benchmark, functional
from rankdet.losses.sigmoid_cells import MOST_CELLS, SigmoidCells

SPREADS = (0.0, 0.01, 1.0, 20.0)


def descending(generator, count, mean, spread, grid):
    values = generator.normal(mean, spread, count)
    values = np.round(values * grid) / grid if grid else values
    return torch.from_numpy(np.sort(values)[::-1].astype(np.float32).copy())


def sums_over_pairs(scores, negatives, scale, window, shares):
    """Returns Σ σ, Σ softplus, whether there are pairs, and the field of the shares."""
    z = scale * (negatives.double() - scores.double()[:, None])
    inside = z > -window
    sigma = torch.where(inside, z.sigmoid(), 0)
    entropy = torch.where(inside, F.softplus(z, threshold=50), 0)
    return sigma.sum(1), entropy.sum(1), inside.any(1), shares @ sigma


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    counts=st.tuples(st.integers(1, 20), st.integers(1, 80)),
    mean=st.sampled_from([-40.0, -3.0, 0.0, 0.5, 40.0]),
    spreads=st.tuples(st.sampled_from(SPREADS), st.sampled_from(SPREADS)),
    grid=st.sampled_from([0, 4, 8]),  # ties, pairs at the end of the window, edges of cells
    scale=st.sampled_from([0.5, 1.0, 7.3, 8.0]),
    window=st.sampled_from([4, None]),
)
def test_equals_the_sums_over_all_pairs(seed, counts, mean, spreads, grid, scale, window):
    generator = np.random.default_rng(seed)
    scores = descending(generator, counts[0], 0, spreads[0], grid)
    negatives = descending(generator, counts[1], mean, spreads[1], grid)
    shares = torch.from_numpy(generator.random(counts[0]))
    cells = SigmoidCells(scores, negatives, scale, window)
    *sums, found = cells.sums()
    reach = torch.inf if window is None else window
    *expected, pairs, field = sums_over_pairs(scores, negatives, scale, reach, shares)
    if window is not None:
        assert torch.equal(found, pairs)
    field_found = cells.field(shares)
    # Without a window, sums of less than the smallest float32 count as 0.
    for ours, oracle in zip((*sums, field_found), (*expected, field), strict=True):
        np.testing.assert_allclose(ours, oracle, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf, 1e30])
@pytest.mark.parametrize("side", [0, 1])
def test_values_that_have_no_cell_are_left_to_the_tiles(value, side):
    scores, negatives = torch.tensor([1.0, 0.0]), torch.tensor([2.0, 1.0, 0.0])
    assert SigmoidCells.fits(scores, negatives, 8.0)
    (scores, negatives)[side][-1 if value < 0 else 0] = value  # both are in descending order
    assert not SigmoidCells.fits(scores, negatives, 8.0)


def test_empty_sides_and_too_many_cells_are_left_to_the_tiles():
    scores, negatives = torch.tensor([1.0]), torch.tensor([0.0])
    assert not SigmoidCells.fits(scores[:0], negatives, 8.0)
    assert not SigmoidCells.fits(scores, negatives[:0], 8.0)
    assert not SigmoidCells.fits(scores, scores - MOST_CELLS, 8.0)


LOSSES = {
    "ape": lambda x, y, q: functional.ape_loss(x, y, q),
    "sigmoid": lambda x, y, _: functional.pairwise_error_loss(x, y, distance="sigmoid"),
    "entropy": lambda x, y, _: functional.pairwise_error_loss(x, y, distance="cross_entropy"),
}


@pytest.mark.parametrize("stage", benchmark.STAGES)
@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_many_pairs_equal_those_by_tiles(name, stage):
    batch = benchmark.draw_batch(200, 20_000, stage)
    found = []
    for most in (-1, 10**12):
        logits = batch.logits.clone().requires_grad_()
        with mock.patch("rankdet.losses.sigmoid_pairs.MANY", most):
            loss = LOSSES[name](logits, batch.labels, batch.ious)
        loss.backward()
        found.append((loss.detach(), logits.grad))
    (loss, gradient), (expected, by_tiles) = found
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0)
    largest = by_tiles.abs().max()
    torch.testing.assert_close(gradient / largest, by_tiles / largest, rtol=1e-6, atol=3e-7)
