"""A loss has one colour on all pages, and a stored page never has an old one."""

import json
import re
from collections import defaultdict
from pathlib import Path

from rankdet.charts.colours import GREYS, colour
from rankdet.charts.looks import assigned_looks
from rankdet.charts.publication.panels import sample
from rankdet.papers.comparison_charts import comparison_charts
from rankdet.papers.figure_kinds import figure_kind
from rankdet.report import build_report
from rankdet.results.records import read_study
from tests.report.fake_study import TITLES, make_study

LOSSES = ("focal", "ap", "alrp")
RUNS = (  # with each detector another loss has the highest AP, and is drawn first
    *(("retinanet", loss, "", 1, "trained") for loss in LOSSES),
    *(("atss", loss, "", 2, "trained") for loss in LOSSES[::-1]),
)
SERIES = re.compile(r'<g class="series" data-series="\d+" data-name="([^"]*)">(.*?)</g>', re.S)
ROW = re.compile(r'<text x="14"[^>]*>([^<]*)</text><text[^>]*>[^<]*</text>(.*?<circle[^>]*>)')
DOT = re.compile(r'<(?:circle|rect) (?:cx|x)="[\d.]+" [^>]*fill="(#\w{6})"')


def colours_of(report: Path) -> dict[str, set[str]]:
    """Each loss to all colours that it has in charts of pages where it is named."""
    found = defaultdict(set)
    for path in [*report.rglob("*.html"), *report.glob("figures/**/*.svg")]:
        text = path.read_text(encoding="utf-8")
        for name, marks in [*SERIES.findall(text), *ROW.findall(text)]:
            found[name] |= set(re.findall(r'(?:stroke|fill)="(#\w{6})"', marks))
    return found


def test_a_loss_has_one_colour_everywhere(tmp_path: Path) -> None:
    plan = make_study(tmp_path, runs=RUNS)
    report = build_report(plan, tmp_path / "html").parent
    found = colours_of(report)
    looks = assigned_looks(LOSSES)
    for loss in LOSSES:
        assert found[TITLES[loss]] == {colour(looks[loss])}, loss
        for run in report.glob(f"runs/shapes/*/{loss}/seed*.html"):
            alone = [marks for name, marks in SERIES.findall(run.read_text()) if name == "rate"]
            assert alone and all(colour(looks[loss]) in marks for marks in alone)
    pareto = (report / "index.html").read_text().split('aria-labelledby="pareto-0"')[1]
    dots = DOT.findall(pareto.split("</svg>")[0])
    assert sorted(dots) == sorted(2 * [colour(looks[loss]) for loss in LOSSES])
    (chart,) = comparison_charts(read_study(plan), figure_kind("learning_curves"))[:1]
    drawn = {one.name: sample(chart, one).get_color() for one in chart.series}
    assert drawn == {TITLES[loss]: colour(looks[loss]) for loss in LOSSES}


def test_marks_of_classes_and_hits_have_the_colour_of_the_loss(tmp_path: Path) -> None:
    report = build_report(make_study(tmp_path, runs=RUNS), tmp_path / "html").parent
    shades = {TITLES[name]: colour(look) for name, look in assigned_looks(LOSSES).items()}
    text = (report / "compare/shapes/retinanet.html").read_text().split('id="class-table"')[1]
    names = re.findall(
        r'<th scope="col" class="number">([^<]+)</th>', text.partition("</thead>")[0]
    )
    marks = re.findall(r"--mark: (#\w{6})", text.partition("</table>")[0])
    assert marks and marks == [shades[name] for name in names] * (len(marks) // len(names))
    for loss in LOSSES:
        (page,) = report.glob(f"runs/shapes/retinanet/{loss}/seed1.html")
        ranks = page.read_text().partition("Errors over the rank</h3>")[2].partition("</figure>")[0]
        own = {
            name: set(re.findall(r'stroke="(#\w{6})"', part))
            for name, part in SERIES.findall(ranks)
        }
        assert own.pop("hit") == {shades[TITLES[loss]]}
        assert own and set().union(*own.values()) <= set(GREYS)


def test_a_stored_page_with_another_colour_is_made_again(tmp_path: Path) -> None:
    wanted = assigned_looks(["ap"])["ap"]
    rival = next(n for n in map("own{}".format, range(99)) if assigned_looks([n]) == {n: wanted})
    plan = make_study(tmp_path, runs=(*RUNS[:2], ("retinanet", rival, "", 1, "trained")))
    first = colours_of(build_report(plan, tmp_path / "a").parent)["AP Loss"]
    content = json.loads(plan.read_text())
    plan.write_text(json.dumps({**content, "runs": content["runs"][::-1]}))
    second = colours_of(build_report(plan, tmp_path / "b").parent)["AP Loss"]
    assert len(first) == len(second) == 1 and first != second
