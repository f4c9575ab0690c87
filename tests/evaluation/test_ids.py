"""Ids of any size and sign give pycocotools' numbers, and those of small ids."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankdet.evaluation.coco.ids import from_one
from rankdet.evaluation.evaluate import evaluate_files
from rankdet.evaluation.metrics.matches import read_matches
from tests.evaluation.bad_input import RESULTS, TRUTH, changed, fails
from tests.evaluation.coco_cases import MANY, cases, write
from tests.evaluation.test_ap_equals_pycocotools import assert_all_equal
from tests.evaluation.test_lvis import random_case

FIRST = {
    "beyond floats": 2**53 + 1,
    "close to 2^63": 2**63 - 200,
    "negative": -100,
    "the smallest": -(2**63),
}


def moved(truth, results, *, image=0, category=0, annotation=0):
    """Returns a copy in which the ids are shifted; their order is the same."""
    truth, results = copy.deepcopy((truth, results))
    for entries, shift in ((truth["images"], image), (truth["categories"], category)):
        for entry in entries:
            entry["id"] += shift
            for key in ("neg_category_ids", "not_exhaustive_category_ids"):
                if key in entry:
                    entry[key] = [c + category for c in entry[key]]
    for entry in truth["annotations"]:
        entry["id"] += annotation
    for entry in [*truth["annotations"], *results]:
        entry["image_id"] += image
        entry["category_id"] += category
    return truth, results


@pytest.mark.fault("ids beyond 2^53 or negative, evaluated", tries=25)
@settings(MANY, max_examples=25)
@given(case=cases(), first=st.sampled_from(list(FIRST.values())), data=st.data())
def test_boxes_equal_pycocotools(tmp_path, case, first, data):
    which = st.sampled_from(["image", "category"])
    shifts = dict.fromkeys(data.draw(st.sets(which, min_size=1)), first)
    assert_all_equal(tmp_path, *moved(*case, **shifts), "bbox")


@pytest.mark.fault("ids beyond 2^53 or negative, evaluated", tries=10)
@settings(MANY, max_examples=10)
@given(case=cases(iou_type="segm", max_boxes=5), first=st.sampled_from(list(FIRST.values())))
def test_masks_equal_pycocotools(tmp_path, case, first):
    assert_all_equal(tmp_path, *moved(*case, image=first, category=first), "segm")


@pytest.mark.fault("ids beyond 2^53 or negative, evaluated")
@pytest.mark.parametrize("shift", FIRST.values(), ids=FIRST)
@pytest.mark.parametrize("kind", ["image", "category", "annotation"])
def test_every_number_of_federated_annotations_is_the_same(tmp_path, kind, shift):
    # The result has no ids except the keys of classes, so all other entries must be equal.
    truth, results = random_case(3, per_object=4)
    plain, other = (
        evaluate_files(*write(tmp_path, *case), bootstrap=20, errors=True)
        for case in ((truth, results), moved(truth, results, **{kind: shift}))
    )
    if kind == "category":
        for key in ("per_class", "classes"):
            other[key] = {str(int(k) - shift): v for k, v in other[key].items()}
        other["classes"] = plain["classes"]
    notes = [n for n in other.pop("notes") if "annotation ids are below 1" not in n]
    assert notes == plain.pop("notes")
    assert other == plain
    assert plain["metrics"]["AP"] > 0.1


@pytest.mark.parametrize("backend", ["matches", "hotcoco", "pycocotools"])
def test_annotation_ids_below_1_get_free_ids(tmp_path, backend):
    plain = evaluate_files(*write(tmp_path, TRUTH, RESULTS), backend=backend)
    truth = changed(TRUTH, ("annotations", 0, "id"), -1)
    truth = changed(truth, ("annotations", 1, "id"), 2**63 - 1)
    paths = write(tmp_path, truth, RESULTS)
    out = evaluate_files(*paths, backend=backend, matches_path=tmp_path / "m.parquet")
    assert out["metrics"] == plain["metrics"] and out["metrics"]["AP50"] > 0.99
    assert out["notes"] == ["1 annotation id is below 1 (-1): renumbered from 1"]
    # −1 marks a detection without a match: the table must not have it for a matched one.
    assert read_matches(tmp_path / "m.parquet").detections["annotation"].tolist() == [1, 2**63 - 1]


@given(st.sets(st.integers(-5, 5) | st.integers(2**63 - 4, 2**63 - 1)).map(list))
def test_new_ids_are_free(ids):
    new = from_one(ids)
    assert list(new) == [i for i in ids if i < 1]
    kept = [new.get(i, i) for i in ids]
    assert len(set(kept)) == len(ids) and all(1 <= i < 2**63 for i in kept)


@pytest.mark.fault("ids of more than 64 bits or of another kind, evaluated")
@pytest.mark.parametrize("value", [2**63, 2**64 - 1, -(2**63) - 1, float(2**53), True, "7"])
@pytest.mark.parametrize("place", ["images", "categories", "annotations", "results"])
def test_other_ids_are_one_line(tmp_path, capsys, place, value):
    if place == "results":
        given = {"results": changed(RESULTS, (1, "category_id"), value)}
        fails(tmp_path, capsys, "dt.json", "detection 1", repr(value), "whole numbers", **given)
    else:
        given = {"truth": changed(TRUTH, (place, 1, "id"), value)}
        fails(tmp_path, capsys, "gt.json", " 1 (from 0)", repr(value), "whole numbers", **given)
