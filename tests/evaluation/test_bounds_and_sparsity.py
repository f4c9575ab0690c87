"""Correlation bounds and sparsity bins, compared with results by hand and by pycocotools."""

import numpy as np
import pytest
from hypothesis import given, settings

from rankdet.errors import InputError
from rankdet.evaluation.metrics.ap import ap_tables, interpolated_precision, summarise
from rankdet.evaluation.metrics.bounds import correlation_bounds
from rankdet.evaluation.metrics.sparsity import objects_per_image, sparsity_bins
from tests.evaluation.coco_cases import MANY, cases, matched, pycocotools_tables, write


@MANY
@given(case=cases())
def test_bounds_enclose_ap_and_do_not_change_ap50(tmp_path, case):
    matches = matched(tmp_path, *case)
    ap, _ = summarise(ap_tables(matches), {}, matches.category_ids)
    bounds = correlation_bounds(matches)
    if ap["AP"] is None:
        assert set(bounds["upper"].values()) == {None}
        return
    assert bounds["upper"]["AP50"] == pytest.approx(ap["AP50"], abs=1e-12)
    assert bounds["lower"]["AP50"] == pytest.approx(ap["AP50"], abs=1e-12)
    for name in bounds["upper"]:
        assert bounds["lower"][name] <= bounds["upper"][name] + 1e-12


@MANY
@given(case=cases())
def test_bounds_take_the_first_or_last_matches_of_the_same_number(tmp_path, case):
    matches = matched(tmp_path, *case)
    tables = {"upper": [], "lower": []}
    for one in matches.per_class():
        if not one.positives():
            continue
        hits = np.flatnonzero(one.true())
        for bound, rows in tables.items():
            true = np.zeros((10, len(one.score)), dtype=bool)
            for t in range(10):
                count = min(int(one.true(t).sum()), len(hits))
                true[t, hits[:count] if bound == "upper" else hits[::-1][:count]] = True
            counted = np.tile(one.counted(), (10, 1))
            rows.append(interpolated_precision(true, counted, one.positives()).mean(axis=1))
    for bound, found in correlation_bounds(matches).items():
        values = [v for name, v in found.items() if name != "AP"]
        if not tables[bound]:
            assert set(values) == {None}
        else:
            np.testing.assert_allclose(values, np.mean(tables[bound], axis=0), rtol=0, atol=1e-12)


def hand_made():
    """Four objects found at IoU 1, .8, .6 and .6, the best-localised with the lowest score."""
    truth = {
        "images": [{"id": 1, "height": 99, "width": 99}],
        "categories": [{"id": 1, "name": "a"}],
        "annotations": [
            {"id": i + 1, "image_id": 1, "category_id": 1, "bbox": [20 * i, 0, 10, 10]}
            | {"area": 100, "iscrowd": 0}
            for i in range(4)
        ],
    }
    results = [
        {"image_id": 1, "category_id": 1, "bbox": [20 * i, 0, 10, side], "score": s}
        for i, (side, s) in enumerate([(10, 0.1), (8, 0.2), (6, 0.3), (6, 0.4)])
    ]
    return truth, results


def test_bounds_by_hand(tmp_path):
    bounds = correlation_bounds(matched(tmp_path, *hand_made()))
    # At .65 two of four are true. Ranked first they give precision 1 up to recall .5 (51 of the
    # 101 recalls). Ranked last they give 1/3 and 2/4, so .5 up to recall .5.
    assert bounds["upper"]["AP65"] == pytest.approx(51 / 101)
    assert bounds["lower"]["AP65"] == pytest.approx(51 / 101 * 0.5)
    # At .95 only one of four.
    assert bounds["upper"]["AP95"] == pytest.approx(26 / 101)
    assert bounds["lower"]["AP95"] == pytest.approx(26 / 101 * 0.25)


def test_bounds_if_no_detection_reaches_the_threshold(tmp_path):
    truth, results = hand_made()
    bounds = correlation_bounds(matched(tmp_path, truth, results[2:]))
    assert bounds["upper"]["AP50"] == bounds["lower"]["AP50"] > 0
    assert bounds["upper"]["AP90"] == bounds["lower"]["AP90"] == 0


@settings(MANY, max_examples=25)
@given(case=cases())
def test_a_bin_equals_the_evaluation_of_only_its_images(tmp_path, case):
    truth, results = case
    records = sparsity_bins(matched(tmp_path, truth, results), edges=[0, 2, 4])
    for record in records:
        chosen = set()
        for image in truth["images"]:
            count = sum(
                a["image_id"] == image["id"] and not a["iscrowd"] for a in truth["annotations"]
            )
            if record["low"] <= count <= (record["high"] or 10**9):
                chosen.add(image["id"])
        assert record["images"] == len(chosen)
        inside = [r for r in results if r["image_id"] in chosen]
        objects = [a for a in truth["annotations"] if a["image_id"] in chosen]
        if not inside or not any(not a["iscrowd"] for a in objects):
            continue
        images = [im for im in truth["images"] if im["id"] in chosen]
        paths = write(tmp_path, {**truth, "images": images, "annotations": objects}, inside)
        precision = pycocotools_tables(*paths, "bbox")[0][..., 0]
        assert record["AP"] == pytest.approx(precision[precision > -1].mean(), abs=1e-9)


def test_crowds_count_on_request(tmp_path):
    truth, results = hand_made()
    truth["annotations"][0]["iscrowd"] = 1
    matches = matched(tmp_path, truth, results)
    assert objects_per_image(matches).tolist() == [3]
    assert objects_per_image(matches, count_crowds=True).tolist() == [4]
    bins = sparsity_bins(matches)
    assert [b["images"] for b in bins] == [1, 0, 0, 0]
    assert [(b["low"], b["high"]) for b in bins] == [(0, 3), (4, 8), (9, 20), (21, None)]
    assert bins[1]["AP"] is None and bins[1]["oLRP"] is None
    with_crowds = sparsity_bins(matches, count_crowds=True)
    assert [b["images"] for b in with_crowds] == [0, 1, 0, 0]
    assert with_crowds[1]["objects"] == 4


@pytest.mark.parametrize("edges", [[], [3, 3], [4, 0], [-1, 3]])
def test_bad_edges(tmp_path, edges):
    with pytest.raises(InputError, match="must ascend"):
        sparsity_bins(matched(tmp_path, *hand_made()), edges)
