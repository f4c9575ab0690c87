"""The primitive of the ranking losses: bins, look-up and sums of steps."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rankdet.losses.bin_finder import MIN_VALUES, BinFinder
from rankdet.losses.device import where_true
from rankdet.losses.ranks import CHUNK, Ranking
from rankdet.losses.step_bins import StepBins
from tests.losses import oracles
from tests.losses.cases import cases, close

SPREADS = {
    "spread": lambda n, g: torch.randn(n, generator=g),
    "narrow": lambda n, g: torch.randn(n, generator=g) * 0.01,
    "tied": lambda n, g: torch.randint(-3, 3, (n,), generator=g).float(),
    "one outlier": lambda n, g: torch.cat([torch.randn(n - 1, generator=g), torch.tensor([1e6])]),
    "all equal": lambda n, g: torch.zeros(n),
    "infinite": lambda n, g: torch.cat(
        [torch.randn(n - 1, generator=g), torch.tensor([torch.inf])]
    ),
}


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_edges", [1, 3, 500])
def test_look_up_equals_binary_search(spread, dtype, n_edges):
    generator = torch.Generator().manual_seed(0)
    edges = SPREADS[spread](n_edges, generator).to(dtype).sort().values
    values = torch.randn(MIN_VALUES + 5, generator=generator).to(dtype)
    values[: len(edges)] = edges  # exactly on an edge
    values[-6:] = torch.tensor([torch.inf, -torch.inf, 1e30, -1e30, 65504.0, 0.0])
    found = BinFinder(edges)(values)
    assert found.dtype == torch.int32
    assert torch.equal(found.long(), torch.searchsorted(edges, values, right=True))


def test_look_up_survives_nan():
    edges = torch.arange(8.0)
    values = torch.full((MIN_VALUES,), torch.nan)
    found = BinFinder(edges)(values)
    assert ((found >= 0) & (found <= len(edges))).all()


@given(
    flags=st.lists(st.booleans(), max_size=70),
    rare=st.lists(st.integers(0, 999), max_size=5),
)
@settings(max_examples=60, deadline=None)
def test_where_true_equals_nonzero(flags, rare):
    long = torch.zeros(1003, dtype=torch.bool)
    long[rare] = True
    for mask in (torch.tensor(flags, dtype=torch.bool), long):
        assert torch.equal(where_true(mask), mask.nonzero().squeeze(1))


@settings(max_examples=150, deadline=None)
@given(case=cases(min_positives=1))
def test_sums_of_steps(case):
    ranks = Ranking(case.logits, case.labels, case.delta)
    scores = case.logits[case.labels == 1].double().numpy()
    negatives = case.logits[case.labels == 0].double().numpy()
    rank_p, fp, among, _ = oracles.ranks(scores, negatives, case.delta)
    np.testing.assert_allclose(ranks.false_positives, fp, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ranks.rank_among_positives, rank_p, rtol=1e-6)
    weights = case.ious.double()
    expected = (among * weights.numpy()).sum(1)
    np.testing.assert_allclose(ranks.positives_above(weights), expected, rtol=1e-6, atol=1e-6)
    below = oracles.step(scores[:, None] - scores[None, :], 0.5) @ weights.numpy()
    np.testing.assert_allclose(ranks.rank_sums_below(weights, 0.5), below, rtol=1e-6)
    valid = (negatives >= scores.min() - case.delta).sum()
    assert ranks.n_relevant.item() == valid


@pytest.mark.parametrize("delta", [0.0, 1.0])
def test_dense_path_equals_the_compacted_one(delta, monkeypatch):
    """The GPU path: all negatives in one piece, irrelevant ones in the lowest bin."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2 * CHUNK + 17, generator=generator) - 3
    labels = torch.zeros(len(logits), dtype=torch.int64)
    labels[::7] = -1
    labels[torch.randperm(len(logits), generator=generator)[:50]] = 1
    logits[labels == 1] += 4
    weights = torch.rand(50, generator=generator).double()
    results = []
    for sparse, length in ((1.1, CHUNK), (0.0, CHUNK), (0.0, len(logits))):
        monkeypatch.setattr("rankdet.losses.ranks.SPARSE", sparse)
        monkeypatch.setattr("rankdet.losses.ranks.CHUNK", length)
        ranks = Ranking(logits, labels, delta)
        assert (ranks.chunks[0].index is None) == (sparse == 0)
        results.append((ranks.false_positives, ranks.gradient(weights, weights)))
    for false_positives, gradient in results[1:]:
        torch.testing.assert_close(false_positives, results[0][0], rtol=1e-12, atol=0)
        torch.testing.assert_close(gradient, results[0][1])


def test_sums_keep_their_digits_far_from_zero():
    """Logits near 1000 with one lone negative: nothing may cancel in the prefix sums."""
    logits = torch.cat(
        [torch.linspace(999, 1001, 400), torch.zeros(100_000), torch.tensor([999.5])]
    )
    labels = torch.zeros(len(logits), dtype=torch.int64)
    labels[:400] = 1
    fp = Ranking(logits, labels, 0.25).false_positives
    expected = oracles.step(999.5 - logits[:400].double().numpy(), 0.25)
    np.testing.assert_allclose(fp, expected, rtol=1e-9, atol=1e-12)


def test_a_step_narrower_than_float32_resolves_keeps_its_middle():
    """δ = 1e-9 near 5: a tie is still ½, which needs float64 elements."""
    logits, labels = torch.tensor([5.0, 5.0, 4.0, 6.0]), torch.tensor([1, 0, 0, 0])
    assert Ranking(logits, labels, 1e-9).false_positives.item() == pytest.approx(1.5, abs=1e-5)


def test_field_is_the_transpose_of_the_sums():
    scores = torch.tensor([0.0, 1.0, 1.0, -2.5])
    bins, values = StepBins(scores, 1.0), torch.linspace(-5, 5, 41)
    weights = torch.tensor([1.0, 2.0, 3.0, 0.5]).double()
    places, offsets = bins.place(values)
    value, slope = bins.field(weights)
    expected = weights.numpy() @ oracles.above(scores.numpy(), values.numpy(), 1.0)
    close(value[places] + slope[places] * offsets, expected)
