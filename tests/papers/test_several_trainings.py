"""Tables and figures of a study that trains a loss more than once: rates, epochs, other data."""

import json
from dataclasses import replace

import numpy as np
import pytest

from rankdet.charts.chart import Chart, Series
from rankdet.charts.svg import chart_svg
from rankdet.errors import InputError
from rankdet.papers.claims import Claim
from rankdet.papers.figures import make_figure
from rankdet.papers.findings import with_findings
from rankdet.papers.load import load_spec
from rankdet.papers.match import find_runs
from rankdet.papers.records import figure_record, read_figure
from rankdet.papers.spec import RunRequest
from rankdet.papers.table import make_table
from rankdet.repository import PAPERS
from rankdet.results.epochs import at_epoch
from rankdet.results.records import read_study
from tests.report.fake_study import as_planned, keep_epoch, make_study, with_plan

CLAIMS = PAPERS / "claims"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory):
    return read_study(make_study(tmp_path_factory.mktemp("trainings")))


def named(study, loss, schedule):
    """The study with one more training of a loss, with a name."""
    first = next(run for run in study.runs if run.full_loss == loss and run.detector == "retinanet")
    key = f"shapes/retinanet/{loss}@{schedule}/seed1"
    return replace(study, runs=(*study.runs, as_planned(first, schedule=schedule, key=key)))


def test_a_named_training_is_never_mistaken_for_the_usual_one(study) -> None:
    faster = RunRequest("retinanet", "ap", schedule="rate-x2")
    assert find_runs(study, "shapes", faster) == []  # not the study's own rate
    both = named(study, "ap", "rate-x2")
    (usual,) = find_runs(both, "shapes", RunRequest("retinanet", "ap"))
    (published,) = find_runs(both, "shapes", RunRequest("retinanet", "ap", schedule="alrp-500"))
    (found,) = find_runs(both, "shapes", faster)
    assert usual.key == published.key == "shapes/retinanet/ap/seed1"
    assert found.key == "shapes/retinanet/ap@rate-x2/seed1"
    # The schedules of papers that the study tells apart do not change this.
    apart = with_plan(both, papers={"datasets": {"coco": "shapes"}, "schedules": ["alrp-500"]})
    assert find_runs(apart, "shapes", faster) == [found]
    assert find_runs(apart, "shapes", RunRequest("retinanet", "ap", schedule="alrp-500")) == []


def test_seeds_that_keep_an_epoch_stand_for_those_that_do_not(tmp_path) -> None:
    made = read_study(make_study(tmp_path))
    request = RunRequest("retinanet", "alrp", schedule="alrp-500", epoch="50")
    first, second = find_runs(made, "shapes", RunRequest("retinanet", "alrp"))
    place = {"epoch": 50, "of": 100, "own_epoch": 7, "own_epochs": 13, "iteration": 168}
    keep_epoch(first, "50-of-100", place, 0.125)
    keeps = as_planned(first, kept_epochs=("50-of-100",))
    runs = tuple(keeps if run.key == first.key else run for run in made.runs)
    (found,) = find_runs(replace(made, runs=runs), "shapes", request)
    assert found.seed == 1 and found.main.metrics["AP"] == 0.125
    # Without any such seed all are found, so that the cell has the reason.
    assert len(find_runs(made, "shapes", request)) == 2
    figure = make_figure(replace(made, runs=runs), load_spec(CLAIMS / "figure_epochs.yaml"))
    (curve,) = (s for s in figure.drawings[0].charts[0].series if s.name == "aLRP Loss")
    assert curve.x.tolist() == [50, 100] and curve.y[0] == 12.5
    assert curve.y[1] == pytest.approx(100 * first.main.metrics["AP"])  # seed 2 has no other point
    assert second.seed == 2


def test_a_low_ap_on_the_way_is_a_result(tmp_path) -> None:
    made = read_study(make_study(tmp_path))
    (run,) = find_runs(made, "shapes", RunRequest("retinanet", "ap"))
    place = {"epoch": 25, "of": 100, "own_epoch": 4, "own_epochs": 13, "iteration": 96}
    keep_epoch(run, "25-of-100", place, 0.001)
    path = run.folder / "epoch-25-of-100" / "metrics.json"
    content = json.loads(path.read_text())
    content["metrics"]["AP50"] = 0.004  # below learned_ap50, but the training learned later
    path.write_text(json.dumps(content))
    keeps = as_planned(run, kept_epochs=("25-of-100",))
    early = at_epoch(keeps, "25-of-100")
    assert (early.status, early.learned) == ("trained", True)
    lost = replace(keeps, status="barely learned", reason="AP50 0.4 is below 5")
    assert not at_epoch(lost, "25-of-100").learned
    runs = tuple(keeps if one.key == run.key else one for one in made.runs)
    table = make_table(replace(made, runs=runs), load_spec(CLAIMS / "convergence.yaml"))
    row = next(row for row in table.blocks[0].rows if row.row.key == "AP Loss")
    assert row.cells[0].ours == 0.1 and row.cells[0].learned and row.remark is None


def test_seeds_with_a_threshold_stand_for_those_without(study) -> None:
    runs = find_runs(study, "shapes", RunRequest("retinanet", "alrp"))
    swept = as_planned(runs[1], score_thresholds=(0.05,))
    some = replace(study, runs=tuple(swept if r.key == swept.key else r for r in study.runs))
    request = RunRequest("retinanet", "alrp")
    assert [run.seed for run in find_runs(some, "shapes", request, "score>=0.05")] == [2]
    assert [run.seed for run in find_runs(some, "shapes", request, "score>=0.10")] == [1, 2]
    assert [run.seed for run in find_runs(some, "shapes", request)] == [1, 2]


def on(study, dataset, losses, ratio):
    """The same runs on another dataset, with another ratio of negatives to positives."""
    moved = []
    for run in study.runs:
        if run.detector == "retinanet" and run.loss in losses and not run.variant:
            record = json.loads(run.record.model_dump_json(by_alias=True))
            record["training"]["instance_ratio"] = ratio
            new = replace(run, record=type(run.record).model_validate(record))
            key = run.key.replace("shapes/", f"{dataset}/", 1)
            moved.append(as_planned(new, dataset=dataset, key=key))
    return moved


@pytest.fixture
def three(study):
    """A study with losses on three datasets, and a second rate on the first one."""
    runs = [
        *on(study, "shapes", ("focal", "ap", "alrp"), 100.0),
        *on(study, "crowded", ("focal", "ap"), 25.0),
        *on(study, "noisy", ("focal", "ap"), 100.0),
    ]
    return named(replace(study, runs=tuple(runs)), "ap", "rate-x2")


def test_a_table_has_the_data_on_which_it_has_runs(three) -> None:
    table = make_table(three, load_spec(CLAIMS / "losses.yaml"))
    assert [block.dataset for block in table.blocks] == ["shapes", "crowded", "noisy"]
    crowded = {row.row.key: row for row in table.blocks[1].rows}
    assert len(crowded) == 6 and crowded["AP Loss"].cells[0].ours is not None
    assert crowded["RS Loss"].reason == "not in this study"
    found = {f.claim.text: f for f in with_findings(three, table).blocks[1].findings}
    assert found["AP Loss has the higher AP than focal loss"].verdict == "direction only"
    missing = found["RS Loss has the higher AP than focal loss"]
    assert (missing.verdict, missing.how) == ("no answer", "RS Loss: not in this study")
    rates = make_table(three, load_spec(CLAIMS / "rates.yaml"))
    assert [block.dataset for block in rates.blocks] == ["shapes"]  # `datasets` of the table
    everywhere = replace(rates.spec, datasets=("none of them",))
    assert len(make_table(three, everywhere).blocks) == 3
    target = make_table(three, load_spec(CLAIMS / "sampling.yaml"))
    assert [block.dataset for block in target.blocks] == ["shapes"]  # none: the first, with reasons


def test_rates_are_columns_of_a_row(three) -> None:
    table = make_table(three, load_spec(CLAIMS / "rates.yaml"))
    row = next(row for row in table.blocks[0].rows if row.row.key == "AP Loss")
    ap = 100 * find_runs(three, "shapes", RunRequest("retinanet", "ap"))[0].main.metrics["AP"]
    values = [cell.ours for cell in row.cells]
    assert values == [None, None, pytest.approx(ap), pytest.approx(ap), None]
    figure = make_figure(three, load_spec(CLAIMS / "figure_rates.yaml"))
    (curve,) = (s for s in figure.drawings[0].charts[0].series if s.name == "AP Loss")
    assert curve.x.tolist() == [1, 2] and curve.y.tolist() == pytest.approx([ap, ap])


def test_a_row_without_any_record_is_not_drawn(study) -> None:
    """Its columns lack their runs for different reasons, so the row itself has none."""
    (run,) = find_runs(study, "shapes", RunRequest("retinanet", "ap"))
    moved = as_planned(run, loss="rs", key="shapes/retinanet/rs/seed1", titles={})
    nothing = replace(moved.main, record=None, reason="not run")
    moved = replace(moved, status="not run", reason="not run", record=None, evaluations=(nothing,))
    for name, key in (("figure_rates", "RS Loss"), ("figure_epochs", "RS Loss")):
        changed = replace(study, runs=(*study.runs, moved))
        figure = make_figure(changed, load_spec(CLAIMS / f"{name}.yaml"))
        row = next(row for row in figure.table.blocks[0].rows if row.row.key == key)
        assert row.runs and all(cell.ours is None for cell in row.cells)
        names = [s.name for chart in figure.drawings[0].charts for s in chart.series]
        assert key not in names and ("AP Loss" in names) == (name == "figure_epochs")  # one rate
    alone = make_figure(replace(study, runs=(moved,)), load_spec(CLAIMS / "figure_rates.yaml"))
    assert alone.drawings[0].charts == ()


def test_one_drawing_for_all_data(three, tmp_path) -> None:
    spec = load_spec(CLAIMS / "figure_imbalance.yaml")
    figure = make_figure(three, spec)
    (block,), (drawing,) = figure.table.blocks, figure.drawings
    assert block.title == drawing.title == "All data" and drawing.stem == "figure"
    focal = next(s for s in drawing.charts[0].series if s.name == "Focal Loss")
    assert focal.x.tolist() == [25, 100]  # the data `noisy` is not one of the figure
    ours = {row.row.key: row.cells[1].ours for row in block.rows}
    assert ours["crowded: AP Loss"] == 25 and not any(key.startswith("noisy") for key in ours)
    assert not any(cell.best for row in block.rows for cell in row.cells)
    file = tmp_path / "figure.json"
    file.write_text(json.dumps(figure_record(figure)))
    again = read_figure(file)
    assert again.table.spec.datasets == spec.datasets and again.drawings[0].charts[0].x_log
    claim = Claim("t", "s", "AP", "AP Loss", "Focal Loss")
    with pytest.raises(InputError, match=r"claims/figure_imbalance: claims are about one dataset"):
        make_figure(three, replace(spec, claims=(claim,)))


def test_a_ratio_to_nothing_is_no_answer(three) -> None:
    spec = load_spec(CLAIMS / "rates.yaml")
    (run,) = find_runs(three, "shapes", RunRequest("retinanet", "ap", schedule="rate-x2"))
    record = run.main.record.model_copy(update={"metrics": {**run.main.record.metrics, "AP": 0.0}})
    dead = replace(run, evaluations=(replace(run.main, record=record),))
    runs = tuple(dead if r.key == run.key else r for r in three.runs)
    claim = Claim("t", "s", "× 2", "AP Loss", "AP Loss", over="× 1", ratio=True, at_least=0.9)
    changed = replace(three, runs=runs)
    table = with_findings(changed, make_table(changed, replace(spec, claims=(claim,))))
    (finding,) = table.blocks[0].findings
    assert (finding.verdict, finding.how) == ("no answer", "a value is 0, so there is no ratio")


def test_points_of_seeds_become_a_band() -> None:
    points = [("b", 4.0, 1.0), ("a", 1.0, 2.0), ("b", 6.0, 5.0)]
    curve = Series.of_points("x", points)
    assert curve.x.tolist() == [1, 5] and curve.y.tolist() == [2, 3] and curve.marked
    assert curve.low.tolist() == [2, 1] and curve.high.tolist() == [2, 5]


def test_a_logarithmic_horizontal_axis_spaces_factors_equally() -> None:
    curve = Series("x", np.array([0.25, 1.0, 4.0]), np.array([1.0, 2.0, 3.0]), marked=True)
    chart = Chart("c", "alt", "rate", "AP", (curve,), x_limits=(0.25, 4.0), x_log=True)
    path = chart_svg(chart, "p").split('fill="none"')[0].rpartition('<path d="M')[2]
    places = [float(point.split()[0]) for point in path.split('"')[0].split("L")]
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=0.2)
    again = Chart.from_record(chart.record())
    assert again.x_log and chart_svg(again, "p") == chart_svg(chart, "p")
