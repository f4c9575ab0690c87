"""`rankdet.results.open`: runs as records and tidy frames; the example notebook runs."""

import ast
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import rankdet.results
from rankdet.errors import InputError
from rankdet.evaluation.metrics.matches import read_matches
from rankdet.repository import ROOT
from rankdet.results import frames
from tests.report.fake_study import RUNS, make_study

NOTEBOOK = ROOT / "docs" / "tutorials" / "results.ipynb"
AP_RUN = "shapes/retinanet/ap/seed1"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("frames"), name="smoke")


@pytest.fixture(scope="module")
def results(plan: Path) -> frames.Results:
    return rankdet.results.open(plan.parent)


def record(plan: Path, key: str = AP_RUN) -> dict[str, Any]:
    return json.loads((plan.parent / key / "metrics.json").read_text())


def test_runs_are_typed_also_without_results(results) -> None:
    assert len(results.runs) == len(RUNS) and "smoke" in repr(results)
    assert results.run("shapes/atss/focal/seed1").status == "failed"
    assert results.run(AP_RUN).training.iterations == 300
    with pytest.raises(InputError, match="no run 'shapes/ap'"):
        results.run("shapes/ap")


def test_metrics_are_those_of_the_records(results, plan) -> None:
    frame = results.metrics()
    assert list(frame) == list(frames.METRIC_COLUMNS)
    assert not frame.duplicated(["run", "split", "iou_type", "metric"]).any()
    rows = frame[(frame["run"] == AP_RUN) & (frame["iou_type"] == "bbox")].set_index("metric")
    written = record(plan)
    for key in ("AP", "oLRP", "AP50"):
        assert rows.loc[key, "value"] == written["metrics"][key]
        assert [rows.loc[key, "low"], rows.loc[key, "high"]] == written["intervals"]["metrics"][key]
    masks = frame[(frame["run"] == AP_RUN) & (frame["iou_type"] == "segm")].set_index("metric")
    assert masks.loc["AP", "value"] == written["segm"]["metrics"]["AP"]
    assert np.issubdtype(frame["value"].dtype, np.floating)
    without = {"shapes/atss/focal/seed1", "shapes/retinanet/alrp+iou/seed1"}  # failed, diverged
    assert not without & set(frame["run"])


def test_classes_are_those_of_the_records(results, plan) -> None:
    frame = results.per_class()
    assert list(frame) == list(frames.CLASS_COLUMNS)
    rows = frame[(frame["run"] == AP_RUN) & (frame["iou_type"] == "bbox")]
    for category, metrics in record(plan)["per_class"].items():
        found = rows[rows["category_id"] == int(category)].set_index("metric")["value"]
        expected = pd.Series(metrics, dtype=float)
        pd.testing.assert_series_equal(found, expected, check_names=False)
    assert set(rows["category"]) == set(record(plan)["classes"].values())


def test_training_curves_have_a_row_per_iteration(results, plan) -> None:
    frame = results.training()
    assert list(frame)[: len(frames.TRAINING_COLUMNS)] == list(frames.TRAINING_COLUMNS)
    rows = frame[frame["run"] == AP_RUN]
    written = pd.read_parquet(plan.parent / AP_RUN / "train.parquet")
    assert rows["total_loss"].tolist() == written["loss"].tolist()
    assert (rows["loss"] == "ap").all()
    assert not frame.duplicated(["run", "iteration"]).any()
    assert not any("untrained" in key for key in frame["run"])


def test_matches_and_precision_agree_with_the_file(results, plan) -> None:
    frame = results.matches()
    assert list(frame) == list(frames.MATCH_COLUMNS)
    rows = frame[frame["run"] == AP_RUN]
    file = read_matches(plan.parent / AP_RUN / "matches.parquet")
    assert len(rows) == len(file.detections)
    assert rows["true_50"].sum() == sum(one.true(0).sum() for one in file.per_class())
    matched = rows[rows["true_50"]]
    assert (matched["annotation"] > 0).all() and (matched["iou"] >= 0.5).all()
    pr = results.precision_recall((0.5, 0.75))
    assert list(pr) == list(frames.CURVE_COLUMNS)
    one = pr[(pr["run"] == AP_RUN) & (pr["iou_threshold"] == 0.5)]
    by_class = one.groupby("category_id")["precision"].agg(["mean", "count"])
    assert (by_class["count"] == 101).all()
    assert by_class["mean"].mean() == pytest.approx(record(plan)["metrics"]["AP50"])


def test_a_study_without_results_has_empty_frames(tmp_path: Path) -> None:
    path = make_study(tmp_path, runs=[("retinanet", "ap", "", 1, "not run")])
    for frame in rankdet.results.open(path).frames().values():
        assert frame.empty and "run" in frame


def test_no_study_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"plan\.json is missing"):
        rankdet.results.open(tmp_path)


def test_a_study_is_found_by_its_name(plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(plan.parents[2])
    found = rankdet.results.open(plan.parent.name)
    assert [run.key for run in found.runs] == [run.key for run in rankdet.results.open(plan).runs]


@pytest.mark.parametrize(
    ("study", "message"),
    [
        ("smkoe", "no study 'smkoe' in results/: did you mean 'smoke'? studies with a plan: smoke"),
        ("study.zip", "study.zip: an exported study; unpack it first: `rankdet import study.zip`"),
        ("study.yaml", "study.yaml: a config, not a study's results; name the study"),
        (None, "None: not a study; give its name, its folder such as 'results/smoke'"),
        (3, "3: not a study"),
        ("", "'': not a study"),
    ],
)
def test_what_is_no_study_says_what_to_do(plan, tmp_path, monkeypatch, study, message) -> None:
    (tmp_path / "results").symlink_to(plan.parents[1])
    for name in ("study.zip", "study.yaml"):
        (tmp_path / name).write_text("study: x\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as error:
        rankdet.results.open(study)
    assert str(error.value).startswith(message)


def test_the_example_notebook_runs(plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cells in order, as a kernel runs them: the value of a last expression is shown."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert all(not cell.get("outputs") for cell in notebook["cells"])  # no numbers in the docs
    monkeypatch.chdir(plan.parents[2])
    names: dict[str, Any] = {}
    shown = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            tree = ast.parse(cell["source"])
            last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, str(NOTEBOOK), "exec"), names)
            if last is not None:
                value = ast.Expression(last.value)
                shown.append(eval(compile(value, str(NOTEBOOK), "eval"), names))
    tables = [one for one in shown if isinstance(one, pd.DataFrame)]
    assert len(tables) == 5 and all(len(one) and one.notna().any(axis=None) for one in tables)
    assert names["results"].study.name == "smoke"
