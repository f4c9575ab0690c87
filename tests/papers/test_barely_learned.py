"""Runs that have barely learned are left out of means, verdicts and bold; the record says so."""

from dataclasses import replace

import pytest

from rankdet.evaluation.intervals import mean_over_seeds
from rankdet.papers.export import to_markdown
from rankdet.papers.figures import make_figure
from rankdet.papers.findings import with_findings
from rankdet.papers.load import load_spec
from rankdet.papers.table import make_table
from rankdet.papers.verdicts import DIRECTION, HOLDS, MISSING
from rankdet.repository import PAPERS
from rankdet.results.records import read_study
from tests.papers.test_findings import claim
from tests.report.fake_study import make_study

OURS = "aLRP Loss (w GIoU) + SB"
RUNS = (
    *(("retinanet", "ap", "", seed, "trained") for seed in (1, 2, 3)),
    ("retinanet", "ap", "", 4, "barely learned"),
    *(("retinanet", "alrp", "", seed, "trained") for seed in (1, 2, 3)),
    *(("retinanet", "alrp", "iou", seed, "barely learned") for seed in (1, 2, 3)),
    ("retinanet", "alrp", "iou+no-sb", 1, "collapsed"),
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory):
    return read_study(make_study(tmp_path_factory.mktemp("barely"), runs=RUNS))


def table(study, *claims):
    spec = replace(load_spec(PAPERS / "alrp" / "table2.yaml"), claims=claims)
    return with_findings(study, make_table(study, spec))


def test_a_seed_is_left_out_of_the_mean_and_the_verdict(study) -> None:
    made = table(study, claim(better=OURS, worse="AP Loss"))
    (block,) = made.blocks
    rows = {row.row.key: row for row in block.rows}
    own = [100 * run.main.metrics["AP"] for run in study.runs if run.loss == "ap"]
    cell = rows["AP Loss"].cells[0]
    assert own[3] < 5 < min(own[:3])
    assert (cell.ours, cell.interval) == pytest.approx(mean_over_seeds(own[:3]), abs=1e-5)
    assert len(cell.values) == 3 and len(rows["AP Loss"].runs) == 4
    assert rows["AP Loss"].remark.startswith("barely learned, so left out of means, verdicts and")
    (found,) = block.findings
    assert found.verdict == HOLDS and found.seeds == "3 seeds"
    assert "without seed 4 of AP Loss, which has barely learned" in found.how
    assert found.how in to_markdown(made)
    theirs = [100 * run.main.metrics["AP"] for run in study.runs if run.full_loss == "alrp"]
    assert found.difference == pytest.approx(sum(theirs) / 3 - sum(own[:3]) / 3, abs=1e-5)


@pytest.mark.parametrize("side", ["aLRP Loss (w IoU) + SB", "aLRP Loss (w IoU)"])
def test_a_side_that_has_not_learned_gives_no_answer(study, side: str) -> None:
    (block,) = table(study, claim(better=OURS, worse=side)).blocks
    (found,) = block.findings
    assert found.verdict == MISSING and found.difference is None and found.p is None
    why = "loss_cls stayed" if side == "aLRP Loss (w IoU)" else "AP50 "
    assert found.how.startswith(f"{side}: seed 1 has barely learned: {why}")
    row = next(row for row in block.rows if row.row.key == side)
    assert row.cells[0].ours is not None and row.reason is None  # its numbers are shown
    assert row.remark.startswith("barely learned, so left out of verdicts and bold")
    assert not any(cell.best for cell in row.cells)


def test_what_training_costs_counts_in_every_run(study) -> None:
    spec = load_spec(PAPERS / "alrp" / "table2.yaml")
    column = replace(spec.columns[0], metric="training.seconds_per_iteration", header="s")
    one = claim("s", "AP Loss", "aLRP Loss (w IoU)")
    spec = replace(spec, columns=(column,), claims=(one,))
    (block,) = with_findings(study, make_table(study, spec)).blocks
    assert block.findings[0].verdict == DIRECTION  # one side has one seed
    assert len(next(r for r in block.rows if r.row.key == "AP Loss").cells[0].values) == 4


def test_figures_show_how_every_training_goes(study) -> None:
    figure = make_figure(study, load_spec(PAPERS / "alrp" / "figure4.yaml"))
    (block,) = figure.table.blocks
    drawn = {row.row.key: row for row in block.rows if row.reason is None}
    assert drawn["aLRP Loss"].cells and drawn["alrp+iou"].cells[0].ours is not None
