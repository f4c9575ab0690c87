"""Invalid masks give one line and exit code 2, before pycocotools loops forever."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from rankdet.evaluation.coco.masks import broken_masks
from tests.evaluation.bad_input import RESULTS, fails


def segm(value):
    results = [
        {k: v for k, v in r.items() if k != "bbox"} | {"segmentation": value} for r in RESULTS
    ]
    return {"results": results, "options": ["--iou-type", "segm"]}


def test_bad_masks(tmp_path, capsys):
    fails(tmp_path, capsys, "segmentation", "None", **segm(None))
    fails(tmp_path, capsys, "segmentation", "polygons or RLE", **segm({"size": [50, 60]}))
    fails(tmp_path, capsys, "segmentation", **segm({"size": [50], "counts": "04"}))
    fails(tmp_path, capsys, "segmentation", **segm([["a", "b"]]))
    fails(tmp_path, capsys, "segmentation", **segm([[0, 0, 1e15, 0, 1e15, 1e15]]))
    fails(tmp_path, capsys, "10 times the image's longer side", **segm([[0, 0, 601, 0, 9, 9]]))
    fails(tmp_path, capsys, "segmentation", **segm([[0, 0, float("nan"), 0, 9, 9]]))
    fails(tmp_path, capsys, "segmentation", **segm([]))
    small = {"size": [5, 6], "counts": [0, 30]}
    fails(tmp_path, capsys, "5 x 6 pixels", "50 x 60", **segm(small))


@pytest.mark.fault("run lengths that do not add up, evaluated")
@pytest.mark.parametrize(
    "counts", ["", "0", "04", "hn1", "hn11", "hn1O", "hn1P", "\x7f", "nnnnnnn1"]
)
def test_run_lengths_must_add_up(tmp_path, capsys, counts):
    # pycocotools never returns for such masks.
    words = ("of 2 detections do not add up", "entry 0, 1 (from 0)")
    fails(tmp_path, capsys, *words, **segm({"size": [50, 60], "counts": counts}))


def test_valid_run_lengths_are_accepted():
    rng = np.random.default_rng(0)
    shapes = [(1, 1), (3, 7), (50, 60), (480, 640)]
    blobs = [
        np.asfortranarray((rng.random(shape) < p).astype(np.uint8))
        for shape in shapes
        for p in (0, 0.001, 0.02, 0.5, 1)
    ]
    masks = [coco_mask.encode(blob) for blob in blobs]
    assert broken_masks(masks).tolist() == []
    cut = [dict(m, counts=m["counts"][:-1]) if i in (4, 11) else m for i, m in enumerate(masks)]
    assert broken_masks(cut).tolist() == [4, 11]
