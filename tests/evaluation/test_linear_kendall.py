"""τ of many elements under many weightings: derivatives instead of a count for each weighting."""

import numpy as np
import pytest
from scipy import stats

from rankdet.evaluation.metrics import coefficients
from rankdet.evaluation.metrics.coefficients import weighted_correlations
from rankdet.evaluation.metrics.linear_kendall import discordant, is_large, linear_kendall


def case(elements, images, ties, seed=0):
    """Elements of an image have a common shift in both values, as detections of a hard image do."""
    rng = np.random.default_rng(seed)
    owner = rng.integers(0, images, elements)
    shift = 0.4 * rng.normal(size=images)[owner]
    x = rng.normal(size=elements) + shift
    y = 0.5 * x + rng.normal(size=elements) + shift
    return (x.round(1), y.round(1), owner) if ties else (x, y, owner)


def groups(values):
    return np.unique(values, return_inverse=True)[1]


@pytest.mark.parametrize("count", [1, 2, 3, 8, 129, 700])
def test_each_element_has_its_discordant_elements(count):
    values = np.random.default_rng(count).permutation(count)
    earlier, later = discordant(values)
    assert earlier.tolist() == [(values[:i] > values[i]).sum() for i in range(count)]
    assert later.tolist() == [(values[i + 1 :] < values[i]).sum() for i in range(count)]


@pytest.mark.parametrize("ties", [False, True])
def test_value_and_derivative_are_those_of_the_exact_form(ties):
    x, y, owner = case(400, 60, ties)
    found = linear_kendall(groups(x), groups(y), owner)
    ones = np.ones((60, 1))
    exact = weighted_correlations(x, y, ones, owner)[2, 0]
    assert exact == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-12)
    assert found.first.sum() == pytest.approx(0, abs=1e-12)  # a common factor changes nothing
    # Whole weights only: 1000 of each image, and 1001 or 999 of one.
    many = 1000 + np.c_[np.eye(60), -np.eye(60)]
    up, down = np.split(weighted_correlations(x, y, many, owner)[2], 2)
    np.testing.assert_allclose((up - down) / 2 * 1000, found.first, atol=2e-9 * 1000)
    second = (up + down - 2 * exact) * 1000**2
    assert found.value - exact == pytest.approx(second.sum() / 2, rel=0.01)


@pytest.mark.parametrize(("elements", "images"), [(2000, 300), (6000, 2000)])
@pytest.mark.parametrize("ties", [False, True])
def test_spread_and_shift_of_the_draws_are_those_of_the_exact_form(
    elements, images, ties, monkeypatch
):
    x, y, owner = case(elements, images, ties, seed=1)
    assert is_large(owner)
    draws = np.random.default_rng(2).multinomial(images, np.full(images, 1 / images), size=600).T
    linear = weighted_correlations(x, y, draws, owner)
    monkeypatch.setattr(coefficients, "is_large", lambda owner: False)
    exact = weighted_correlations(x, y, draws, owner)
    np.testing.assert_array_equal(linear[:2], exact[:2])  # Pearson's and Spearman's stay
    a, b = linear[2], exact[2]
    assert not np.array_equal(a, b) and np.corrcoef(a, b)[0, 1] > 0.997
    assert a.std() == pytest.approx(b.std(), rel=0.01)
    assert a.mean() == pytest.approx(b.mean(), abs=0.1 * b.std() / np.sqrt(600) + 2e-5)


def test_a_single_value_is_always_exact():
    x, y, owner = case(3000, 500, ties=True)
    assert is_large(owner)
    expected = stats.kendalltau(x, y).statistic
    assert weighted_correlations(x, y)[2, 0] == pytest.approx(expected, abs=1e-12)


def test_few_images_or_elements_are_exact():
    assert not is_large(np.arange(1999)) and is_large(np.arange(2000))
    assert not is_large(np.arange(5000) % 299) and is_large(np.arange(5000) % 300)


def test_without_variation_there_is_no_coefficient():
    x, _, owner = case(2500, 400, ties=False)
    draws = np.ones((400, 3))
    assert np.isnan(weighted_correlations(x, np.ones(2500), draws, owner)[2]).all()
