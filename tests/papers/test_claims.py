"""Claims: their ranges, their sizes in words, and faults in their keys."""

import math

import pytest

from rankdet.papers.claims import Claim, fault


def claim(**more):
    return Claim("text", "source", "AP", "ours", "theirs", **more)


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
