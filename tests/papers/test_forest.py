"""The forest plot: every answered claim on one axis, positive where the claim says so."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from rankdet.charts.forest import ForestGroup, ForestPanel, ForestRow, forest_svg
from rankdet.papers.claims import Claim
from rankdet.papers.forest import claims_grid, forest_panels
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
    assert groups == {
        "paper: RS Loss": ["x", "z"],
        "paper: aLRP Loss, rebuttal": ["y"],
        "Claims": ["ours"],  # ours are of no paper
    }
    assert [row.text for row in ratios.rows] == ["a ratio"] and ratios.null == 1
    for panel in (differences, ratios):  # a page may be dark, so no mark is named by its shade
        assert "vertical line: the paper" in panel.label and "dark" not in panel.label
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


def test_the_same_claim_of_two_tables_is_one_row() -> None:
    first = table(finding("x", "AP", 2.0, low=1.0, high=3.0), finding("only here", "AP", 1.0))
    second = table(finding("x (ATSS)", "AP", -4.0, low=-5.0, high=-3.0, verdict=FAILS))
    columns = {"RetinaNet": (first, "shapes"), "ATSS": (second, "shapes")}
    svg = claims_grid(columns, "Claims & more")
    texts = re.findall(r'<text x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)<', svg)
    where = {text: (float(x), float(y)) for x, y, text in texts}
    assert [text for *_, text in texts].count("x") == 1 and "Claims &amp; more" in where
    row, other = where["x"][1], where["only here"][1]
    assert where["+2.0"][1] == where["−4.0"][1] == row and where["+1.0"][1] == other
    assert where["RetinaNet"][0] < where["+2.0"][0] < where["ATSS"][0] < where["−4.0"][0]
    # Both columns have one axis: the mark lies where its value is.
    (mark,) = re.findall(rf'<circle cx="([\d.]+)" cy="{row - 4.5:.1f}"', svg)
    (square,) = re.findall(rf'<rect x="([\d.]+)" y="{row - 9:.1f}"', svg)
    ticks = [(float(x), int(t.replace("−", "-"))) for x, _, t in texts if re.fullmatch(r"−?\d", t)]
    here = sorted(tick for tick in ticks if tick[0] < where["ATSS"][0] - 1)
    there = sorted(tick for tick in ticks if tick[0] >= where["ATSS"][0] - 1)
    assert [value for _, value in here] == [value for _, value in there]
    for at, every, value in ((float(mark), here, 2.0), (float(square) + 4.5, there, -4.0)):
        (x0, v0), (x1, v1) = every[0], every[-1]
        assert at == pytest.approx(x0 + (value - v0) / (v1 - v0) * (x1 - x0), abs=0.2)


def test_a_column_with_wide_intervals_does_not_squeeze_the_others() -> None:
    wide = table(finding("x", "AP", 1.0, low=-90.0, high=90.0))
    small = table(finding("x", "AP", 1.0, low=-1.0, high=3.0))
    svg = claims_grid({"a": (small, "shapes"), "b": (wide, "shapes")}, "t")
    ends = re.findall(r'<path d="M([\d.]+) [\d.]+H([\d.]+)"[^>]*stroke-width="2"/>', svg)
    lengths = [float(right) - float(left) for left, right in ends]
    assert len(lengths) == 2 and lengths[0] > 0.5 * lengths[1]


def test_many_columns_leave_their_numbers_out_and_nothing_overlaps() -> None:
    one = table(finding("x", "AP", 2.0, low=-50.0, high=60.0))
    columns = {f"A long title of data {k}": (one, "shapes") for k in range(8)}
    svg = claims_grid(columns, "t")
    assert "+2.0" not in svg.partition("</title>")[2] and svg.count("<circle") == 8 + 2
    ticks = re.findall(
        r'<text x="([\d.]+)" y="[\d.]+" text-anchor="(\w+)" font-size="10">([^<]*)', svg
    )
    spans = []
    for x, anchor, text in ticks:
        size = 6.5 * len(text)
        left = float(x) - {"start": 0, "middle": size / 2, "end": size}[anchor]
        spans.append((left, left + size))
    assert len(spans) >= 8
    assert all(a[1] < b[0] for a, b in pairwise(sorted(spans))) and max(spans)[1] <= 980
