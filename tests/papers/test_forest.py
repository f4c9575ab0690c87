"""The forest plot: every answered claim on one axis, positive where the claim says so."""

import re
from dataclasses import replace

import pytest

from rankdet.charts.forest import ForestGroup, ForestPanel, ForestRow, forest_svg
from rankdet.papers.claims import Claim
from rankdet.papers.forest import forest_panels
from rankdet.papers.load import load_spec
from rankdet.papers.table_model import Block, Finding, Table
from rankdet.papers.verdicts import FAILS, HOLDS, MISSING, UNDECIDED
from rankdet.repository import PAPERS

SPEC = load_spec(PAPERS / "claims" / "losses.yaml")


def finding(text: str, column: str, difference: float | None, **more) -> Finding:
    claim = Claim(text, more.pop("source", "aLRP Loss, Table 2"), column, "a", "b")
    claim = replace(claim, **{k: more.pop(k) for k in ("ratio", "equals") if k in more})
    given = {"verdict": HOLDS, "decimals": 1, **more}
    return Finding(claim, column, difference=difference, **given)


def table(*findings: Finding) -> Table:
    blocks = (
        Block("shapes", "Shapes", "val", None, (), findings),
        Block("crowded", "Crowded", "val", None, (), findings[:1]),
    )
    return Table(SPEC, "", blocks)


def test_a_lower_metric_and_a_correlation_are_points_in_the_claimed_direction() -> None:
    made = table(
        finding("oLRP falls", "oLRP", -2.0, low=-3.0, high=-1.0, published=-2.6),
        finding("ρ rises", "ρ", 0.03, low=0.01, high=0.05),
    )
    (panel,) = forest_panels([made], "shapes")
    first, second = panel.rows
    assert (first.value, first.low, first.high, first.published) == (2.0, 1.0, 3.0, 2.6)
    assert (second.value, second.low, second.high) == pytest.approx((3.0, 1.0, 5.0))
    assert second.published is None and panel.null == 0


def test_claims_are_grouped_by_the_paper_of_their_source() -> None:
    made = table(
        finding("x", "AP", 1.0, source="RS Loss, section S3.2"),
        finding("y", "AP", 1.0, source="aLRP Loss, rebuttal, answer R1.2"),
        finding("z", "AP", 1.0, source="RS Loss, Table S8"),
        finding("ours", "AP", 1.0, source="for comparison"),
        finding("nothing", "AP", None, verdict=MISSING),
        finding("a value", "AP", 1.0, equals=1.0),
        finding("a ratio", "AP", 0.95, ratio=True),
    )
    differences, ratios = forest_panels([made], "shapes")
    groups = {group.title: [row.text for row in group.rows] for group in differences.groups}
    assert groups == {"RS Loss": ["x", "z"], "aLRP Loss, rebuttal": ["y"], "Claims": ["ours"]}
    assert [row.text for row in ratios.rows] == ["a ratio"] and ratios.null == 1
    every = [row.text for panel in forest_panels([made]) for row in panel.rows]
    assert "Shapes: x" in every and "Crowded: x" in every  # all data are named


def test_verdicts_differ_in_their_marks_and_places_follow_the_values() -> None:
    rows = tuple(
        ForestRow(f"{value} <b>", value, value - 1, value + 1, verdict, f"{value} {verdict}")
        for value, verdict in ((2.0, HOLDS), (-2.0, FAILS), (0.0, UNDECIDED))
    )
    svg = forest_svg([ForestPanel("points", 0.0, (ForestGroup("A & B", rows),))], "Title")
    filled, hollow = re.findall(r'<circle cx="([\d.]+)"[^>]*fill="([^"]+)"', svg)
    square = float(re.search(r'<rect x="([\d.]+)"', svg)[1]) + 4.5
    assert hollow[1] == "none" and filled[1] != "none"
    assert square < float(hollow[0]) < float(filled[0])
    assert float(filled[0]) - float(hollow[0]) == pytest.approx(float(hollow[0]) - square, abs=0.2)
    assert "<b>" not in svg and "A &amp; B" in svg and svg.count('stroke-width="2"/>') >= 3
    empty = forest_svg([], "Title")
    assert "No claim has an answer yet." in empty
