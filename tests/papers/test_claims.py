"""Claims, and the verdicts on them from intervals."""

import math

import pytest

from rankdet.papers.claims import FAILS, HOLDS, UNDECIDED, Claim, fault, verdict


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
        (0.5, 2, {"at_least": 0.5}, True, HOLDS),
        (0.4, 2, {"at_least": 0.5}, True, UNDECIDED),
        (0.1, 0.4, {"at_least": 0.5}, True, FAILS),
        (-2, -0.5, {"at_least": 0.5}, False, HOLDS),
        (-0.4, -0.1, {"at_least": 0.5}, False, FAILS),
        (0.8, 1.2, {"about": 1.0, "tolerance": 0.2}, True, HOLDS),
        (0.7, 1.2, {"about": 1.0, "tolerance": 0.2}, True, UNDECIDED),
        (1.3, 1.5, {"about": 1.0, "tolerance": 0.2}, True, FAILS),
        (-1.2, -0.8, {"about": 1.0, "tolerance": 0.2}, False, HOLDS),
        (0.8, 1.2, {"about": 1.0, "tolerance": 0.2}, False, FAILS),
        (1.0, 1.0, {"equals": 1.0, "tolerance": 0.0}, False, HOLDS),
        (1.0, 1.2, {"equals": 1.0, "tolerance": 0.1}, True, UNDECIDED),
        (1.4, 1.6, {"about": 1.5, "tolerance": 0.1, "ratio": True}, False, HOLDS),
        (1.1, 1.6, {"ratio": True}, False, HOLDS),
        (0.8, 0.9, {"ratio": True}, True, FAILS),
    ],
)
def test_verdicts(low, high, sizes, higher, expected):
    assert verdict(low, high, claim(**sizes), higher) == expected


def test_targets():
    assert claim().target == (0.0, math.inf)
    assert claim(ratio=True).target == (1.0, math.inf)
    assert claim(within=1.0).target == (-1.0, 1.0)


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        ({}, ""),
        ({"within": 1.0}, "the same to within 1.0"),
        ({"at_least": 2.5}, "at least 2.5 better"),
        ({"about": 1.0, "tolerance": 0.5}, "about 1.0 ± 0.5 better"),
        ({"about": 1.5, "tolerance": 0.5, "ratio": True}, "about 1.5 ± 0.5 times"),
        ({"equals": 1.0, "tolerance": 0.1}, "1.0 ± 0.1"),
    ],
)
def test_the_size_in_words(sizes, text):
    assert claim(**sizes).size(1) == text
    assert fault(claim(**sizes)) is None


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"within": 1.0, "about": 2.0, "tolerance": 1}, "within and about exclude each other"),
        ({"about": 2.0}, "about needs a tolerance"),
        ({"equals": 2.0, "tolerance": -1.0}, "equals needs a tolerance of 0 or more"),
        ({"tolerance": 1.0}, "tolerance belongs to about or equals"),
        ({"ratio": True, "within": 1.0}, "ratio goes with about or at_least, not with within"),
        ({"equals": 1.0, "tolerance": 0.1, "over": "AP50"}, "equals is about one cell"),
    ],
)
def test_faults(sizes, words):
    assert words in fault(claim(**sizes))
