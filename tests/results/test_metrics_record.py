"""The record of an evaluated run."""

import json
import re

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from rankdet.errors import InputError
from rankdet.evaluation.metrics.matches import read_matches
from rankdet.results.metrics_record import OF_MASKS, write_split_metrics
from rankdet.results.schemas.metrics import MetricsRecord
from rankdet.results.status import read_metrics, run_status

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

    def run(split="val", truth=TRUTH, found=FOUND, annotated=True, **changes):
        (tmp_path / "gt.json").write_text(json.dumps(truth))
        (tmp_path / "found.json").write_text(json.dumps(found))
        (tmp_path / "run.json").write_text(json.dumps({**RUN, **changes}))
        splits = {"val": {"annotations": str(tmp_path / "gt.json")}}
        splits["val"] |= {"images": str(tmp_path), "annotated": annotated}
        dataset = {"name": "shapes", "kind": "shapes", "checksum": "sha256:1", "splits": splits}
        dataset |= {"schema": "rankdet.dataset/1", "classes": [{"id": 1, "name": "disc"}]}
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


def with_masks(found, truth_mask=True):
    """Returns annotations and detections of the same square, as polygon and as RLE."""
    mask = np.zeros((64, 64), dtype=np.uint8, order="F")
    mask[8:40, 8:24] = 1  # the left half
    rle = coco_mask.encode(mask)
    rle["counts"] = rle["counts"].decode()
    truth = json.loads(json.dumps(TRUTH))
    if truth_mask:
        truth["annotations"][0]["segmentation"] = [[8, 8, 40, 8, 40, 40, 8, 40]]
    return truth, [{**one, "segmentation": rle} for one in found]


def test_masks_stand_beside_boxes(write):
    truth, found = with_masks(FOUND)
    record = write(truth=truth, found=found)
    assert "segm" not in write()
    assert record["metrics"] == write()["metrics"]  # boxes
    segm = record["segm"]
    assert segm.keys() == {*OF_MASKS}
    # The mask has the left half alone: IoU .5 just counts.
    assert segm["metrics"]["AP50"] == pytest.approx(1.0)
    assert segm["metrics"]["AP55"] == 0
    assert segm["metrics"]["oLRP"] == pytest.approx(1.0)
    assert segm["metrics"].keys() == record["metrics"].keys()
    assert segm["per_class"]["1"]["oLRP_Loc"] == pytest.approx(0.5)


def test_masks_of_a_diverged_run_are_null(write):
    truth, found = with_masks(FOUND)
    record = write(truth=truth, found=found, status="diverged")
    for part in (record, record["segm"]):
        assert set(part["metrics"].values()) == {None}
        assert set(part["bounds"]["upper"].values()) == {None}
        assert part["sparsity"][0]["AP"] is None and part["sparsity"][0]["images"] == 1
        assert part["calibration"]["D_ECE"] is None


def test_masks_without_annotated_masks_are_one_line(write):
    truth, found = with_masks(FOUND, truth_mask=False)
    with pytest.raises(InputError, match=r"gt.json: annotation 0 .from 0. has 'segmentation' None"):
        write(truth=truth, found=found)


def test_an_unknown_split_is_one_line(write):
    with pytest.raises(InputError, match="no split 'test'; known: val"):
        write("test")


def test_a_broken_record_is_one_line(write, tmp_path):
    write()
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(InputError, match=r"dataset.json cannot be read"):
        write_split_metrics(
            "val",
            detections=tmp_path / "found.json",
            run_json=tmp_path / "run.json",
            dataset_json=tmp_path / "dataset.json",
            out_metrics=tmp_path / "metrics.json",
            out_matches=tmp_path / "matches.parquet",
        )


def test_a_split_without_annotations_is_skipped_with_the_reason(write, tmp_path):
    record = write(truth={**TRUTH, "annotations": []}, annotated=False)
    assert record["metrics"] == {} and record["dataset"]["split"] == "val"
    assert record["skipped"].startswith("split 'val' has no annotations")
    matches = read_matches(tmp_path / "matches.parquet")
    assert len(matches.detections) == len(matches.ground_truth) == 0
    metrics, problem = read_metrics(tmp_path, None)
    assert metrics is None and problem == record["skipped"]
    status = run_status(tmp_path)
    assert status.status == "not evaluated" and "has no annotations" in status.reason


def test_a_bin_of_the_calibration_without_a_value_is_damage(tmp_path):
    path = tmp_path / "metrics.json"
    whole = {"low": 0.0, "high": 1.0, "detections": 3, "score": 0.5, "precision": 0.2, "iou": 0.7}
    record = {"schema": "rankdet.metrics/1", "metrics": {"AP": 0.3}}
    for bins, problem in (
        ([whole], None),
        ([whole, {k: v for k, v in whole.items() if k != "iou"}], "calibration.bins.1.iou"),
        ("none", "calibration.bins: should be a valid list"),
    ):
        path.write_text(json.dumps(record | {"calibration": {"D_ECE": 0.1, "bins": bins}}))
        _, found = MetricsRecord.read(path)
        assert (found is None) if problem is None else problem in found, found


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("AP", 7.0, r"metrics: AP: found 7; it must be in \[0, 1\]"),
        ("AP50", -0.3, r"AP50: found -0.3; it must be in \[0, 1\]"),
        ("oLRP", -5.0, r"oLRP: found -5"),
        ("pearson", 9.0, r"pearson: found 9; it must be in \[-1, 1\]"),
    ],
)
def test_a_metric_that_cannot_be_is_damage(tmp_path, name, value, told):
    content = {"schema": "rankdet.metrics/1", "metrics": {name: value}}
    (tmp_path / "metrics.json").write_text(json.dumps(content))
    record, problem = MetricsRecord.read(tmp_path / "metrics.json")
    assert record is None and re.search(told, problem)
    content["metrics"][name] = None
    (tmp_path / "metrics.json").write_text(json.dumps(content))
    assert MetricsRecord.read(tmp_path / "metrics.json")[0] is not None


def test_a_metric_in_another_part_that_cannot_be_is_damage(tmp_path):
    path = tmp_path / "metrics.json"
    record = {"schema": "rankdet.metrics/1", "metrics": {"AP": 0.3}}
    for part, problem in (
        ({"calibration": {"D_ECE": 7}}, "calibration.D_ECE: found 7; it must be at least 0 and at"),
        ({"operating_point": {"metrics": {"F1": -1}}}, "operating_point.metrics.F1: found -1"),
        ({"bounds": {"upper": {"AP": 30}}}, "bounds.upper.AP: found 30"),
        ({"segm": {"metrics": {}, "bounds": {"lower": {"AP": 2}}}}, "bounds.lower.AP: found 2"),
        ({"bounds": {"upper": {"AP": 0.4}}, "calibration": {"D_ECE": None}}, None),
    ):
        path.write_text(json.dumps(record | part))
        _, found = MetricsRecord.read(path)
        assert (found is None) if problem is None else problem in str(found), found
