"""Correlations are compared with SciPy's, and weights with repeated data."""

import warnings

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from rankdet.evaluation.metrics.coefficients import weighted_correlations
from rankdet.evaluation.metrics.correlation import coefficients
from rankdet.evaluation.metrics.inversions import inversions

# Coarse values have ties, fine values have none.
VALUES = st.one_of(st.integers(0, 4).map(float), st.floats(0, 1, width=16))
PAIRS = st.lists(st.tuples(VALUES, VALUES, st.integers(0, 3)), max_size=40)


def scipys(x, y):
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return [np.nan] * 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [
            scipy.stats.pearsonr(x, y).statistic,
            scipy.stats.spearmanr(x, y).statistic,
            scipy.stats.kendalltau(x, y, variant="b").statistic,
        ]


@settings(max_examples=150, deadline=None)
@given(pairs=PAIRS)
def test_equal_scipys(pairs):
    x, y, _ = np.array(pairs, dtype=float).reshape(-1, 3).T
    np.testing.assert_allclose(weighted_correlations(x, y)[:, 0], scipys(x, y), rtol=0, atol=1e-9)
    np.testing.assert_array_equal(coefficients(x, y), scipys(x, y))


@settings(max_examples=150, deadline=None)
@given(pairs=PAIRS)
def test_a_weight_counts_as_repetition(pairs):
    x, y, weight = np.array(pairs, dtype=float).reshape(-1, 3).T
    many = weight.astype(int)
    weights = np.stack([weight, np.ones_like(weight)], axis=1)
    result = weighted_correlations(x, y, weights)
    repeated = scipys(np.repeat(x, many), np.repeat(y, many))
    np.testing.assert_allclose(result[:, 0], repeated, rtol=0, atol=1e-9)
    np.testing.assert_allclose(result[:, 1], scipys(x, y), rtol=0, atol=1e-9)


def test_large_sample_equals_scipys():
    rng = np.random.default_rng(0)
    x = rng.random(5000)
    y = np.round(x + rng.normal(0, 1, 5000), 2)
    np.testing.assert_allclose(weighted_correlations(x, y)[:, 0], scipys(x, y), rtol=0, atol=1e-12)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 33, 128, 129, 400])
def test_inversions_equal_counting_pairs(count):
    rng = np.random.default_rng(count)
    values, weights = rng.integers(0, 60, count), rng.integers(0, 3, (count, 4)).astype(float)
    expected = np.zeros(4)
    for i in range(count):
        for j in range(i + 1, count):
            expected += weights[i] * weights[j] * (values[i] > values[j])
    np.testing.assert_array_equal(inversions(values, weights, np.arange(count)), expected)


def test_owners_share_their_weight():
    rng = np.random.default_rng(0)
    x, y, owner = rng.integers(0, 90, 700) / 90, rng.random(700), rng.integers(0, 50, 700)
    weights = rng.integers(0, 4, (50, 6)).astype(float)
    result = weighted_correlations(x, y, weights, owner)
    np.testing.assert_allclose(result, weighted_correlations(x, y, weights[owner]), atol=1e-12)


def test_limits_of_memory_do_not_change_results(monkeypatch):
    rng = np.random.default_rng(0)
    x, y, weights = rng.random(50), rng.random(50), rng.integers(0, 3, (50, 9)).astype(float)
    whole = weighted_correlations(x, y, weights)
    monkeypatch.setattr("rankdet.evaluation.metrics.coefficients.MOST_ELEMENTS", 100)
    monkeypatch.setattr("rankdet.evaluation.metrics.coefficients.MOST_CELLS", 60)
    np.testing.assert_allclose(weighted_correlations(x, y, weights), whole, atol=1e-12)


def test_large_weights_are_counted_exactly():
    rng = np.random.default_rng(0)
    values, weights = rng.permutation(300), rng.integers(10**5, 10**6, (300, 2)).astype(float)
    expected = np.zeros(2)
    for i in range(300):
        later = np.flatnonzero(values[i + 1 :] < values[i]) + i + 1
        expected += weights[i] * weights[later].sum(axis=0)
    np.testing.assert_allclose(inversions(values, weights, np.arange(300)), expected, rtol=1e-14)
