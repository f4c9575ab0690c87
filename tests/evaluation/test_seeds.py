"""Comparisons over seeds: Welch and Holm against SciPy, and which rows are like the best."""

import numpy as np
import pytest
from scipy import stats

from rankdet.evaluation.seeds import SeedDifference, differences, like_the_best

A, B, C = (40.5, 40.2, 40.6, 40.3), (40.0, 39.7, 40.1, 39.8), (39.9, 41.2, 38.8)
SIDES = {"a": A, "b": B, "c": C, "two": (50.0, 51.0), "one": (60.0,)}


def test_pairs_are_tested_together() -> None:
    pairs = [("a", "b"), ("a", "c"), ("b", "c")]
    found = differences(SIDES, pairs)
    oracle = {p: stats.ttest_ind(SIDES[p[0]], SIDES[p[1]], equal_var=False) for p in pairs}
    order = sorted(pairs, key=lambda pair: oracle[pair].pvalue)
    steps = [oracle[pair].pvalue * (3 - at) for at, pair in enumerate(order)]
    for pair, expected in zip(order, np.minimum(np.maximum.accumulate(steps), 1), strict=True):
        assert found[pair].p == pytest.approx(expected)
        ends = oracle[pair].confidence_interval(found[pair].level)
        assert (found[pair].low, found[pair].high) == pytest.approx((ends.low, ends.high))
        assert found[pair].significant == (found[pair].p < 0.05) == (not ends.low <= 0 <= ends.high)
    assert found["a", "b"].significant and found["a", "b"].level == pytest.approx(1 - 0.05 / 3)
    assert not found["a", "c"].significant


def test_sides_with_few_seeds_are_not_tested_and_not_counted() -> None:
    found = differences(SIDES, [("a", "b"), ("two", "a"), ("one", "a")])
    assert found["a", "b"].level == 0.95  # the only test
    two, one = found["two", "a"], found["one", "a"]
    assert two.p is None and two.low is not None and not two.significant
    assert one == SeedDifference(pytest.approx(60 - np.mean(A)))


def test_the_other_order() -> None:
    back, there = differences(SIDES, [("b", "a")]), differences(SIDES, [("a", "b")])
    assert there["a", "b"].reversed() == back["b", "a"]
    assert differences(SIDES, [("one", "a")])["one", "a"].reversed().low is None


def test_like_the_best_is_not_the_luckiest_seed() -> None:
    # "c" has the highest single seed and "a" the best mean: they are not distinguished.
    assert like_the_best(SIDES, "higher") == {"a", "c"}
    assert like_the_best({"a": A, "b": B}, "higher") == {"a"}
    assert like_the_best({"a": A, "b": B}, "lower") == {"b"}


def test_without_two_sides_of_three_seeds_nothing_is_the_best() -> None:
    assert like_the_best({"a": A, "one": (60.0,), "two": (50.0, 51.0)}, "higher") == set()
    assert like_the_best({}, "higher") == set()
    assert like_the_best({"a": A, "b": B}, None) == set()


def test_equal_values_without_spread() -> None:
    same = {"a": (1.0, 1.0, 1.0), "b": (1.0, 1.0, 1.0), "c": (0.9, 0.9, 0.9)}
    assert like_the_best(same, "higher") == {"a", "b"}


@pytest.mark.parametrize("value", [0.1, 0.7, 33.3, 51.2])
@pytest.mark.parametrize(("one", "two"), [(3, 7), (4, 7), (20, 5), (20, 10)])
def test_rounding_of_equal_values_is_no_spread(value: float, one: int, two: int) -> None:
    """The mean of twenty times 33.3 is not 33.3 to the last bit; its tiny spread would be one."""
    found = differences({"a": (value,) * one, "b": (value,) * two}, [("a", "b")])["a", "b"]
    assert not found.significant and (found.low, found.high, found.p) == (0, 0, 1)
