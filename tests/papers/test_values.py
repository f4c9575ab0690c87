"""Values of a cell: a run's speed, and its sweep over score thresholds."""

import json
from dataclasses import replace

import pytest

from rankdet.errors import InputError
from rankdet.papers.load import load_spec
from rankdet.papers.spec import RunRequest
from rankdet.papers.table import make_table
from rankdet.papers.values import metric_value, problem
from rankdet.repository import ROOT
from rankdet.results.records import read_study
from rankdet.results.sweep import write_sweep
from tests.report.fake_study import as_planned, make_study

SPEED = '{"schema": "rankdet.speed/1", "images_per_second": 4.5, "device": "cpu"}'


@pytest.fixture()
def run(tmp_path):
    study = read_study(make_study(tmp_path))
    return next(one for one in study.runs if one.key == "shapes/retinanet/ap/seed1")


def sweep(run):
    """Writes the sweep of a run at .1 and .5; AP is halved at .5."""
    paths, speeds = [], []
    for threshold, factor in ((0.5, 0.5), (0.1, 1.0)):
        folder = run.folder / f"at-{threshold:g}"
        folder.mkdir()
        metrics = {**run.main.metrics, "AP": factor * run.main.metrics["AP"]}
        masks = {"metrics": {"AP": factor / 4}}
        record = {**run.main.record.to_dict(), "metrics": metrics, "segm": masks}
        paths.append(folder / "metrics.json")
        speeds.append(folder / "speed.json")
        paths[-1].write_text(json.dumps(record))
        speeds[-1].write_text(SPEED.replace("4.5", f"{10 / factor}"))
    write_sweep([0.5, 0.1], paths, speeds, run.folder / "sweep.json")


def test_a_sweep_is_by_ascending_threshold(run):
    sweep(run)
    record = json.loads((run.folder / "sweep.json").read_text())
    assert [row["score_threshold"] for row in record["rows"]] == [0.1, 0.5]
    assert record["rows"][1]["metrics"]["AP"] == pytest.approx(0.5 * run.main.metrics["AP"])
    counts = run.main.record.counts
    each = counts["detections"] / counts["images"]
    assert record["rows"][0]["detections_per_image"] == pytest.approx(each)


def test_values_at_a_threshold(run):
    assert metric_value(run, "AP", "score>=0.50") is None  # no sweep
    sweep(run)
    assert metric_value(run, "AP", "score>=0.50") == pytest.approx(0.5 * run.main.metrics["AP"])
    assert metric_value(run, "segm.AP", "score>=0.50") == 0.125
    assert metric_value(run, "speed.images_per_second", "score>=0.50") == 20
    assert metric_value(run, "AP", "masks score>=0.50") == 0.125
    assert metric_value(run, "speed.images_per_second", "masks score>=0.50") == 20
    assert metric_value(run, "AP", "masks score>=0.3") is None
    assert metric_value(run, "AP", "score>=0.3") is None
    assert metric_value(run, "segm.AP", "score>=0.3") is None
    assert problem(run, "score>=0.5") is None
    assert problem(run, "score>=0.3").startswith("not swept: the study's score_thresholds")
    assert problem(run, "masks score>=0.3").endswith("for this run have no 0.3")
    assert metric_value(run, "AP") == run.main.metrics["AP"]


def test_values_of_a_multi_scale_test(run):
    view = "multi-scale test"
    tested = as_planned(run, test_variants=("multi-scale",))
    assert problem(tested, view) == "multi-scale test: not evaluated yet"
    folder = run.folder / "test-multi-scale"
    folder.mkdir()
    metrics = {**run.main.metrics, "AP": run.main.metrics["AP"] / 2}
    (folder / "metrics.json").write_text(
        json.dumps({**run.main.record.to_dict(), "metrics": metrics})
    )
    (folder / "speed.json").write_text(SPEED.replace("4.5", "3"))
    assert problem(tested, view) is None
    assert metric_value(tested, "AP", view) == run.main.metrics["AP"] / 2
    assert metric_value(tested, "speed.images_per_second", view) == 3
    assert metric_value(tested, "AP") == run.main.metrics["AP"]
    assert metric_value(tested, "training.iterations", view) == run.training.iterations


def test_a_missing_record_of_a_sweep_is_one_line(run, tmp_path):
    with pytest.raises(InputError, match=r"metrics.json: metrics.json is missing"):
        write_sweep([0.1], [tmp_path / "metrics.json"], [tmp_path / "s"], tmp_path / "out")


def test_speed_and_training(run):
    (run.folder / "speed.json").unlink()
    assert metric_value(run, "speed.images_per_second") is None
    (run.folder / "speed.json").write_text(SPEED)
    assert metric_value(run, "speed.images_per_second") == 4.5
    assert metric_value(run, "speed.device") is None  # no number
    assert metric_value(run, "training.iterations") == run.training.iterations
    assert metric_value(run, "nonsense.key") is None


SPEC = """
title: Thresholds
columns:
  - {metric: AP, scale: 100, better: higher}
  - {metric: speed.images_per_second, header: fps}
rows:
  - {row: "0.1", run: {detector: retinanet, loss: ap, view: "score>=0.10"}}
  - {row: "0.50", run: {detector: retinanet, loss: ap, view: "score>=0.5"}}
"""


def test_a_table_of_a_sweep(tmp_path):
    study = read_study(make_study(tmp_path))
    run = next(one for one in study.runs if one.key == "shapes/retinanet/ap/seed1")
    sweep(run)
    path = tmp_path / "try.yaml"
    path.write_text(SPEC)
    spec = load_spec(path)
    assert spec.sweeps == {RunRequest("retinanet", "ap"): [0.1, 0.5]}
    assert not load_spec(ROOT / "analysis/papers/alrp/table5.yaml").sweeps
    (block,) = make_table(replace(study, runs=(run,)), spec).blocks
    low, high = block.rows
    assert low.cells[0].ours > high.cells[0].ours
    assert not low.cells[0].best  # one seed does not say which is better
    assert (low.cells[1].ours, high.cells[1].ours) == (10, 20)
