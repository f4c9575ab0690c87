"""Which table's claims the chart on the first page shows, and what its text says."""

from pathlib import Path

import pytest

from rankdet.papers.claims import Claim
from rankdet.papers.load import load_spec
from rankdet.papers.table_model import Block, Finding, Table
from rankdet.papers.verdicts import DIRECTION, FAILS, HOLDS, UNDECIDED
from rankdet.report.index_page import most_decided
from rankdet.report.paper_page import Section
from rankdet.repository import PAPERS

SPEC = load_spec(PAPERS / "claims" / "losses.yaml")


def section(**verdicts: tuple[str, ...]) -> Section:
    """A table with findings of these verdicts on each dataset."""
    blocks = tuple(
        Block(name, name, "val", None, (), tuple(map(finding, words)))
        for name, words in verdicts.items()
    )
    return Section(SPEC, Table(SPEC, "", blocks), "tables/x")


def finding(verdict: str) -> Finding:
    claim = Claim("a is better", "aLRP Loss, Table 2", "AP", "a", "b")
    return Finding(claim, "AP", 1, verdict, difference=1.0)


@pytest.mark.parametrize(
    ("tables", "chosen"),
    [
        # Two decided claims are more than any number of undecided ones.
        ([{"a": (UNDECIDED,) * 6 + (HOLDS,)}, {"b": (HOLDS, FAILS)}], "b"),
        ([{"a": (HOLDS, FAILS), "b": (HOLDS, FAILS, UNDECIDED)}], "b"),
        ([{"a": (HOLDS,)}, {"b": (HOLDS,)}], "a"),
        ([{"a": (DIRECTION,) * 3}, {"b": (UNDECIDED,)}], "b"),
        ([{"a": (DIRECTION,) * 3}], None),
    ],
)
def test_the_table_with_most_decided_claims_is_shown(tables: list, chosen: str | None) -> None:
    found = most_decided({"claims": [section(**one) for one in tables]})
    assert (found and found[1].dataset) == chosen


def test_the_sentence_does_not_call_undecided_a_verdict(seeds: Path) -> None:
    text = (seeds / "index.html").read_text()
    intro = text[text.index('<h2 id="answers">') :].split("</p>")[0]
    assert "the one with the most decided claims" in intro and "verdict" not in intro
    assert "an empty circle is undecided" in intro
