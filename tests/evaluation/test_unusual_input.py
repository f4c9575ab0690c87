"""Unusual but valid files: no objects, unusual ids, missing areas; notes report this."""

import json

import pytest

from rankdet.cli import main
from rankdet.evaluation.evaluate import evaluate_files
from tests.evaluation.bad_input import RESULTS, TRUTH, changed, write


def test_unknown_ids_can_be_left_out(tmp_path):
    more = [{**RESULTS[0], "image_id": 9}, {**RESULTS[0], "category_id": 2}]
    gt, dt = write(tmp_path, results=more + RESULTS)
    result = evaluate_files(gt, dt, ignore_unknown=True)
    assert result["counts"]["detections"] == 2
    assert [note.split(" that ")[0] for note in result["notes"]] == [
        "1 detection has image ids",
        "1 detection has category ids",
    ]
    gt, dt = write(tmp_path)
    assert evaluate_files(gt, dt)["metrics"] == result["metrics"]


@pytest.mark.parametrize("backend", ["matches", "hotcoco", "pycocotools"])
@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
def test_no_detections(tmp_path, backend, iou_type):
    gt, dt = write(tmp_path, results=[])
    out = evaluate_files(gt, dt, backend=backend, iou_type=iou_type, matches_path=tmp_path / "m")
    metrics = out["metrics"]
    assert metrics["AP"] == metrics["AP50"] == metrics["AR100"] == 0
    assert metrics["oLRP"] == metrics["oLRP_FN"] == 1
    empty = ["oLRP_Loc", "oLRP_FP", "pearson", "spearman", "kendall", "kendall_pooled"]
    assert all(metrics[key] is None for key in empty)
    assert "no detections" in out["notes"][0]


@pytest.mark.parametrize("backend", ["matches", "hotcoco", "pycocotools"])
def test_no_ground_truth(tmp_path, backend):
    gt, dt = write(tmp_path, truth={**TRUTH, "annotations": []})
    out = evaluate_files(gt, dt, backend=backend)
    assert all(value is None for value in out["metrics"].values())
    json.dumps(out, allow_nan=False)


def test_no_ground_truth_and_no_detections(tmp_path):
    truth = {"images": [], "annotations": [], "categories": []}
    gt, dt = write(tmp_path, truth=truth, results=[])
    out = evaluate_files(gt, dt, matches_path=tmp_path / "m.parquet")
    assert all(value is None for value in out["metrics"].values())
    assert out["per_class"] == {}


def test_scores_outside_the_unit_interval_are_noted(tmp_path):
    gt, dt = write(tmp_path, results=changed(RESULTS, (0, "score"), 5.5))
    out = evaluate_files(gt, dt)
    assert out["notes"] == [
        "1 detection has a score outside [0, 1]: used as given, calibration is undefined"
    ]
    assert out["calibration"]["D_ECE"] is None and out["calibration"]["LaECE"] is None
    assert out["per_class"]["1"]["LaECE"] is None
    gt, dt = write(tmp_path)
    assert out["metrics"]["AP"] == evaluate_files(gt, dt)["metrics"]["AP"]


IMAGES = [{"id": i, "width": 100, "height": 80} for i in (1, 2)]
REAL = [[10, 10, 30, 20], [60, 10, 30, 40], [5, 50, 90, 29], [70, 60, 30, 20], [40, 30, 50, 45]]


def notes_on(tmp_path, boxes, images=IMAGES):
    truth = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "a"}]}
    found = [
        {"image_id": 1 + i % 2, "category_id": 1, "bbox": box, "score": 0.5}
        for i, box in enumerate(boxes)
    ]
    return evaluate_files(*write(tmp_path, truth=truth, results=found))["notes"]


def test_corners_instead_of_sizes_are_noted_with_their_share(tmp_path):
    corners = [[x, y, x + w, y + h] for x, y, w, h in REAL]
    assert notes_on(tmp_path, corners) == [
        "4 of 5 boxes (80%) end far outside their image: are they x1, y1, x2, y2? Used as given; "
        "write x, y, width, height in pixels of the annotated images"
    ]


def test_boxes_of_larger_images_are_noted(tmp_path):
    (note,) = notes_on(tmp_path, [[3 * value for value in box] for box in REAL])
    assert "are they of images of another size?" in note


def test_boxes_relative_to_the_image_are_noted(tmp_path):
    (note,) = notes_on(tmp_path, [[x / 100, y / 80, w / 100, h / 80] for x, y, w, h in REAL])
    assert note.startswith("the largest coordinate of a box is 1: are they relative to the image?")


def test_ordinary_boxes_have_no_note(tmp_path):
    """Boxes that end a little outside, some that end far outside, and images of unknown size."""
    assert notes_on(tmp_path, REAL) == []
    assert notes_on(tmp_path, [[x, y, w + 9, h + 7] for x, y, w, h in REAL]) == []
    assert notes_on(tmp_path, [*REAL, [50, 50, 90, 90]]) == []
    assert notes_on(tmp_path, [[1, 2, 500, 600]], [{"id": 1}, {"id": 2}]) == []


@pytest.mark.parametrize("value", [7, None, "often", ["r"]])
def test_a_frequency_that_is_not_lviss_is_not_used(tmp_path, value):
    good = evaluate_files(*write(tmp_path))
    paths = write(tmp_path, truth=changed(TRUTH, ("categories", 0, "frequency"), value))
    out = evaluate_files(*paths)
    assert out["notes"] == [
        "1 category has a 'frequency' that is not one of LVIS's (r, c, f): not used"
    ]
    assert out["metrics"] == good["metrics"]


@pytest.mark.parametrize("backend", ["matches", "hotcoco", "pycocotools"])
def test_annotation_id_0_is_renumbered(tmp_path, backend):
    gt, dt = write(tmp_path)
    good = evaluate_files(gt, dt, backend=backend)
    gt, dt = write(tmp_path, truth=changed(TRUTH, ("annotations", 0, "id"), 0))
    out = evaluate_files(gt, dt, backend=backend)
    assert "annotation id 0" in out["notes"][0]
    assert out["metrics"] == good["metrics"]


def test_missing_areas_are_those_of_the_boxes(tmp_path):
    gt, dt = write(tmp_path)
    good = evaluate_files(gt, dt)
    gt, dt = write(tmp_path, truth=changed(TRUTH, ("annotations", 0, "area"), ...))
    out = evaluate_files(gt, dt)
    assert out["notes"] == ["1 annotation has no area: that of their boxes is used"]
    assert out["metrics"] == good["metrics"]


def test_extra_results_on_request(tmp_path, capsys):
    paths = write(tmp_path)
    out = tmp_path / "metrics.json"
    options = ["--bootstrap", "20", "--seed", "3", "--errors", "--sparsity-edges", "0,2"]
    assert main(["evaluate", *paths, *options, "--sparsity-crowds", "--out", str(out)]) == 0
    result = json.loads(out.read_text())
    assert result["intervals"]["replicates"] == 20 and result["intervals"]["seed"] == 3
    assert result["intervals"]["metrics"].keys() <= result["metrics"].keys()
    assert result["errors"]["counts"]["Miss"] == 0
    assert [(b["low"], b["high"]) for b in result["sparsity"]] == [(0, 1), (2, None)]
    assert "intervals from 20 draws" in capsys.readouterr().out
