"""The comparison with the released LRP package: its results, and the reasons if it is skipped.

The package itself cannot be installed everywhere; a replacement with its interface is used.
"""

import json
import sys

import pytest

from rankdet.evaluation import lrp_check
from rankdet.evaluation.evaluate import evaluate_files

TRUTH = {
    "images": [{"id": 1, "height": 50, "width": 60}],
    "categories": [{"id": 1, "name": "cat"}, {"id": 3, "name": "dog"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10], "area": 100}
        | {"iscrowd": 0}
    ],
}
FOUND = [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 8], "score": 0.9}]
# oLRP of one detection of IoU .8: Loc .2, divided by .5. The second class has no ground truth.
STAND_IN = """
import numpy as np
class COCO:
    def __init__(self, path): pass
    def loadRes(self, path): return self
class COCOeval:
    def __init__(self, truth, found, kind):
        class params: catIds = [1, 3]
        self.params = params
    def evaluate(self): print("chatter")
    def accumulate(self):
        np.zeros(1).astype(np.float)
        def table(value): return np.array([value, -1.0]).reshape(2, 1, 1)
        names = ("olrp", "olrp_loc", "olrp_fp", "olrp_fn", "lrp_opt_thr")
        self.eval = dict(zip(names, map(table, (OLRP, 0.2, 0.0, 0.0, 0.9))))
"""


@pytest.fixture()
def check(tmp_path, monkeypatch):
    """Returns a function that evaluates, checks, and returns the record."""

    def run(found=FOUND, python=sys.executable, stand_in=None, **changes):
        gt, dt = tmp_path / "gt.json", tmp_path / "dt.json"
        gt.write_text(json.dumps(TRUTH))
        dt.write_text(json.dumps(found))
        (tmp_path / "metrics.json").write_text(json.dumps({**evaluate_files(gt, dt), **changes}))
        monkeypatch.setenv(lrp_check.PYTHON, python)
        if stand_in:
            (tmp_path / "pycocotools").mkdir()
            for name in ("__init__", "coco", "cocoeval"):
                (tmp_path / "pycocotools" / f"{name}.py").write_text(stand_in)
            monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        lrp_check.check_lrp(gt, dt, tmp_path / "metrics.json", tmp_path / "out.json")
        return json.loads((tmp_path / "out.json").read_text())

    return run


def test_equal_values(check):
    record = check(stand_in=STAND_IN.replace("OLRP", "0.4"))
    assert (record["schema"], record["status"]) == ("rankdet.lrp-check/1", "equal")
    assert record["classes"] == 2 and record["different"] == []
    assert record["largest_difference"] < 1e-12 and record["reason"] is None


def test_a_different_value_is_named(check):
    record = check(stand_in=STAND_IN.replace("OLRP", "0.5"))
    assert (record["status"], record["reason"]) == ("different", "1 values differ")
    (one,) = record["different"]
    assert (one["category"], one["value"], one["released"]) == ("1", "oLRP", 0.5)
    assert one["ours"] == pytest.approx(0.4)
    assert record["largest_difference"] == pytest.approx(0.1)


def test_undefined_equals_only_undefined():
    found = lrp_check.compare({"1": {"oLRP": None}}, {"1": {"oLRP": 0.5}})
    assert found["status"] == "different"
    assert lrp_check.compare({"1": {"oLRP": None}}, {"1": {"oLRP": None}})["status"] == "equal"


def test_cocos_package_is_skipped(check):
    record = check()
    assert record["status"] == "skipped"
    assert record["reason"].endswith(
        "the installed pycocotools is COCO's version, which has no LRP"
    )


def test_a_missing_python(check):
    record = check(python="/nowhere/python")
    assert record["status"] == "skipped"
    assert record["reason"] == "RANKDET_LRP_PYTHON is /nowhere/python, which is not a program"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"found": []}, "no detections"),
        ({"status": "diverged"}, "diverged"),
        ({"settings": {"max_dets": [300]}}, "LVIS"),
    ],
)
def test_data_that_the_package_does_not_support(check, changes, word):
    record = check(**changes)
    assert record["status"] == "skipped" and word in record["reason"]


def test_a_source_that_cannot_be_reached(check, monkeypatch, tmp_path):
    monkeypatch.setattr(lrp_check, "SOURCE", str(tmp_path / "no.git"))
    monkeypatch.setattr(lrp_check, "FOLDER", tmp_path / "env")
    record = check(python="")
    assert record["status"] == "skipped"
    assert "no.git cannot be reached: " in record["reason"]
    assert not (tmp_path / "env").exists()


def test_environment_and_code_name_the_same_package():
    assert lrp_check.PACKAGE in lrp_check.ENVIRONMENT.read_text()
