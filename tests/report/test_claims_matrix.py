"""The claims of the papers on the first page: each one once per dataset, in one column."""

import json
from collections import Counter
from pathlib import Path

import pytest

from rankdet.papers.claims import Claim
from rankdet.papers.forest import heading, paper_named
from rankdet.papers.records import read_table
from rankdet.papers.table_model import Finding
from rankdet.papers.verdicts import HOLDS, MISSING, UNDECIDED, VERDICTS
from rankdet.report.claims_matrix import OUTCOMES, SMALLER, outcome
from tests.report.pages import Page

CLAIM = Claim(text="a", source="b", column="AP", better="x", worse="y")


@pytest.mark.parametrize("verdict", VERDICTS)
def test_smaller_is_an_outcome_only_of_a_claim_that_holds(verdict: str) -> None:
    smaller = Finding(CLAIM, "AP", 1, verdict, size_verdict="smaller than published")
    assert outcome(smaller) == (SMALLER if verdict == HOLDS else verdict)
    assert (
        outcome(Finding(CLAIM, "AP", 1, verdict, size_verdict="larger than published")) == verdict
    )
    assert set(OUTCOMES) == {*VERDICTS, SMALLER}


def test_every_claim_of_the_tables_is_counted_once(seeds: Path) -> None:
    page = Page(seeds / "index.html")
    head, *rows = page.table("Claims by paper")
    columns = [next(word for word in OUTCOMES if cell.endswith(word)) for cell in head[1:]]
    assert columns == list(OUTCOMES)
    expected: dict[str, Counter[str]] = {}
    for path in (*seeds.rglob("table.json"), *seeds.rglob("figure.json")):
        record = json.loads(path.read_text())
        blocks = record.get("table", record)["blocks"]
        assert len(blocks) <= 1 or not any(block["findings"] for block in blocks)
        if path.name == "table.json" and blocks[0]["findings"]:
            table = read_table(path)
            for finding in table.blocks[0].findings:
                paper = paper_named(finding, table)
                expected.setdefault(paper, Counter())[outcome(finding)] += 1
    papers = {row[0].split(" · ")[0]: row for row in rows if " · " in row[0]}
    for paper, counts in expected.items():
        shown = dict(zip(columns, papers[heading(paper)][1:], strict=True))
        assert all(int(shown[word] or 0) >= number for word, number in counts.items())
    assert all(name == "Claims" or name.startswith("paper: ") for name in papers)
    assert sum(counts[HOLDS] for counts in expected.values()) > 0
    assert sum(counts[MISSING] for counts in expected.values()) > 0
    lines = [row for row in rows if " · " not in row[0]]
    total = sum(int(cell or 0) for row in papers.values() for cell in row[1:])
    assert len(lines) == total
    for row in lines:  # one mark for each claim
        assert sum(bool(cell) for cell in row[1:]) == 1


def test_a_claim_leads_to_its_table(seeds: Path) -> None:
    page = Page(seeds / "index.html")
    text = (seeds / "index.html").read_text()
    rows = text[text.index('<table class="claims">') :]
    table = json.loads((seeds / "tables" / "alrp" / "table2" / "table.json").read_text())
    claims = table["blocks"][0]["findings"]
    assert claims
    for finding in claims:
        assert f'<a href="papers/alrp.html#alrp-table2">{finding["claim"]["text"]}</a>' in rows
    assert "papers/alrp.html#alrp-table2" in page.links()


def test_no_verdict_from_single_seeds(report: Path) -> None:
    head, *rows = Page(report / "index.html").table("Claims by paper")
    decided = [at for at, cell in enumerate(head) if cell.endswith((HOLDS, SMALLER, UNDECIDED))]
    compared = [r for r in rows if " · " not in r[0] and "direction" in r[0]]
    assert compared and all(not row[at] for row in compared for at in decided)
