"""SSD's augmentation in one step against mmdet's steps one after the other."""

import numpy as np
import pytest
import torch
from mmdet.structures.mask import BitmapMasks
from scipy.stats import ks_2samp

from rankdet.training.images.box_masks import BoxMasks
from rankdet.training.images.ssd import SSDImages
from rankdet.training.transforms import augmentation
from tests.training.images.examples import both, changed, example

SQUARE = {"image_size": 512, "keep_ratio": False}
SIZES = {
    "square": SQUARE,
    "two sides": {"image_size": [200, 333]},
    "a range of sides": {"image_size": [320, 533], "multi_scale": [200, 320]},
    "one of three sides": {"image_size": [320, 533], "multi_scale": [200, 240, 320]},
}
NAMES = ("ssd", "ssd-crop", "ssd-lighting")
NOTED = ("img_shape", "scale", "scale_factor", "keep_ratio", "flip", "flip_direction")
ROUNDING = 2e-4  # of 255: colours in float32
PLACES = 0.05  # of 255: `cv2.warpAffine` against `cv2.resize`; OpenCV 4 rounds its places more


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sizes", SIZES)
def test_objects_are_those_of_mmdet_and_pixels_nearly(name, sizes):
    ours, theirs = both({**SIZES[sizes], "augmentation": name})
    for seed in range(25):
        found, expected = (changed(steps, example(seed), seed) for steps in (ours, theirs))
        assert torch.equal(found["gt_bboxes"].tensor, expected["gt_bboxes"].tensor)
        for key in ("gt_bboxes_labels", "gt_ignore_flags"):
            assert np.array_equal(found[key], expected[key])
        assert [found[key] for key in NOTED] == [expected[key] for key in NOTED]
        assert found["next"] == expected["next"]  # as many random numbers were drawn
        assert found["img"].dtype == expected["img"].dtype == np.float32
        near = ROUNDING if name == "ssd-crop" else PLACES
        assert np.abs(found["img"] - expected["img"]).max() < near


@pytest.mark.parametrize("name", ["ssd", "ssd-crop"])
@pytest.mark.parametrize("sizes", ["square", "two sides"])
def test_masks_are_those_of_mmdet(name, sizes):
    ours, theirs = both({**SIZES[sizes], "augmentation": name})
    for seed in range(25):
        given = [example(seed), example(seed)]
        height, width = given[0]["img_shape"]
        parts, corners = [], []
        for box in given[0]["gt_bboxes"].tensor.int().tolist():
            shape = (box[3] - box[1] + 1, box[2] - box[0] + 1)
            full = np.random.default_rng(seed).random(shape) < 0.5
            parts.append(full[: height - box[1], : width - box[0]].astype(np.uint8))
            corners.append((box[0], box[1]))
        given[0]["gt_masks"] = BoxMasks(parts, corners, height, width)
        given[1]["gt_masks"] = BitmapMasks(given[0]["gt_masks"].masks, height, width)
        found, expected = (changed(s, g, seed) for s, g in zip((ours, theirs), given, strict=True))
        assert np.array_equal(found["gt_masks"].masks, expected["gt_masks"].masks)


def test_an_image_without_objects_is_cropped_as_by_mmdet():
    ours, theirs = both({**SQUARE, "augmentation": "ssd"})
    canvases = 0
    for seed in range(60):
        found, expected = (changed(s, example(seed, 0), seed) for s in (ours, theirs))
        assert np.abs(found["img"] - expected["img"]).max() < PLACES
        canvases += bool(np.ptp(expected["img"], axis=(0, 1)).max() == 0)
    assert canvases > 0  # windows without any part of the image


def shapes(steps, seeds, boxes):
    """What a step makes of one image: shares of area, aspects, kept boxes, mean sides of boxes."""
    rows = []
    for seed in seeds:
        given = example(3)
        height, width = given["img_shape"] = (96, 128)
        given["img"] = np.zeros((height, width, 3), dtype=np.uint8)
        given["gt_bboxes"].tensor = boxes * torch.tensor([width, height, width, height])
        given["gt_bboxes_labels"] = np.arange(len(boxes))
        given["gt_ignore_flags"] = np.zeros(len(boxes), dtype=bool)
        found = changed(steps, given, seed)
        seen = [
            side / f
            for side, f in zip(found["img_shape"][::-1], found["scale_factor"], strict=True)
        ]
        sides = (found["gt_bboxes"].tensor[:, 2:] - found["gt_bboxes"].tensor[:, :2]).mean(0)
        kept = len(found["gt_bboxes"])
        rows.append([seen[0] * seen[1], seen[1] / seen[0], kept, *sides.tolist()])
    return np.array(rows)


@pytest.mark.parametrize("name", ["ssd", "ssd-crop"])
def test_other_seeds_have_the_distribution_of_mmdet(name):
    """Area and aspect of windows (with the canvas), kept boxes, sizes of boxes: none differs."""
    ours, theirs = both({"image_size": 32, "keep_ratio": False, "augmentation": name})
    boxes = torch.tensor([[0.1, 0.2, 0.4, 0.7], [0.3, 0.5, 0.9, 0.9], [0.6, 0.1, 0.7, 0.2]])
    found = shapes(ours, range(400), boxes)
    expected = shapes(theirs, range(1000, 1400), boxes)
    p = [ks_2samp(a, b).pvalue for a, b in zip(found.T, expected.T, strict=True)]
    assert min(p) > 0.001, p
    # The test has power: crops with another least side are not the same.
    larger = [dict(step) for step in ours[0].steps]
    larger[-2]["min_crop_size"] = 0.8
    other = shapes([SSDImages(larger)], range(400), boxes)
    assert ks_2samp(other[:, 0], expected[:, 0]).pvalue < 0.001


def test_a_wrong_setting_is_not_ignored():
    steps = [dict(step) for step in augmentation("ssd")]
    steps[0]["hue"] = steps[0].pop("hue_delta")
    with pytest.raises(TypeError, match="hue"):
        SSDImages([*steps, {"type": "Resize", "scale": (8, 8), "keep_ratio": False}])
