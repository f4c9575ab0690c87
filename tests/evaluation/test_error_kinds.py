"""Kinds of errors against hotcoco's counts, and confused classes against examples by hand."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given

from rankdet.evaluation.metrics.error_kinds import (
    BKG,
    BOTH,
    CLS,
    DUPE,
    EVERY_KIND,
    HIT,
    IGNORED,
    LOC,
    Boxes,
    best_iou_with_others,
    confusion,
    error_kinds,
)
from tests.evaluation.coco_cases import MANY, cases, hotcoco_errors, loaded, matched

OBJECT = [0, 0, 10, 10]
HALF_OFF = [0, 6, 10, 10]  # IoU .25 with the object
AWAY = [70, 70, 10, 10]


def boxes(matches, truth, results):
    by_id = {one["id"]: one["bbox"] for one in truth["annotations"]}
    found = [results[i]["bbox"] for i in matches.detections["detection"]]
    wanted = [by_id[i] for i in matches.ground_truth["annotation"]]
    return Boxes(*(np.array(part, dtype=float).reshape(-1, 4) for part in (found, wanted)))


def case(objects, detections):
    """One image of two classes: objects (class, box, crowd), detections (class, box, score)."""
    annotations = [
        {"id": i, "image_id": 1, "category_id": c, "bbox": b, "area": b[2] * b[3], "iscrowd": crowd}
        for i, (c, b, crowd) in enumerate(objects, start=1)
    ]
    truth = {
        "images": [{"id": 1, "height": 99, "width": 99}],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}],
    }
    results = [{"image_id": 1, "category_id": c, "bbox": b, "score": s} for c, b, s in detections]
    return truth, results


def kinds(folder, truth, results):
    """The kind of each detection, in the order of the results."""
    matches = matched(folder, truth, results)
    found = error_kinds(matches, best_iou_with_others(matches, boxes(matches, truth, results)))
    ordered = sorted(zip(matches.detections["detection"], found, strict=True))
    return [EVERY_KIND[kind] for _, kind in ordered]


def test_kinds_by_hand(tmp_path):
    truth, results = case(
        [(1, OBJECT, 0), (2, [40, 0, 10, 10], 0), (1, [0, 40, 30, 30], 1)],
        [
            (1, OBJECT, 0.9),
            (1, OBJECT, 0.8),
            (1, HALF_OFF, 0.7),
            (2, OBJECT, 0.6),
            (2, HALF_OFF, 0.5),
            (2, AWAY, 0.4),
            (1, [0, 40, 10, 10], 0.3),
        ],
    )
    assert kinds(tmp_path, truth, results) == [HIT, DUPE, LOC, CLS, BOTH, BKG, IGNORED]


def test_an_iou_of_exactly_a_tenth_is_near_its_class_and_background_for_others(tmp_path):
    tenth = [0, 0, 4, 20]  # of the object: 8 / 80
    truth, results = case([(1, [0, 0, 1, 8], 0)], [(1, tenth, 0.9), (2, tenth, 0.8)])
    assert kinds(tmp_path, truth, results) == [LOC, BKG]
    counts = hotcoco_errors(*loaded(tmp_path, truth, results), "bbox")["counts"]
    assert (counts[LOC], counts[BKG], counts[BOTH]) == (1, 1, 0)


@MANY
@given(case=cases())
def test_counts_are_those_of_hotcoco(case, tmp_path):
    truth, results = case
    # hotcoco takes the IoU with a crowd for one with an object.
    truth["annotations"] = [one for one in truth["annotations"] if not one["iscrowd"]]
    assume(truth["annotations"] and results)
    wanted = hotcoco_errors(*loaded(tmp_path, truth, results), "bbox")["counts"]
    found = Counter(kinds(tmp_path, truth, results))
    assert {k: found[k] for k in (LOC, CLS, DUPE, BKG, BOTH)} == {
        k: wanted[k] for k in (LOC, CLS, DUPE, BKG, BOTH)
    }


def test_pieces_of_the_pairs_give_the_same_kinds(tmp_path, monkeypatch: pytest.MonkeyPatch):
    objects = [(1 + i % 2, [10 * i, 0, 9, 9], 0) for i in range(8)]
    detections = [(1 + (i // 2) % 2, [10 * i + 2, 1, 9, 9], 0.1 * (i + 1)) for i in range(8)]
    truth, results = case(objects, detections)
    whole = kinds(tmp_path, truth, results)
    monkeypatch.setattr("rankdet.evaluation.metrics.nearest.MOST_PAIRS", 3)
    assert kinds(tmp_path, truth, results) == whole
    assert len(set(whole)) > 1


def confused(folder, truth, results, lowest=0.0):
    matches = matched(folder, truth, results)
    kept = matches.detections["score"].to_numpy() >= lowest
    return confusion(matches, boxes(matches, truth, results), kept).counts.tolist()


def test_confusion_by_hand(tmp_path):
    truth, results = case(
        [(1, OBJECT, 0), (2, [40, 0, 10, 10], 0), (2, [60, 0, 10, 10], 0), (1, [0, 40, 30, 30], 1)],
        [
            (2, OBJECT, 0.95),  # the object of class one is kept for the detection of its class
            (1, OBJECT, 0.9),
            (1, [40, 0, 10, 10], 0.8),  # one for two
            (1, [40, 1, 10, 10], 0.7),  # the object is taken: nothing
            (2, AWAY, 0.6),
            (1, [0, 40, 10, 10], 0.5),  # a crowd does not count
            (2, [60, 0, 10, 10], 0.1),
        ],
    )
    assert confused(tmp_path, truth, results) == [[1, 0, 0], [1, 1, 0], [1, 2, 0]]
    # Without the last detection its object is missed.
    assert confused(tmp_path, truth, results, 0.2) == [[1, 0, 0], [1, 0, 1], [1, 2, 0]]


@MANY
@given(case=cases())
def test_confusion_counts_each_object_and_detection_once(case, tmp_path):
    truth, results = case
    matches = matched(tmp_path, truth, results)
    kept = np.ones(len(matches.detections), dtype=bool)
    counts = confusion(matches, boxes(matches, truth, results), kept).counts
    rows, objects = matches.detections, matches.ground_truth
    for i, category in enumerate(matches.category_ids):
        of_class = rows[rows["category_id"] == category]
        real = objects[(objects["category_id"] == category) & ~objects["ignored_all"]]
        assert counts[i].sum() == len(real)
        assert counts[:, i].sum() == ((of_class["ignored_all"] & 1) == 0).sum()
        assert counts[i, i] >= ((of_class["true_all"] & 1) == 1).sum()
