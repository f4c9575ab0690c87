"""Weights of images are compared with a split in which the images are repeated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankdet.evaluation.metrics.accumulate import running
from rankdet.evaluation.metrics.ap import ap_tables, summarise
from rankdet.evaluation.metrics.bootstrap import AP_KEYS, resampled
from rankdet.evaluation.metrics.correlation import correlations
from rankdet.evaluation.metrics.olrp import olrp
from tests.evaluation.coco_cases import MANY, cases, matched


def everything(matches):
    ap, _ = summarise(ap_tables(matches), {}, matches.category_ids)
    values = {**{k: ap[k] for k in AP_KEYS}, **olrp(matches)[0], **correlations(matches)[0]}
    return {k: np.nan if v is None else v for k, v in values.items()}


def differ_by_rounding(matches):
    """Whether two overlaps would be equal in exact arithmetic, but are not as floats."""
    gaps = np.diff(np.unique(matches.detections["best_iou"].to_numpy()))
    return bool((gaps < 1e-9).any())


def repeated(truth, results, times):
    """Returns the same data with each image `times[id]` times, copies next to each other."""
    images, annotations, detections = [], [], []
    for image in sorted(truth["images"], key=lambda im: im["id"]):
        for _ in range(times[image["id"]]):
            new = {"image_id": len(images) + 1}
            images.append({**image, "id": len(images) + 1})
            mine = [a for a in truth["annotations"] if a["image_id"] == image["id"]]
            annotations += [{**a, **new, "id": len(annotations) + i} for i, a in enumerate(mine, 1)]
            detections += [{**r, **new} for r in results if r["image_id"] == image["id"]]
    return {**truth, "images": images, "annotations": annotations}, detections


def test_a_hit_that_is_no_better_than_no_detection_has_parts(tmp_path):
    """LRP is 1 with the hit at IoU .5, after the false positive, and without detections."""
    images = [{"id": i, "height": 120, "width": 120} for i in (7, 3)]
    box = {"category_id": 5, "iscrowd": 0}
    truth = {
        "images": images,
        "annotations": [
            {**box, "id": 1, "image_id": 7, "bbox": [0, 0, 0, 0], "area": 0},
            {**box, "id": 2, "image_id": 3, "bbox": [0, 0, 10, 20], "area": 200},
        ],
        "categories": [{"id": 5, "name": "c5"}],
    }
    hit = {"image_id": 3, "category_id": 5, "score": 0.1, "bbox": [0, 0, 10, 10]}
    miss = {"image_id": 7, "category_id": 5, "score": 0.2, "bbox": [0, 0, 0, 0]}
    for results in ([hit], [hit, miss]):
        matches = matched(tmp_path, truth, results)
        plain = everything(matches)
        assert (plain["oLRP"], plain["oLRP_Loc"], plain["oLRP_FN"]) == (1, 0.5, 0.5)
        assert plain["oLRP_FP"] == (len(results) - 1) / 2
        ours = resampled(matches, np.array([[1, 1]]))
        for name, values in ours.items():
            np.testing.assert_allclose(values, [plain[name]], rtol=0, atol=1e-9, err_msg=name)


@settings(MANY, max_examples=80)
@given(case=cases(), times=st.lists(st.integers(0, 3), min_size=3, max_size=3))
def test_weight_is_repetition(tmp_path, case, times):
    truth, results = case
    # Copies of an image have no defined order of tied scores.
    results = [{**r, "score": r["score"] / 2 + i / 1000} for i, r in enumerate(results)]
    matches = matched(tmp_path, truth, results)
    weights = np.array([times, [1, 1, 1]])
    ours = resampled(matches, weights)
    by_id = dict(zip(matches.image_ids.tolist(), times, strict=True))
    expected = everything(matched(tmp_path, *repeated(truth, results, by_id)))
    plain = everything(matches)
    assert ours.keys() == expected.keys()
    rounded = differ_by_rounding(matches)
    for name, values in ours.items():
        if rounded and name.startswith(("pearson", "spearman", "kendall")):
            continue  # the coefficient of rounding errors has no defined value
        wanted = [expected[name], plain[name]]
        np.testing.assert_allclose(values, wanted, rtol=0, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("rows", [0, 1, 63, 64, 65, 1023, 1024, 1025, 3000])
def test_running_is_accumulate(rows):
    table = np.random.default_rng(rows).integers(0, 9, (rows, 3)).astype(float)
    np.testing.assert_array_equal(running(table.copy()), np.cumsum(table, axis=0))
    backwards = running(table.copy()[::-1], np.maximum)
    np.testing.assert_array_equal(backwards, np.maximum.accumulate(table[::-1], axis=0))


def test_many_weightings_at_once_equal_single_ones(tmp_path):
    rng = np.random.default_rng(0)
    images = [{"id": i, "height": 50, "width": 50} for i in range(1, 21)]
    boxes = rng.uniform(1, 30, (60, 4)).round(1)
    annotations = [
        {"id": i + 1, "image_id": i % 20 + 1, "category_id": i % 3, "bbox": b, "iscrowd": 0}
        for i, b in enumerate(boxes.tolist())
    ]
    truth = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": i, "name": str(i)} for i in range(3)],
    }
    results = [
        {k: a[k] for k in ("image_id", "category_id")}
        | {"bbox": (np.array(a["bbox"]) + rng.uniform(0, 3, 4)).tolist(), "score": rng.random()}
        for a in annotations * 2
    ]
    matches = matched(tmp_path, truth, results)
    weights = rng.integers(0, 3, (25, 20))
    together = resampled(matches, weights)
    for b in range(0, 25, 8):
        alone = resampled(matches, weights[b : b + 1])
        for name, values in together.items():
            assert values[b] == pytest.approx(alone[name][0], abs=1e-12, nan_ok=True), name
    assert set(resampled(matches, weights, ["olrp"])) == {
        "oLRP",
        "oLRP_Loc",
        "oLRP_FP",
        "oLRP_FN",
    }
