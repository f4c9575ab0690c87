"""“How to read this” explains the words of findings as `rankdet.papers.verdicts` gives them."""

import re
from pathlib import Path

import pytest

from rankdet.papers.claims import Claim
from rankdet.papers.table_model import Finding
from rankdet.papers.verdicts import FAILS, size_verdict, verdict
from tests.report.pages import Page


def words(low: float, high: float, **sizes: float) -> str:
    claim = Claim("a", "b", "AP", "x", "y", **sizes)
    size = size_verdict((low, high), 2.0, claim, True)
    return Finding(claim, "AP", 1, verdict((low, high), claim, True), size_verdict=size).words


@pytest.mark.parametrize(
    ("interval", "sizes", "expected"),
    [
        ((0.5, 1.0), {}, "holds, but smaller than published"),
        ((-0.5, 1.0), {"at_least": 1.5}, "direction undecided, smaller than claimed"),
        ((-0.5, 1.0), {}, "direction undecided, smaller than published"),
        ((-0.5, 2.5), {}, "undecided"),
    ],
)
def test_words_of_direction_and_size(
    seeds: Path, interval: tuple[float, float], sizes: dict, expected: str
) -> None:
    assert words(*interval, **sizes) == expected
    text = (seeds / "reading.html").read_text()
    entries = {entry[2:] for entry in re.findall(r"<dt>([^<]*)</dt>", text)}
    assert {expected, expected.replace("published", "claimed")} & entries


def test_does_not_hold_is_reversed_or_outside_and_not_absent(seeds: Path) -> None:
    claim = Claim("a", "b", "AP", "x", "y", within=1.0)
    assert verdict((1.5, 2.0), claim, True) == FAILS  # there is a difference
    assert verdict((-2.0, -1.0), Claim("a", "b", "AP", "x", "y"), True) == FAILS
    text = Page(seeds / "reading.html").text
    line = text[text.index("does not hold") :][:300]
    assert "reversed" in line and "outside the margin" in line and "absent" not in text


def test_it_says_why_a_difference_has_several_intervals(seeds: Path) -> None:
    text = Page(seeds / "reading.html").text
    told = text[text.index("The same difference can have different intervals") :][:400]
    for together in ("all pairs of the matrix", "losses of the column", "claims of the table"):
        assert together in told
