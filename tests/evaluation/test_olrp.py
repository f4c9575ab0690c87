"""oLRP, compared with a slow program that matches again at every score threshold."""

import math

import numpy as np
import pytest
from hypothesis import given, settings

from rankdet.errors import InputError
from rankdet.evaluation.metrics.olrp import olrp
from tests.evaluation.coco_cases import MANY, cases, matched


def iou_of(a, b, crowd):
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (a[2] * a[3] if crowd else a[2] * a[3] + b[2] * b[3] - both)


def found(truth, chosen, category):
    """Returns (IoUs of true positives, false positives) of the chosen results."""
    ious, false = [], 0
    for image in truth["images"]:
        here = [r for r in chosen if r["image_id"] == image["id"]]
        objects = [
            a
            for a in truth["annotations"]
            if a["image_id"] == image["id"] and a["category_id"] == category
        ]
        free = [a for a in objects if not a["iscrowd"]]
        for result in sorted(here, key=lambda r: -r["score"])[:100]:
            best, best_iou = None, 0.5
            for annotation in free:
                value = iou_of(result["bbox"], annotation["bbox"], False)
                if value >= best_iou:
                    best, best_iou = annotation, value
            if best is not None:
                free = [a for a in free if a is not best]
                ious.append(best_iou)
            elif not any(
                a["iscrowd"] and iou_of(result["bbox"], a["bbox"], True) >= 0.5 for a in objects
            ):
                false += 1
    return ious, false


def brute_force(truth, results, category, grid):
    objects = sum(a["category_id"] == category and not a["iscrowd"] for a in truth["annotations"])
    if objects == 0:
        return [None] * 5
    results = [r for r in results if r["category_id"] == category]
    ranked = sorted(
        sorted(results, key=lambda r: r["image_id"]), key=lambda r: r["score"], reverse=True
    )
    if grid:
        prefixes = [(s, [r for r in ranked if r["score"] >= s]) for s in np.linspace(0, 1, 101)]
    else:
        prefixes = [(r["score"], ranked[: i + 1]) for i, r in enumerate(ranked)]
    best = [1.0, None, None, 1.0, None]
    lowest = math.inf
    for score, chosen in prefixes:
        ious, false = found(truth, chosen, category)
        missed = objects - len(ious)
        errors = sum(1 - v for v in ious)
        lrp = (errors / 0.5 + false + missed) / (objects + false)
        if lrp < lowest - 1e-12:
            lowest = lrp
            if ious:
                rate = false / (len(ious) + false)
                best = [lrp, errors / len(ious), rate, missed / objects, score]
            else:
                best = [1.0, None, None, 1.0, None]
    return best


@settings(MANY, max_examples=100)
@given(case=cases())
@pytest.mark.parametrize("thresholds", ["exact", "grid101"])
def test_equals_brute_force(tmp_path, thresholds, case):
    truth, results = case
    mean, per_class = olrp(matched(tmp_path, truth, results), thresholds)
    expected = {c: brute_force(truth, results, c, thresholds == "grid101") for c in (2, 5, 9)}
    for category, values in expected.items():
        ours = list(per_class[category].values())
        assert ours[0] == (None if values[0] is None else pytest.approx(values[0], abs=1e-12))
        # Equal minima at different thresholds may differ in rounding, but oLRP is the same.
        if values[4] == ours[4]:
            assert ours == [None if v is None else pytest.approx(v, abs=1e-12) for v in values]
    defined = [v[0] for v in expected.values() if v[0] is not None]
    assert mean["oLRP"] == (pytest.approx(np.mean(defined)) if defined else None)


def case(results, objects=((0, 0, 10, 10),)):
    annotations = [
        {"id": i, "image_id": 1, "category_id": 1, "bbox": list(b), "area": 100, "iscrowd": 0}
        for i, b in enumerate(objects, start=1)
    ]
    truth = {
        "images": [{"id": 1, "height": 50, "width": 50}],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "a"}],
    }
    fields = {"image_id": 1, "category_id": 1}
    return truth, [fields | {"bbox": list(b), "score": s} for b, s in results]


def evaluated(folder, results, **options):
    return olrp(matched(folder, *case(results)), **options)


def test_by_hand(tmp_path):
    # One perfect hit after a miss: (0 + 1 + 0) / 2 at the second prefix, 1 at the first.
    mean, per_class = evaluated(tmp_path, [((30, 30, 5, 5), 0.9), ((0, 0, 10, 10), 0.4)])
    assert mean == {"oLRP": 0.5, "oLRP_Loc": 0.0, "oLRP_FP": 0.5, "oLRP_FN": 0.0}
    assert per_class[1]["lrp_threshold"] == 0.4


def test_nothing_found_leaves_components_undefined(tmp_path):
    mean, per_class = evaluated(tmp_path, [((30, 30, 5, 5), 0.9)])
    assert mean == {"oLRP": 1.0, "oLRP_Loc": None, "oLRP_FP": None, "oLRP_FN": 1.0}
    assert per_class[1]["lrp_threshold"] is None


def test_unknown_thresholds_are_named(tmp_path):
    with pytest.raises(InputError, match=r"grid7.*exact, grid101"):
        evaluated(tmp_path, [((0, 0, 10, 10), 0.9)], thresholds="grid7")
