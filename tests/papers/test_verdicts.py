"""Verdicts on direction and size, and p-values that never contradict them."""

import math

import numpy as np
import pytest

from rankdet.evaluation.estimates import Estimate
from rankdet.papers.claims import Claim
from rankdet.papers.verdicts import FAILS, HOLDS, UNDECIDED, p_value, size_verdict, verdict


def claim(**more):
    return Claim("text", "source", "AP", "ours", "theirs", **more)


@pytest.mark.parametrize(
    ("low", "high", "sizes", "higher", "expected"),
    [
        (0.1, 2, {}, True, HOLDS),
        (0, 2, {}, True, UNDECIDED),
        (-2, -0.1, {}, True, FAILS),
        (-2, -0.1, {}, False, HOLDS),
        (0.1, 2, {}, False, FAILS),
        (-1, 0.5, {}, False, UNDECIDED),
        (-0.5, 0.5, {"within": 1.0}, True, HOLDS),
        (-0.5, 1.5, {"within": 1.0}, True, UNDECIDED),
        (1.1, 1.5, {"within": 1.0}, True, FAILS),
        (-3, -1.1, {"within": 1.0}, False, FAILS),
        (None, None, {}, True, UNDECIDED),
        (0.1, 0.4, {"at_least": 0.5}, True, HOLDS),  # the direction; the size is another statement
        (-0.1, 0.9, {"at_least": 0.5}, True, UNDECIDED),
        (-2, -0.5, {"at_least": 0.5}, False, HOLDS),
        (1.3, 1.5, {"about": 1.0, "tolerance": 0.2}, True, HOLDS),
        (0.8, 1.2, {"about": 1.0, "tolerance": 0.2}, False, FAILS),
        (-0.1, 0.1, {"about": 0.0, "tolerance": 0.2}, True, HOLDS),  # contains no difference
        (0.3, 0.4, {"about": 0.0, "tolerance": 0.2}, True, FAILS),
        (1.0, 1.0, {"equals": 1.0, "tolerance": 0.0}, False, HOLDS),
        (1.0, 1.2, {"equals": 1.0, "tolerance": 0.1}, True, UNDECIDED),
        (1.1, 1.6, {"ratio": True}, False, HOLDS),
        (0.8, 0.9, {"ratio": True}, True, FAILS),
        (0.6, 0.9, {"ratio": True, "at_least": 0.5}, True, HOLDS),
        (0.3, 0.4, {"ratio": True, "at_least": 0.5}, True, FAILS),
        (1.1, 1.3, {"ratio": True, "about": 1.5, "tolerance": 0.1}, True, HOLDS),
    ],
)
def test_verdicts(low, high, sizes, higher, expected):
    assert verdict((low, high), claim(**sizes), higher) == expected


@pytest.mark.parametrize(
    ("low", "high", "published", "sizes", "higher", "expected"),
    [
        (0.1, 0.7, 1.8, {}, True, "smaller than published"),
        (0.1, 1.9, 1.8, {}, True, ""),
        (2.1, 2.9, 1.8, {}, True, "larger than published"),
        (-0.7, -0.1, -1.8, {}, False, "smaller than published"),
        (0.1, 0.7, None, {}, True, ""),
        (0.1, 0.7, -0.3, {}, True, ""),  # the paper's own numbers have the other direction
        (0.1, 0.4, 3.0, {"at_least": 0.5}, True, "smaller than claimed"),
        (0.4, 0.7, 3.0, {"at_least": 0.5}, True, "size undecided"),
        (0.6, 0.7, 3.0, {"at_least": 0.5}, True, "of the claimed size"),
        (1.3, 1.5, 1.0, {"about": 1.0, "tolerance": 0.2}, True, "larger than claimed"),
        (1.1, 1.3, 1.5, {"ratio": True}, True, "smaller than published"),
        (-0.1, 0.1, 0.9, {"within": 1.0}, True, ""),
        (None, None, 1.8, {}, True, ""),
    ],
)
def test_sizes(low, high, published, sizes, higher, expected):
    assert size_verdict((low, high), published, claim(**sizes), higher) == expected


@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"within": 1.0},
        {"at_least": 0.5},
        {"about": 0.1, "tolerance": 0.6},
        {"equals": 1.0, "tolerance": 0.5},
        {"ratio": True},
        {"ratio": True, "at_least": 0.5},
    ],
)
@pytest.mark.parametrize("higher", [True, False])
def test_p_value_and_verdict_never_contradict_each_other(sizes, higher):
    rng = np.random.default_rng(0)
    decided = set()
    for _ in range(200):
        found = Estimate(rng.normal(0, 1.2), rng.gamma(2, 0.15), rng.uniform(2, 9))
        level = rng.uniform(0.9, 0.999)
        ends = found.interval(level)
        if sizes.get("ratio"):
            ends = math.exp(ends[0]), math.exp(ends[1])
        word = verdict(ends, claim(**sizes), higher)
        assert (word != UNDECIDED) == (p_value(found, claim(**sizes), higher) < 1 - level)
        decided.add(word)
    assert len(decided) == 3


def test_equality_is_never_from_a_missing_difference():
    noisy = Estimate(0.0, 2.0, 4.0)
    same = claim(within=1.0)
    assert verdict(noisy.interval(), same, True) == UNDECIDED
    assert p_value(noisy, same, True) > 0.5
    exact = Estimate(0.0, 0.0, 4.0)
    assert verdict(exact.interval(), same, True) == HOLDS and p_value(exact, same, True) == 0
