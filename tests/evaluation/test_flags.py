"""`iscrowd`, `ignore`, an area of 0 and LVIS's lists: read in one way, or one line."""

import pytest

from rankdet.evaluation.evaluate import evaluate_files
from tests.evaluation.bad_input import RESULTS, TRUTH, changed, fails, write
from tests.evaluation.test_lvis import random_case

BAD = ["0", "1", "False", "", 2, -1, 0.5, float("nan"), [0], [], {"a": 1}]


@pytest.mark.fault("`iscrowd` or `ignore` that is not 0 or 1, evaluated")
@pytest.mark.parametrize("key", ["iscrowd", "ignore"])
@pytest.mark.parametrize("value", BAD, ids=repr)
def test_a_flag_that_is_not_0_or_1_is_one_line(tmp_path, capsys, key, value):
    truth = changed(TRUTH, ("annotations", 1, key), value)
    fails(tmp_path, capsys, "gt.json", f"'{key}'", "annotation 2 has", "write 0 or 1", truth=truth)


@pytest.mark.parametrize(
    ("value", "crowds"), [(0, 0), (False, 0), (None, 0), (0.0, 0), (..., 0), (1, 1), (True, 1)]
)
def test_flags_that_can_be_read(tmp_path, value, crowds):
    out = evaluate_files(*write(tmp_path, changed(TRUTH, ("annotations", 0, "iscrowd"), value)))
    assert out["counts"]["crowd"] == crowds and out["counts"]["ground_truth"] == 2 - crowds


def test_ignore_is_noted_and_not_used(tmp_path):
    plain = evaluate_files(*write(tmp_path))
    out = evaluate_files(*write(tmp_path, changed(TRUTH, ("annotations", 0, "ignore"), True)))
    assert out["notes"][0].startswith("1 annotation has `ignore` without `iscrowd`: the flag is")
    assert out["metrics"] == plain["metrics"]


def test_an_area_of_0_is_noted(tmp_path):
    out = evaluate_files(*write(tmp_path, changed(TRUTH, ("annotations", 0, "area"), 0)))
    assert out["notes"][0].startswith("1 annotation has an area of 0, and their boxes are not")
    flat = changed(TRUTH, ("annotations", 0, "bbox"), [0, 0, 10, 0])
    assert (
        evaluate_files(*write(tmp_path, changed(flat, ("annotations", 0, "area"), 0)))["notes"]
        == []
    )


LISTS = ("neg_category_ids", "not_exhaustive_category_ids")


@pytest.mark.fault("image without LVIS's lists, evaluated")
@pytest.mark.parametrize("key", LISTS)
@pytest.mark.parametrize("value", [..., None, 3, "1", {}, ["1"], [1.5], [True], [2**63]], ids=repr)
def test_an_image_without_lviss_lists_is_one_line(tmp_path, capsys, key, value):
    truth, results = random_case(0, per_object=3)
    truth = changed(truth, ("images", 4, key), value)
    words = ("gt.json", "1 of LVIS's lists", "image 5 has", f"'{key}'", "every image")
    fails(tmp_path, capsys, *words, truth=truth, results=results)


def test_only_one_image_with_lviss_lists_is_one_line(tmp_path, capsys):
    truth = changed(TRUTH, ("images", 0, LISTS[0]), [3])
    words = ("3 of LVIS's lists", "image 1 has 'not_exhaustive_category_ids' None")
    fails(tmp_path, capsys, *words, truth=truth, results=RESULTS)
