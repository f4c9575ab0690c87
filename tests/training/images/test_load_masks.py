"""Masks of annotations become what mmdet's loading and COCO's tools make of them."""

import numpy as np
import pytest
from mmdet.registry import TRANSFORMS
from pycocotools import mask as coco_mask

from rankdet.training.images.load_masks import LoadBoxMasks

HEIGHT, WIDTH = 40, 60
STAR = [5.2, 6.1, 30.7, 8.4, 22.3, 20.5, 33.9, 33.1, 12.6, 27.8]
BEYOND = [-4.0, 10.5, 8.3, 10.5, 8.3, 50.2, -4.0, 50.2]
LENGTHS = {"size": [HEIGHT, WIDTH], "counts": [400, 25, 15, 25, HEIGHT * WIDTH - 465]}
USABLE = {
    "polygon": [STAR],
    "two polygons": [STAR, [40, 5, 55, 5, 50, 15]],
    "a polygon beyond the image": [BEYOND],
    "a polygon and a line": [STAR, [1, 1, 2, 2]],
    "run lengths": LENGTHS,
    "no pixels": {"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH]},
}
UNUSABLE = {
    "a line": [[1, 1, 2, 2]],
    "nothing": [],
    "no counts": {"size": [HEIGHT, WIDTH]},
}


def given(segmentations):
    instances = [
        {"bbox": [0, 0, 9, 9], "bbox_label": 0, "ignore_flag": 0, "mask": one}
        for one in segmentations
    ]
    return {"ori_shape": (HEIGHT, WIDTH), "img_shape": (HEIGHT, WIDTH), "instances": instances}


def loaded(segmentations):
    step = TRANSFORMS.build({"type": "LoadAnnotations", "with_bbox": True})
    return LoadBoxMasks()(step(given(segmentations)))


def by_mmdet(segmentations):
    step = TRANSFORMS.build({"type": "LoadAnnotations", "with_bbox": True, "with_mask": True})
    return step(given(segmentations))


@pytest.mark.parametrize("name", USABLE)
def test_usable_masks_are_those_of_mmdet(name):
    segmentation = USABLE[name]
    found, expected = loaded([segmentation, [STAR]]), by_mmdet([segmentation, [STAR]])
    assert np.array_equal(found["gt_masks"].masks, expected["gt_masks"].masks)
    assert not found["gt_ignore_flags"].any()
    assert not expected["gt_ignore_flags"].any()


def test_compressed_run_lengths_are_read_too():
    packed = coco_mask.frPyObjects(dict(LENGTHS), HEIGHT, WIDTH)
    packed["counts"] = packed["counts"].decode()
    found = loaded([packed])["gt_masks"].masks
    assert np.array_equal(found, loaded([LENGTHS])["gt_masks"].masks)
    assert found.sum() == 50


@pytest.mark.parametrize("name", UNUSABLE)
def test_objects_without_a_usable_mask_are_ignored(name):
    found, expected = (load([[STAR], UNUSABLE[name]]) for load in (loaded, by_mmdet))
    assert (
        found["gt_ignore_flags"].tolist() == expected["gt_ignore_flags"].tolist() == [False, True]
    )
    assert found["gt_masks"].areas[1] == 0


def test_only_the_box_of_a_mask_is_stored():
    (part,) = loaded([[STAR]])["gt_masks"].parts
    rows, columns = (int(side) for side in np.array(part.shape))
    assert (rows, columns) <= (28, 30)
    assert part.any(0).all()
    assert part.any(1).all()
