"""Metrics at score thresholds per class, compared with an evaluation of the kept detections."""

import json

import pytest
from hypothesis import given

from rankdet.evaluation.evaluate import evaluate_files
from rankdet.evaluation.metrics.olrp import olrp
from rankdet.evaluation.metrics.operating_point import operating_point
from tests.evaluation.coco_cases import MANY, cases, matched, write

BOX = [0, 0, 10, 10]
AWAY = [50, 50, 10, 10]


def case(*found, objects=1):
    """One image of one class, with objects side by side, and detections (box, score)."""
    annotations = [
        {"id": i, "image_id": 1, "category_id": 1, "bbox": [20 * (i - 1), 0, 10, 10], "area": 100}
        | {"iscrowd": 0}
        for i in range(1, objects + 1)
    ]
    truth = {
        "images": [{"id": 1, "height": 99, "width": 99}],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "one"}, {"id": 2, "name": "without objects"}],
    }
    results = [{"image_id": 1, "category_id": 1, "bbox": b, "score": s} for b, s in found]
    return truth, results


def at_optimum(folder, truth, results):
    matches = matched(folder, truth, results)
    thresholds = {k: values["lrp_threshold"] for k, values in olrp(matches)[1].items()}
    return (*operating_point(matches, thresholds), thresholds)


def test_values_by_hand(tmp_path):
    # The two best are kept: a hit (IoU 1) and a false positive; one of two objects is missed.
    truth, results = case((BOX, 0.9), (AWAY, 0.8), (AWAY, 0.2), objects=2)
    found, per_class = operating_point(matched(tmp_path, truth, results), {1: 0.8})
    assert per_class[1] == {"F1": 0.5, "precision": 0.5, "recall": 0.5}
    assert found["metrics"]["LRP"] == pytest.approx((0 + 1 + 1) / 3)
    assert found["detections_per_image"] == 2
    assert per_class[2] == {"F1": None, "precision": None, "recall": None}


def test_a_class_without_a_threshold_keeps_nothing(tmp_path):
    truth, results = case((AWAY, 0.9))
    found, per_class, thresholds = at_optimum(tmp_path, truth, results)
    assert thresholds[1] is None
    assert per_class[1] == {"F1": 0.0, "precision": None, "recall": 0.0}
    assert found["metrics"] | {"precision": None} == {
        "AP": 0.0, "AP50": 0.0, "AP75": 0.0, "F1": 0.0, "precision": None, "recall": 0.0, "LRP": 1.0
    }  # fmt: skip
    assert found["detections_per_image"] == 0


@MANY
@given(case=cases())
def test_equals_an_evaluation_of_the_kept_detections(tmp_path, case):
    truth, results = case
    found, _, thresholds = at_optimum(tmp_path, truth, results)
    kept = [
        one
        for one in results
        if thresholds[one["category_id"]] is not None
        and one["score"] >= thresholds[one["category_id"]]
    ]
    again = evaluate_files(*write(tmp_path, truth, kept))["metrics"]
    for key in ("AP", "AP50", "AP75"):
        assert found["metrics"][key] == pytest.approx(again[key])


@MANY
@given(case=cases())
def test_without_ties_its_lrp_is_olrp(tmp_path, case):
    truth, results = case
    results = [one | {"score": 1 / (2 + i)} for i, one in enumerate(results)]
    found, _, _ = at_optimum(tmp_path, truth, results)
    assert found["metrics"]["LRP"] == pytest.approx(
        olrp(matched(tmp_path, truth, results))[0]["oLRP"]
    )


def test_it_is_in_the_record(tmp_path):
    result = evaluate_files(*write(tmp_path, *case((BOX, 0.9), (AWAY, 0.1))))
    assert result["operating_point"]["metrics"]["F1"] == 1.0
    assert result["per_class"]["1"]["lrp_threshold"] == 0.9
    assert result["per_class"]["1"]["F1"] == 1.0
    json.dumps(result, allow_nan=False)
