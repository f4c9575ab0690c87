import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from rankdet.errors import InputError
from rankdet.evaluation.intervals import mean_over_seeds
from rankdet.papers.export import to_latex, to_markdown
from rankdet.papers.folders import spec_paths
from rankdet.papers.gains import Gain, gain_text
from rankdet.papers.latex_captions import latex_caption
from rankdet.papers.load import load_spec
from rankdet.papers.match import find_runs
from rankdet.papers.spec import Column, Row, RunRequest, Spec
from rankdet.papers.table import (
    build_table,
    make_table,
    mark_best,
)
from rankdet.papers.table_model import Block, Cell, Table, TableRow
from rankdet.papers.values import metric_value
from rankdet.repository import PAPERS
from rankdet.results.leaderboard import build_leaderboard, columns, leaderboard
from rankdet.results.records import read_study
from rankdet.results.schemas.metrics import Measured
from rankdet.results.usable import unusable
from tests.report.fake_study import make_study

TABLE2 = PAPERS / "alrp" / "table2.yaml"


def runs(study, loss):
    return find_runs(study, "shapes", RunRequest("retinanet", loss))


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("tables"))


def test_best_and_ties_as_printed() -> None:
    columns = (Column("AP", "AP", 100, 1, "higher"), Column("oLRP", "oLRP", 100, 1, "lower"))
    values = [(40.04, 70.0), (39.96, 60.0), (39.0, None)]
    rows = [TableRow(None, tuple(Cell(v, published=v) for v in pair), (), None) for pair in values]
    marked = mark_best(columns, rows, lambda metric: True)
    assert [row.cells[0].best for row in marked] == [True, True, False]  # both print 40.0
    assert [row.cells[0].tied for row in marked] == [True, True, False]
    assert [row.cells[1].best for row in marked] == [False, True, False]
    assert [row.cells[1].tied for row in marked] == [False] * 3
    assert [row.cells[1].published_best for row in marked] == [False, True, False]


@pytest.mark.parametrize(
    ("ours", "published", "decimals", "expected"),
    [
        (0.275, 0.28, 2, 0.0),  # Figure 1(c): both print .28
        (39.94, 40.0, 1, -0.1),
        (39.96, 40.0, 1, 0.0),
        (3.2, 3.0, 0, 0.0),
        (None, 40.0, 1, None),
        (40.0, None, 1, None),
    ],
)
def test_differences_are_of_the_values_as_printed(ours, published, decimals, expected) -> None:
    assert Cell(ours, published=published).difference(decimals) == expected


def test_bold_rows_cannot_be_told_from_the_best() -> None:
    columns = (Column("AP", "AP", 100, 1, "higher"),)
    seeds = [(40.0, 40.1, 40.2), (39.8, 40.4, 39.6), (30.0, 30.1, 29.9), (50.0,), (60.0, 61, 62)]
    cells = [Cell(sum(s) / len(s), values=s, published=s[0]) for s in seeds]
    cells[-1] = replace(cells[-1], learned=False)
    rows = [TableRow(None, (cell,), (), None) for cell in cells]
    marked = [row.cells[0] for row in mark_best(columns, rows, lambda metric: False)]
    # One seed and runs that have barely learned take no part, however good they look.
    assert [cell.best for cell in marked] == [True, True, False, False, False]
    assert [cell.tied for cell in marked] == [True, True, False, False, False]
    assert [cell.published_best for cell in marked] == [False] * 4 + [True]
    errors = (Column("D_ECE", "D-ECE", better="lower"),)
    assert not any(row.cells[0].best for row in mark_best(errors, rows, lambda metric: False))
    times = (Column("training.seconds_per_iteration", "s/iteration", better="higher"),)
    marked = [row.cells[0] for row in mark_best(times, rows, lambda metric: False)]
    assert not any(cell.best or cell.tied for cell in marked)  # other jobs change a time
    assert [cell.published_best for cell in marked] == [False] * 4 + [True]
    assert [row.seeds for row in rows] == ["3 seeds"] * 3 + ["one seed", "3 seeds"]


def test_a_single_value_is_not_the_best() -> None:
    columns = (Column("AP", "AP", 100, 1, "higher"),)
    rows = [TableRow(None, (Cell(v),), (), None) for v in (40.0, None)]
    assert not any(row.cells[0].best for row in mark_best(columns, rows, lambda metric: True))


def test_table2_from_a_half_finished_study(plan: Path, tmp_path: Path) -> None:
    build_table(plan, TABLE2, tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {
        "table.csv",
        "table.json",
        "table.md",
        "table.tex",
    }
    data = json.loads((tmp_path / "table.json").read_text())
    rows = {row["row"]: row for row in data["blocks"][0]["rows"]}
    study = read_study(plan)
    (ap,) = runs(study, "ap")
    cell = rows["AP Loss"]["cells"]["AP"]
    assert cell["ours"] == pytest.approx(100 * ap.main.metrics["AP"], abs=1e-6)
    assert cell["published"] == 35.5
    assert cell["difference"] == pytest.approx(round(cell["ours"], 1) - 35.5, abs=1e-9)
    seeds = [metric_value(run, "AP") for run in runs(study, "alrp")]
    mean, half = mean_over_seeds([100 * v for v in seeds])
    cell = rows["aLRP Loss (w GIoU) + SB"]["cells"]["AP"]
    assert (cell["ours"], cell["interval"]) == (round(mean, 6), round(half, 6))
    assert rows["aLRP Loss (w IoU) + SB"]["cells"]["AP"]["ours"] is None
    assert data["scale"].startswith("Smoke scale")


def test_variants_may_be_in_any_order(plan: Path) -> None:
    study = read_study(plan)
    one = runs(study, "alrp+iou+no-sb")
    assert one == runs(study, "alrp+no-sb+iou") and len(one) == 1
    assert len(runs(study, "alrp")) == 2  # the seeds, not the variants


def test_a_mean_over_a_missing_seed_is_missing(tmp_path: Path) -> None:
    plan = make_study(tmp_path)
    (plan.parent / "shapes/retinanet/alrp/seed2/metrics.json").unlink()
    (block,) = make_table(read_study(plan), load_spec(TABLE2)).blocks
    row = block.rows[3]
    assert row.reason == "seed 2: trained, not evaluated yet"
    assert all(cell.ours is None for cell in row.cells)


def test_runs_on_other_data_are_not_in_a_table(plan: Path) -> None:
    (run,) = runs(read_study(plan), "ap")
    made_on = run.provenance.data_checksum
    assert unusable(run, made_on) is None and unusable(run, None) is None
    assert "another version of the data" in unusable(run, "sha256:other")


def test_a_metric_of_masks(plan: Path) -> None:
    (run,) = runs(read_study(plan), "focal")
    assert metric_value(run, "segm.AP") is None  # only boxes
    masks = Measured(metrics={"AP": 0.25, "AP95": None})
    record = run.main.record.model_copy(update={"segm": masks})
    run = replace(run, evaluations=(replace(run.main, record=record),))
    assert metric_value(run, "segm.AP") == 0.25
    assert metric_value(run, "segm.AP95") is None
    assert metric_value(run, "AP") == run.main.metrics["AP"]


@pytest.mark.fault(
    "HTML in the title, caption, headers and notes of a table, in `table.md`", tries=5
)
def test_markdown_has_no_html_and_no_other_line(plan: Path) -> None:
    spec, evil = load_spec(TABLE2), "<img src=x onerror=alert(1)>\n\n# [x](javascript:alert(1))"
    column = replace(spec.columns[0], header=evil)
    spec = replace(spec, title=evil, caption=evil, notes=(evil,), columns=(column,))
    row = replace(spec.rows[0], labels={evil: evil})
    text = to_markdown(make_table(read_study(plan), replace(spec, rows=(row,))))
    assert text.count(r"\<img src=x onerror=alert(1)\>") == text.count("<img") >= 5
    assert text.count(r"\[x\](javascript") == text.count("(javascript")
    assert [line[:8] for line in text.splitlines() if line.startswith("# ")] == [r"# \<img "]


def test_exports_escape(plan: Path) -> None:
    spec = load_spec(TABLE2)
    labels = {"Method": "a_b & 5% | *x* <b>"}
    spec = replace(spec, rows=(replace(spec.rows[0], labels=labels),))
    table = make_table(read_study(plan), spec)
    assert r"a\_b & 5% \| \*x\* \<b\>" in to_markdown(table)
    latex = to_latex(table)
    assert r"a\_b \& 5\% | *x* \textless{}b\textgreater{}" in latex
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 1
    lines = [line for line in latex.splitlines() if line.endswith(r"\\")]
    assert {line.replace(r"\&", "").count("&") for line in lines} == {7}


def test_leaderboard_csv(plan: Path, tmp_path: Path) -> None:
    out = tmp_path / "somewhere" / "leaderboard.csv"
    build_leaderboard(plan, out)
    with out.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    planned = read_study(plan).runs
    runs = [r for r in planned if not r.untrained] + [r for r in planned if r.untrained]
    assert [row["key"] for row in rows] == [run.key for run in runs]
    for row, run in zip(rows, runs, strict=True):
        assert row["status"] == run.status
        value = run.main.metrics.get("oLRP")
        assert row["oLRP"] == ("" if value is None else str(round(100 * value, 6)))
        masks = run.main.mask_metrics.get("AP")
        assert row["mask AP"] == ("" if masks is None else str(round(100 * masks, 6)))
        assert bool(row["reason"]) == (run.status not in ("trained", "untrained"))


def test_masks_have_columns_only_where_one_predicts_them(plan: Path) -> None:
    entries = leaderboard(read_study(plan))
    headers = [metric.header for metric in columns(entries)]
    assert headers[-3:] == ["mask AP", "mask AP50", "mask oLRP"]
    boxes = [entry for entry in entries if entry.values["segm.AP"] is None]
    assert 0 < len(boxes) < len(entries)
    assert [metric.header for metric in columns(boxes)] == headers[:-3]


def test_statuses(plan: Path) -> None:
    found = {run.key.removeprefix("shapes/"): run.status for run in read_study(plan).runs}
    assert found["retinanet/untrained/seed1"] == "untrained"
    assert found["retinanet/alrp+iou/seed1"] == "diverged"
    assert found["retinanet/alrp+iou+no-sb/seed1"] == "barely learned"
    assert found["atss/focal/seed1"] == "failed"
    assert found["atss/alrp/seed1"] == "not run"
    assert found["atss/ap/seed1"] == "not evaluated"


def test_a_run_in_progress_has_not_failed(tmp_path: Path) -> None:
    plan = make_study(tmp_path)
    work = plan.parent / "shapes/atss/alrp/seed1/work"
    work.mkdir(parents=True)
    (work / "epoch_1.pth").write_text("")
    run = next(r for r in read_study(plan).runs if r.key == "shapes/atss/alrp/seed1")
    assert (run.status, run.reason) == ("not run", "started, not finished yet")


def test_a_study_without_a_plan(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"plan\.json is missing; run the study first"):
        read_study(tmp_path / "plan.json")
    (tmp_path / "plan.json").write_text('{"schema": "rankdet.plan/2"}')
    with pytest.raises(InputError, match=r"expected 'rankdet.plan/1'"):
        read_study(tmp_path / "plan.json")


def test_columns_that_are_settings(plan: Path) -> None:
    spec = load_spec(PAPERS / "alrp" / "table3.yaml")
    request = RunRequest("retinanet", "alrp+iou+no-sb", schedule="alrp-500")
    assert request in spec.requests and len(spec.requests) == 16
    (block,) = make_table(read_study(plan), spec).blocks
    with_iou, with_giou = block.rows
    collapsed = runs(read_study(plan), "alrp+no-sb+iou")[0]
    assert with_iou.cells[0].ours == round(100 * collapsed.main.metrics["AP"], 6)
    assert with_iou.reason is None and with_iou.remark.startswith("barely learned")
    assert with_iou.gaps(spec.columns) == [
        ("w = 2, w = 5, w = 10, w = 15, w = 20, w = 25", "not in this study"),
        ("SB", "seed 1 diverged: the loss is not finite from iteration 41"),
    ]
    assert with_giou.cells[-1].ours is not None
    text = to_markdown(make_table(read_study(plan), spec))
    assert "w = 25: not in this study" in text


def test_bounds_come_from_the_matches(plan: Path) -> None:
    spec = load_spec(PAPERS / "alrp" / "table5.yaml")
    rows = tuple(replace(row, run={**row.run, "loss": "ap"}) for row in spec.rows)
    (block,) = make_table(read_study(plan), replace(spec, rows=rows)).blocks
    names = [column.header for column in spec.columns]
    own, low, high = (dict(zip(names, row.cells, strict=True)) for row in block.rows)
    assert (low["ρ"].ours, high["ρ"].ours) == (-1, 1)
    assert low["AP50"].ours == own["AP50"].ours == high["AP50"].ours
    assert low["AP"].ours < own["AP"].ours < high["AP"].ours


@pytest.mark.parametrize("path", spec_paths(), ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_latex_of_every_table_and_figure_is_plain(plan: Path, path: Path) -> None:
    latex = to_latex(make_table(read_study(plan), load_spec(path)))
    begun = re.findall(r"\\begin{(table\*?)}", latex)
    assert begun == re.findall(r"\\end{(table\*?)}", latex) and begun
    strange = {character for character in latex if not character.isascii()}
    assert not strange, f"LaTeX does not know {strange}"


def test_latex_caption_names_the_place_in_the_paper_and_both_data(plan: Path) -> None:
    spec = load_spec(TABLE2)
    table = make_table(read_study(plan), spec)
    caption = latex_caption(spec, table.blocks[0], "Small scale.")
    start = "aLRP Loss, Table 2 (Ablation analysis), published on COCO minival; ours on "
    assert caption.startswith(f"{start}{table.blocks[0].title}. Small scale.")
    assert "Bold published values" in caption and "cannot be" not in caption  # nothing is bold
    cell = Cell(1.0, interval=0.1, best=True, values=(1.0, 1.1, 0.9))
    rows = (replace(table.blocks[0].rows[0], cells=(cell,) * len(spec.columns)),)
    caption = latex_caption(spec, replace(table.blocks[0], rows=rows), "")
    assert "Ours: mean ± half of the 95% t-interval" in caption
    assert "best mean (Welch's test with Holm's correction)" in caption
    assert "published" not in caption


def test_latex_has_arrows_and_headings_of_groups(plan: Path) -> None:
    spec = load_spec(PAPERS / "alrp" / "table6.yaml")
    lines = to_latex(make_table(read_study(plan), spec)).splitlines()
    head = next(line for line in lines if "Values" in line)
    assert head.count(r"$\uparrow$") == sum(c.better == "higher" for c in spec.columns) > 0
    sections = list(dict.fromkeys(row.section for row in spec.rows if row.section))
    found = [line for line in lines if line.startswith(r"\multicolumn")]
    assert len(found) == len(sections) > 1
    width = head.count("&") + 1
    first = rf"\multicolumn{{{width}}}{{@{{}}l}}{{\textit{{{sections[0]}}}}} \\"
    assert found[0] == first


def test_no_file_prints_a_negative_zero() -> None:
    """A correlation of -.004 is 0.00 on the page, so it is that in Markdown and LaTeX."""
    column = Column("ρ", "spearman", decimals=2)
    row = Row("a", {"Loss": "a"}, None)
    spec = Spec("alrp/t", "T", "", (column,), (row,), {})
    cell = Cell(ours=-0.004, published=-0.001)
    block = Block("d", "D", "val", None, (TableRow(row, (cell,), (), None),))
    texts = to_markdown(Table(spec, "", (block,))), to_latex(Table(spec, "", (block,)))
    assert all("0.00" in text and "-0.0" not in text for text in texts)
    assert gain_text(Gain(-0.04, None, None, None, 1, True, "", None)) == "0.0"
