"""AP from our matching, from hotcoco and from pycocotools: the same table, entry by entry."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankdet.evaluation.coco.loading import load_detections, load_ground_truth
from rankdet.evaluation.metrics.ap import ap_tables
from rankdet.evaluation.metrics.coco_evaluators import backend_tables
from rankdet.evaluation.metrics.matching import match
from tests.evaluation.coco_cases import MANY, cases, pycocotools_tables, write


def assert_all_equal(folder, truth, results, iou_type):
    gt_path, dt_path = write(folder, truth, results)
    precision, recall = pycocotools_tables(gt_path, dt_path, iou_type)
    ground_truth = load_ground_truth(gt_path, iou_type)
    detections = load_detections(dt_path, ground_truth, iou_type)
    tables = {
        "ours": ap_tables(match(ground_truth, detections, iou_type)),
        "hotcoco": backend_tables(ground_truth, detections, iou_type, "hotcoco"),
        "pycocotools": backend_tables(ground_truth, detections, iou_type, "pycocotools"),
    }
    for name, table in tables.items():
        np.testing.assert_allclose(table.precision, precision, rtol=0, atol=1e-9, err_msg=name)
        np.testing.assert_allclose(table.recall, recall, rtol=0, atol=1e-9, err_msg=name)


@MANY
@given(case=cases())
def test_boxes(tmp_path, case):
    assert_all_equal(tmp_path, *case, "bbox")


@settings(MANY, max_examples=30)
@given(case=cases(iou_type="segm", max_boxes=6))
def test_masks(tmp_path, case):
    assert_all_equal(tmp_path, *case, "segm")


@settings(MANY, max_examples=3)
@given(seed=st.integers(0, 10**6))
def test_more_than_100_detections_of_an_image_and_class(tmp_path, seed):
    rng = np.random.default_rng(seed)
    boxes = np.round(np.c_[rng.uniform(0, 60, (30, 2)), rng.uniform(5, 99, (30, 2))], 1)
    annotations = [
        {"id": i + 1, "image_id": 1, "category_id": 1, "bbox": box, "area": box[2] * box[3]}
        | {"iscrowd": int(i % 9 == 0)}
        for i, box in enumerate(boxes.tolist())
    ]
    moved = np.abs(boxes[rng.integers(0, 30, 350)] + rng.normal(0, 4, (350, 4)))
    results = [
        {"image_id": 1, "category_id": 1, "bbox": box, "score": float(round(score, 1))}
        for box, score in zip(moved.tolist(), rng.uniform(size=350), strict=True)
    ]
    images = [{"id": 1, "height": 200, "width": 200}]
    truth = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "a"}]}
    assert_all_equal(tmp_path, truth, results, "bbox")


@pytest.mark.parametrize("crowd", [0, 1])
@pytest.mark.parametrize("side", [32, 96])
def test_area_exactly_at_a_border_belongs_to_both_ranges(tmp_path, side, crowd):
    box = [0, 0, side, side]
    images = [{"id": 1, "height": 200, "width": 200}]
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": box, "area": side**2, "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 1, "bbox": [0, 0, side, side // 2]}
        | {"area": side**2 // 2, "iscrowd": crowd},
    ]
    truth = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "a"}]}
    results = [
        {"image_id": 1, "category_id": 1, "bbox": b, "score": s}
        for b, s in ((box, 0.9), ([0, 0, side, side // 2], 0.8), ([1, 0, side, side], 0.9))
    ]
    assert_all_equal(tmp_path, truth, results, "bbox")
    ground_truth = load_ground_truth(tmp_path / "gt.json")
    ranges = ("small", "medium") if side == 32 else ("medium", "large")
    frame = match(ground_truth, load_detections(tmp_path / "dt.json", ground_truth)).ground_truth
    assert not frame.loc[frame["annotation"] == 1, [f"ignored_{r}" for r in ranges]].any(axis=None)


@pytest.mark.parametrize("shift", [0, 4])
def test_for_equal_ious_the_last_ground_truth_is_taken(tmp_path, shift):
    # The first detection overlaps both objects equally, the second only the one at 0.
    objects = [[shift, 0, 10, 10], [4 - shift, 0, 10, 10]]
    annotations = [
        {"id": i, "image_id": 1, "category_id": 1, "bbox": box, "area": 100, "iscrowd": 0}
        for i, box in enumerate(objects, start=1)
    ]
    images = [{"id": 1, "height": 200, "width": 200}]
    truth = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "a"}]}
    results = [
        {"image_id": 1, "category_id": 1, "bbox": [x, 0, 10, 10], "score": s}
        for x, s in ((2, 0.9), (0, 0.8))
    ]
    assert_all_equal(tmp_path, truth, results, "bbox")
    ground_truth = load_ground_truth(tmp_path / "gt.json")
    frame = match(ground_truth, load_detections(tmp_path / "dt.json", ground_truth)).detections
    assert frame["annotation"].tolist() == ([2, 1] if shift == 0 else [2, -1])
