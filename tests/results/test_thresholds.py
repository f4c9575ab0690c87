"""LRP-optimal thresholds: exported from a record, and applied to a file of detections."""

import json

import pytest

from rankdet.cli import main
from rankdet.errors import InputError
from rankdet.evaluation.evaluate import evaluate_files
from rankdet.results.thresholds import keep_confident, read_thresholds, thresholds_record

TRUTH = {
    "images": [{"id": 1, "width": 100, "height": 100}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10], "area": 100},
        {"id": 2, "image_id": 1, "category_id": 2, "bbox": [50, 0, 10, 10], "area": 100},
    ],
    "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}, {"id": 3, "name": "emu"}],
}


def one(category, x, score):
    return {"image_id": 1, "category_id": category, "bbox": [x, 0, 10, 10], "score": score}


RIGHT = [one(1, 0, 0.5), one(2, 50, 0.25)]
WRONG = [one(1, 80, 0.4), one(2, 80, 0.24), one(3, 0, 0.99)]


@pytest.fixture
def run(tmp_path):
    """A run's folder: annotations, detections, manifest and metrics."""
    (tmp_path / "gt.json").write_text(json.dumps(TRUTH))
    (tmp_path / "detections.json").write_text(json.dumps([*RIGHT, *WRONG]))
    splits = {"val": {"annotations": str(tmp_path / "gt.json"), "images": str(tmp_path)}}
    manifest = {"schema": "rankdet.dataset/1", "name": "pets", "classes": [], "splits": splits}
    (tmp_path / "dataset.json").write_text(json.dumps(manifest))
    result = evaluate_files(tmp_path / "gt.json", tmp_path / "detections.json")
    result |= {"run": {"loss": "ap"}, "dataset": {"name": "pets", "split": "val"}}
    (tmp_path / "metrics.json").write_text(json.dumps(result))
    return tmp_path


def change(folder, **values):
    record = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps({**record, **values}))


def test_the_export_names_each_class_and_the_split(run, capsys):
    out = run / "thresholds.json"
    assert main(["thresholds", str(run), "--out", str(out)]) == 0
    record = json.loads(out.read_text())
    assert record["schema"] == "rankdet.thresholds/1"
    assert record["dataset"] == {"name": "pets", "split": "val"}
    assert record["run"] == {"loss": "ap"}
    assert record["classes"] == [
        {"id": 1, "name": "cat", "threshold": 0.5},
        {"id": 2, "name": "dog", "threshold": 0.25},
        {"id": 3, "name": "emu", "threshold": None},
    ]
    printed = capsys.readouterr().out
    assert "split 'val' of pets" in printed and "0.2500" in printed and "–" in printed


def test_a_file_of_rankdet_evaluate_will_do(run, capsys):
    change(run, run=None, dataset=None)
    assert main(["thresholds", str(run / "metrics.json")]) == 0
    assert "cat" in capsys.readouterr().out


@pytest.mark.parametrize("chosen", [None, "metrics.json"])
def test_detections_below_their_class_threshold_are_dropped(run, chosen):
    place = run / chosen if chosen else None
    keep_confident(run / "detections.json", run / "dataset.json", "val", place)
    assert json.loads((run / "detections.json").read_text()) == RIGHT


def test_thresholds_of_another_split_are_applied_as_they_are(run):
    change(run, per_class={"1": {"lrp_threshold": 0.6}, "2": {"lrp_threshold": 0.1}})
    keep_confident(run / "detections.json", run / "dataset.json", "val", run / "metrics.json")
    kept = json.loads((run / "detections.json").read_text())
    assert kept == [RIGHT[1], WRONG[1]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": "diverged"}, "the run diverged"),
        ({"per_class": {}}, "no thresholds per class"),
        ({"schema": "other"}, "expected 'rankdet.metrics/1'"),
    ],
)
def test_a_record_without_thresholds_is_one_line(run, changes, words):
    change(run, **changes)
    with pytest.raises(InputError, match=words) as error:
        thresholds_record(run / "metrics.json")
    assert "\n" not in str(error.value)


def test_a_folder_without_metrics_is_one_line(run, capsys):
    (run / "metrics.json").unlink()
    assert main(["thresholds", str(run)]) == 2
    assert "name the folder of an evaluated run" in capsys.readouterr().err


def test_ids_are_numbers(run):
    assert set(read_thresholds(run / "metrics.json")) == {1, 2, 3}
