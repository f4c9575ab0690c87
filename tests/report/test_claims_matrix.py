"""The claims of the papers on the first page: each one once per dataset, in one column."""

import json
from collections import Counter
from pathlib import Path

import pytest

from rankdet.papers.claims import Claim
from rankdet.papers.figures import make_figure
from rankdet.papers.forest import heading
from rankdet.papers.load import load_spec
from rankdet.papers.records import read_figure, read_table
from rankdet.papers.statements import counted
from rankdet.papers.table_model import Finding
from rankdet.papers.verdicts import HOLDS, MISSING, UNDECIDED, VERDICTS
from rankdet.report.claims_matrix import OUTCOMES, SMALLER, outcome
from rankdet.repository import PAPERS
from rankdet.results.records import read_study
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
    tables = [read_table(path) for path in seeds.rglob("table.json")]
    tables += [read_figure(path).table for path in seeds.rglob("figure.json")]
    expected: dict[str, Counter[str]] = {}
    for one in counted(tables):
        expected.setdefault(one.paper, Counter())[outcome(one.place.statement.weakest)] += 1
    papers = {row[0].split(" · ")[0]: row for row in rows if " · " in row[0]}
    assert set(papers) == {heading(paper) for paper in expected}
    for paper, counts in expected.items():
        shown = dict(zip(columns, papers[heading(paper)][1:], strict=True))
        assert {word: int(shown[word] or 0) for word in columns} == {w: counts[w] for w in columns}
    findings = sum(len(block.findings) for table in tables for block in table.blocks)
    assert sum(map(Counter.total, expected.values())) < findings  # two rates are one claim
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


def test_a_claim_with_two_sides_has_one_row_with_both_numbers(seeds: Path) -> None:
    rows = Page(seeds / "index.html").table("Claims by paper")
    (row,) = [row for row in rows if "are balanced in every iteration" in row[0]]
    assert "smallest rate" not in row[0]
    assert "1/min rate: " in row[0] and "; max rate: " in row[0]


def test_a_verdict_from_exact_values_says_why_one_seed_is_enough(report: Path) -> None:
    """A study with one seed has no other verdicts."""
    head, *rows = Page(report / "index.html").table("Claims by paper")
    decided = [at for at, cell in enumerate(head) if cell.endswith((HOLDS, SMALLER, UNDECIDED))]
    shown = [r for r in rows if " · " not in r[0] and any(r[at] for at in decided)]
    assert shown and all("exact, so one seed is enough" in row[0] for row in shown)
    said = "a setting or a theorem gives it exactly, so one seed is enough"
    assert any(said in page.read_text() for page in (report / "papers").glob("*.html"))


def test_a_figure_knows_where_its_table_has_another_number(seeds_plan: Path) -> None:
    """The extremes of a mean curve are not the mean of the seeds' extremes."""
    spec = load_spec(PAPERS / "claims" / "figure_gradients.yaml")
    (block,) = make_figure(read_study(seeds_plan), spec).table.blocks
    cells = {row.row.key: row.cells[0].ours for row in block.rows}
    found = {f.claim.better: f for f in block.findings if f.metric == "1/min rate"}
    focal = found["Focal Loss"]
    assert focal.in_table == pytest.approx(cells["Focal Loss"] - cells["aLRP Loss"], abs=1e-4)
    assert focal.difference > focal.in_table + 0.1  # averaging takes the extremes away
    assert found["aLRP Loss"].difference == pytest.approx(1)
    assert found["aLRP Loss"].in_table is None  # the same number is not said twice
