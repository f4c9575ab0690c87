"""Calibration, curves and score sweeps, compared with other ways to compute the same numbers."""

import hotcoco
import numpy as np
import pytest
from hypothesis import assume, given, settings

from rankdet.evaluation.metrics.calibration import calibration
from rankdet.evaluation.metrics.curves import precision_recall, score_sweep
from rankdet.evaluation.metrics.error_costs import error_costs
from rankdet.evaluation.metrics.matching import match
from rankdet.evaluation.metrics.olrp import lrp_curve, olrp
from tests.evaluation.coco_cases import MANY, cases, loaded, matched, pycocotools_tables, write

FEWER = settings(MANY, max_examples=40)


@FEWER
@given(case=cases())
def test_d_ece_equals_hotcocos(tmp_path, case):
    assume(case[0]["annotations"])  # hotcoco needs ground truth
    ours = calibration(matched(tmp_path, *case), bins=10)
    gt_path, dt_path = write(tmp_path, *case)
    truth = hotcoco.COCO(str(gt_path))
    evaluator = hotcoco.COCOeval(truth, truth.load_res(str(dt_path)), "bbox")
    evaluator.evaluate()
    theirs = evaluator.calibration(n_bins=10)
    if theirs["num_detections"] == 0:
        assert ours["D_ECE"] is None
    else:
        # At the edge of a bin the rounding of hotcoco may differ from ours.
        assert sum(b["detections"] for b in ours["bins"]) == theirs["num_detections"]
        if all(r["score"] * 10 % 1 > 1e-9 for r in case[1]):
            assert ours["D_ECE"] == pytest.approx(theirs["ece"], abs=1e-9)


def one_class(results, objects=4):
    truth = {
        "images": [{"id": 1, "height": 99, "width": 99}],
        "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "empty"}],
        "annotations": [
            {"id": i + 1, "image_id": 1, "category_id": 1, "bbox": [20 * i, 0, 10, 10]}
            | {"area": 100, "iscrowd": 0}
            for i in range(objects)
        ],
    }
    fields = {"image_id": 1, "category_id": 1}
    return truth, [fields | {"bbox": box, "score": s} for box, s in results]


def test_calibration_by_hand(tmp_path):
    # Bin [.8, 1]: scores .9, .85; one hit of IoU .6: |.875 − .5| and |.875 − .5 * .6|.
    # Bin [0, .2): score .1, one hit of IoU 1: |.1 − 1| both.
    results = [([0, 0, 10, 6], 0.9), ([0, 50, 9, 9], 0.85), ([20, 0, 10, 10], 0.1)]
    ours = calibration(match(*loaded(tmp_path, *one_class(results))), bins=5)
    assert ours["D_ECE"] == pytest.approx((2 * (0.875 - 0.5) + 0.9) / 3)
    assert ours["LaECE"] == pytest.approx((2 * (0.875 - 0.3) + 0.9) / 3)
    assert ours["LaECE_per_class"] == {1: ours["LaECE"], 2: None}
    last = ours["bins"][-1]
    assert (last["detections"], last["precision"], last["iou"]) == (2, 0.5, pytest.approx(0.6))
    assert ours["bins"][2]["score"] is None


def test_perfectly_calibrated_scores_have_no_error(tmp_path):
    results = [([20 * i, 0, 10, 10], 1.0) for i in range(4)]
    ours = calibration(match(*loaded(tmp_path, *one_class(results))))
    assert ours["D_ECE"] == ours["LaECE"] == 0


@FEWER
@given(case=cases())
def test_precision_recall_is_pycocotools(tmp_path, case):
    matches = match(*loaded(tmp_path, *case))
    table = pycocotools_tables(tmp_path / "gt.json", tmp_path / "dt.json", "bbox")[0][..., 0]
    frame = precision_recall(matches, (0.5, 0.75))
    for t, threshold in ((0, 0.5), (5, 0.75)):
        for k, category in enumerate(matches.category_ids):
            chosen = (frame["category_id"] == category) & (frame["iou_threshold"] == threshold)
            rows = frame[chosen]
            expected = table[t, :, k]
            assert len(rows) == (0 if expected[0] < 0 else 101)
            if len(rows):
                np.testing.assert_allclose(rows["precision"], expected, atol=1e-9)
    mean = precision_recall(matches, (0.5,), per_class=False)
    if len(mean):
        average = table[0][table[0] > -1].mean()
        assert mean["precision"].mean() == pytest.approx(average, abs=1e-9)


@FEWER
@given(case=cases())
def test_the_lowest_point_of_the_lrp_curve_is_olrp(tmp_path, case):
    matches = match(*loaded(tmp_path, *case))
    _, per_class = olrp(matches)
    for one in matches.per_class():
        curve = lrp_curve(one)
        if one.positives() and len(curve.score):
            lowest = per_class[one.category_id]["oLRP"]
            assert curve.lrp.min() == pytest.approx(lowest, abs=1e-12)
        assert (np.diff(curve.score) <= 0).all()


@FEWER
@given(case=cases())
def test_a_sweep_is_the_evaluation_of_the_kept_detections(tmp_path, case):
    truth, results = case
    frame = score_sweep(match(*loaded(tmp_path, truth, results)), [0.0, 0.3, 0.95])
    for _, row in frame.iterrows():
        kept = [r for r in results if r["score"] >= row["score_threshold"]]
        assert row["detections_per_image"] == pytest.approx(len(kept) / 3)
        matches = match(*loaded(tmp_path, truth, kept))
        expected = olrp(matches)[0]["oLRP"]
        assert row["oLRP"] == pytest.approx(np.nan if expected is None else expected, nan_ok=True)
        if kept:
            table = pycocotools_tables(tmp_path / "gt.json", tmp_path / "dt.json", "bbox")[0]
            valid = table[..., 0][table[..., 0] > -1]
            wanted = valid.mean() if valid.size else np.nan
            assert row["AP"] == pytest.approx(wanted, abs=1e-9, nan_ok=True)


def test_costs_of_errors(tmp_path):
    # One hit, one at IoU .3 (location error), no detection of the other two objects.
    results = [([0, 0, 10, 10], 0.9), ([20, 0, 10, 3], 0.8)]

    def costs(results):
        truth, found = loaded(tmp_path, *one_class(results))
        return error_costs(truth, found, match(truth, found))

    found = costs(results)
    assert found["counts"]["Loc"] == 1 and found["counts"]["Miss"] == 2
    assert found["delta_ap"]["Loc"] > 0
    assert costs([]) == {}
