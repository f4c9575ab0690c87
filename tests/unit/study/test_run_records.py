"""The record of an evaluated run."""

import json

import pytest

from analysis.errors import InputError
from analysis.run_records import write_split_metrics

TRUTH = {
    "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 64}],
    "categories": [{"id": 1, "name": "disc"}],
    "annotations": [
        {
            "id": 1,
            "image_id": 1,
            "category_id": 1,
            "bbox": [8, 8, 32, 32],
            "area": 1024,
            "iscrowd": 0,
        }
    ],
}
FOUND = [{"image_id": 1, "category_id": 1, "bbox": [8, 8, 32, 32], "score": 0.9}]
RUN = {
    "schema": "rankdet.run/1",
    "run": {"study": "s", "loss": "ap"},
    "status": "trained",
    "reason": None,
    "training": {"iterations": 3},
    "provenance": {"seed": 1},
}


@pytest.fixture()
def write(tmp_path):
    """Returns a function that evaluates with a changed run record and returns the metrics."""

    def run(split="val", **changes):
        (tmp_path / "gt.json").write_text(json.dumps(TRUTH))
        (tmp_path / "found.json").write_text(json.dumps(FOUND))
        (tmp_path / "run.json").write_text(json.dumps({**RUN, **changes}))
        splits = {"val": {"annotations": str(tmp_path / "gt.json")}}
        dataset = {"name": "shapes", "kind": "shapes", "checksum": "sha256:1", "splits": splits}
        (tmp_path / "dataset.json").write_text(json.dumps(dataset))
        write_split_metrics(
            split,
            detections=tmp_path / "found.json",
            run_json=tmp_path / "run.json",
            dataset_json=tmp_path / "dataset.json",
            out_metrics=tmp_path / "metrics.json",
            out_matches=tmp_path / "matches.parquet",
        )
        return json.loads((tmp_path / "metrics.json").read_text())

    return run


def test_measures_and_training_stand_together(write, tmp_path):
    record = write()
    assert record["schema"] == "rankdet.metrics/1"
    assert record["metrics"]["AP"] == pytest.approx(1.0)
    for key in ("run", "status", "reason", "training", "provenance"):
        assert record[key] == RUN[key]
    assert record["dataset"] == {
        "name": "shapes",
        "kind": "shapes",
        "checksum": "sha256:1",
        "split": "val",
    }
    assert (tmp_path / "matches.parquet").stat().st_size > 0


def test_a_diverged_run_has_no_metrics(write):
    kept = write()
    record = write(status="diverged", reason="loss is nan at iteration 2")
    assert record["metrics"].keys() == kept["metrics"].keys()
    assert set(record["metrics"].values()) == {None}
    assert set(record["per_class"]["1"].values()) == {None}
    assert record["reason"] == "loss is nan at iteration 2"
    assert "the run diverged" in record["notes"][-1]


def test_an_unknown_split_is_one_line(write):
    with pytest.raises(InputError, match="no split 'test'; known: val"):
        write("test")


def test_a_broken_record_is_one_line(write, tmp_path):
    write()
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(InputError, match=r"dataset.json: cannot be read"):
        write_split_metrics(
            "val",
            detections=tmp_path / "found.json",
            run_json=tmp_path / "run.json",
            dataset_json=tmp_path / "dataset.json",
            out_metrics=tmp_path / "metrics.json",
            out_matches=tmp_path / "matches.parquet",
        )
