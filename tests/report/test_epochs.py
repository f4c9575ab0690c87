"""Epochs on the way of a training: on the run's page, and in tables and figures."""

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from rankdet.charts.chart import Chart
from rankdet.charts.svg import chart_svg
from rankdet.papers.comparison_charts import comparison_charts
from rankdet.papers.figure_kinds import FigureOfRuns, figure_kind
from rankdet.papers.figures import make_figure
from rankdet.papers.load import load_spec
from rankdet.papers.table import make_table
from rankdet.report import build_report
from rankdet.report.paths import run_page
from rankdet.report.variants_section import epoch_lines
from rankdet.repository import PAPERS
from rankdet.results.records import RecordedStudy, read_study
from tests.report.fake_study import SWEPT, keep_epoch, make_study

AT = {"epoch": 50, "of": 100, "own_epoch": 6, "own_epochs": 12, "iteration": 144}
EARLY = {"detector": "retinanet", "loss": "ap", "schedule": "alrp-500", "epoch": "50"}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> RecordedStudy:
    """A study one run of which keeps two epochs, of which it has the first."""
    plan = make_study(tmp_path_factory.mktemp("epochs"))
    content = json.loads(plan.read_text())
    (entry,) = [run for run in content["runs"] if run["key"] == SWEPT]
    entry["kept_epochs"] = ["50-of-100", "75-of-100"]
    plan.write_text(json.dumps(content))
    (run,) = [run for run in read_study(plan).runs if run.key == SWEPT]
    keep_epoch(run, "50-of-100", AT, ap=0.125)
    return read_study(plan)


def test_the_page_of_a_run_lists_its_epochs(study: RecordedStudy, tmp_path: Path) -> None:
    (run,) = [run for run in study.runs if run.key == SWEPT]
    early, late, end = epoch_lines(run)
    assert early.name == "epoch 50 of 100 (epoch 6 of 12 here, iteration 144)"
    assert early.values[0] == 12.5 and early.reason is None
    assert late.name == "epoch 75 of 100" and "was not kept" in (late.reason or "")
    assert end.name == "end of the training" and end.values[0] != early.values[0]
    assert epoch_lines(next(run for run in study.runs if run.key != SWEPT)) == ()
    report = build_report(study.folder / "plan.json", tmp_path / "html").parent
    page, _, anchor = run_page(f"{SWEPT}/epoch-50-of-100").partition("#")
    assert page == run_page(SWEPT)
    text = (report / page).read_text(encoding="utf-8")
    section = re.search(rf'<h2 id="{anchor}">.*?</section>', text, re.DOTALL)
    assert section and early.name in section[0] and "12.5" in section[0]


def test_a_cell_at_an_epoch_has_its_value_and_the_end_another(study: RecordedStudy) -> None:
    spec = load_spec(PAPERS / "alrp-rebuttal" / "tableA1.yaml")
    rows = tuple(replace(r, run={**r.run, **EARLY, "epoch": ""}) for r in spec.rows)
    (block,) = make_table(study, replace(spec, rows=rows)).blocks
    early, late, end = block.rows[0].cells
    assert early.ours == 12.5 and early.reason is None
    assert late.ours is None and late.reason == (
        "seed 1: epoch 75 of 100 was not kept; run the study again"
    )
    assert end.ours not in (None, 12.5)
    assert block.rows[0].runs[0] == f"{SWEPT}/epoch-50-of-100" and block.split == "val"


def test_a_figure_at_an_epoch_draws_the_training_up_to_it(study: RecordedStudy) -> None:
    spec = load_spec(PAPERS / "alrp" / "figure3.yaml")
    whole = {key: value for key, value in EARLY.items() if key != "epoch"}
    rows = tuple(
        replace(spec.rows[0], key=name, labels={"Method": name}, run=run)
        for name, run in (("early", EARLY), ("whole", whole))
    )
    figure = make_figure(study, replace(spec, rows=rows, claims=()))
    ends = {s.name: s.x[-1] for s in figure.drawings[0].charts[1].series}
    assert ends["early"] == 144 < ends["whole"]


def test_a_curve_over_the_training_begins_at_the_kept_epoch(study: RecordedStudy) -> None:
    (chart,) = comparison_charts(study, figure_kind("ap_over_epochs"), "", "retinanet", ["ap"])
    (curve,) = chart.series
    assert curve.x.tolist() == [50, 100] and curve.y[0] == 12.5 != curve.y[1]


PARTS = {1: (50.0, 100.0), 2: (50.0, 100.0), 3: (100.0,)}


def over_epochs(seeds: dict[str, tuple[int, ...]]) -> Chart:
    """The chart of losses with some of three seeds; the third keeps no epoch. AP is seed / 10."""
    records = {
        name: [
            SimpleNamespace(percent=percent, seed=seed, ap=seed / 10)
            for seed in chosen
            for percent in PARTS[seed]
        ]
        for name, chosen in seeds.items()
    }
    kind = figure_kind("ap_over_epochs")
    assert isinstance(kind, FigureOfRuns)
    return kind.charts(records)[0]


def test_a_curve_over_the_training_says_which_seeds_it_leaves_out() -> None:
    chart = over_epochs({"A": (1, 2, 3)})
    assert chart.series[0].y == pytest.approx([15, 15])  # the third seed has no part in the end
    assert chart.x_label == "% of the training"
    assert chart.note == "2 of 3 seeds of each loss are shown: those with every epoch."
    assert chart.from_record(chart.record()).note == chart.note
    assert over_epochs({"A": (1, 2), "B": (3,)}).note == ""
    note = over_epochs({"A": (1, 2, 3), "B": (1, 2)}).note
    assert note == "The seeds with every epoch are shown: A 2 of 3, B 2 of 2."


def test_a_long_label_has_lines_below_the_plot() -> None:
    usual_label = over_epochs({"A": (1, 2), "B": (1, 2)})
    label = "a label of the horizontal axis that is longer than the axis below which it stands"
    many = replace(usual_label, x_label=label)
    svg, plain = (chart_svg(one, "x") for one in (many, usual_label))
    texts = re.findall(r'y="(\d+)" text-anchor="middle" opacity=".8">([^<]*)<', svg)
    assert " ".join(text for _, text in texts) == many.x_label and len(texts) > 1
    high, usual = (int(re.search(r'viewBox="0 0 \d+ (\d+)"', one)[1]) for one in (svg, plain))
    assert high - usual == 16 * (len(texts) - 1) and max(int(y) for y, _ in texts) < high


def test_a_note_stands_below_the_label() -> None:
    chart = over_epochs({f"the loss of number {at}": (1, 2, 3) for at in range(4)} | {"B": (1, 2)})
    svg, plain = (chart_svg(one, "x") for one in (chart, replace(chart, note="")))
    lines = re.findall(r'y="(\d+)" font-size="11" opacity=".8">([^<]*)<', svg)
    assert " ".join(text for _, text in lines) == chart.note and len(lines) > 1
    high, usual = (int(re.search(r'viewBox="0 0 \d+ (\d+)"', one)[1]) for one in (svg, plain))
    assert high - usual == 16 * len(lines) and max(int(y) for y, _ in lines) < high
    (label,) = re.findall(r'y="(\d+)" text-anchor="middle" opacity=".8">% of the training<', svg)
    assert int(label) < min(int(y) for y, _ in lines)
