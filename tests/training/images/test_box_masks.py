"""Masks inside their boxes against mmdet's bitmaps of whole images."""

import pickle

import mmcv
import numpy as np
import pytest
import torch
from mmdet.structures.mask import BitmapMasks
from mmengine.structures import InstanceData

from rankdet.training.images.box_masks import BoxMasks


def pair(rng, count, height, width):
    """Random bitmaps at random places, and the same as mmdet's masks."""
    parts, corners = [], []
    for _ in range(count):
        rows, columns = rng.integers(1, height + 1), rng.integers(1, width + 1)
        parts.append((rng.random((rows, columns)) < 0.6).astype(np.uint8))
        left, top = rng.integers(0, width - columns + 1), rng.integers(0, height - rows + 1)
        corners.append((int(left), int(top)))
    own = BoxMasks(parts, corners, height, width)
    return own, BitmapMasks(own.masks, height, width)


def one_change(rng, own, theirs):
    """Applies a random operation to both."""
    height, width = own.height, own.width
    kind = rng.integers(6)
    if kind == 0:
        scale = tuple(int(side) for side in rng.integers(5, 200, 2))
        if min(mmcv.rescale_size((width, height), scale)) < 1:
            return own, theirs
        return own.rescale(scale), theirs.rescale(scale)
    if kind == 1:
        shape = tuple(int(side) for side in rng.integers(5, 200, 2))
        return own.resize(shape), theirs.resize(shape)
    if kind == 2:
        direction = rng.choice(["horizontal", "vertical", "diagonal"])
        return own.flip(direction), theirs.flip(direction)
    if kind == 3:
        shape = (height + int(rng.integers(9)), width + int(rng.integers(9)))
        return own.pad(shape), theirs.pad(shape)
    if kind == 4:
        place = (height + 9, width + 20, int(rng.integers(9)), int(rng.integers(20)))
        return own.expand(*place), theirs.expand(*place)
    left, top = rng.integers(width), rng.integers(height)
    right, bottom = rng.integers(left, width) + 1, rng.integers(top, height) + 1
    box = np.array([left, top, right, bottom])
    return own.crop(box), theirs.crop(box)


def test_every_chain_of_operations_gives_the_same_pixels():
    rng = np.random.default_rng(0)
    for _ in range(60):
        own, theirs = pair(rng, int(rng.integers(1, 5)), *(int(n) for n in rng.integers(5, 120, 2)))
        for _ in range(6):
            own, theirs = one_change(rng, own, theirs)
            assert (own.height, own.width) == (theirs.height, theirs.width)
            assert np.array_equal(own.masks, theirs.masks)
            assert np.array_equal(own.areas, theirs.areas)


def boxes_inside(rng, count, height, width):
    """Boxes inside an image, among them the whole image and boxes of a pixel at its edges."""
    ends = np.sort(rng.uniform(0, 1, (count, 2, 2)), axis=1).reshape(count, 4)
    boxes = (ends * [width, height, width, height]).astype(np.float32)
    boxes[:4] = [
        [0, 0, width, height],
        [width - 1, height - 1, width, height],
        [0, 0, 1, 1],
        [0, 0, width, 2],
    ]
    return boxes


def test_targets_of_mask_heads_are_the_same():
    rng = np.random.default_rng(1)
    for _ in range(25):
        shape = tuple(int(side) for side in rng.integers(5, 90, 2))
        own, theirs = pair(rng, 4, *shape)
        own, theirs = own.pad((96, 96)), theirs.pad((96, 96))
        boxes, objects = boxes_inside(rng, 30, *shape), rng.integers(0, 4, 30)
        found, expected = (
            masks.crop_and_resize(boxes, (28, 28), objects, binarize=False).masks
            for masks in (own, theirs)
        )
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
        targets = own.crop_and_resize(boxes, (28, 28), objects).masks
        clear = np.abs(expected - 0.5) > 1e-5  # elsewhere, rounding decides
        assert np.array_equal(targets[clear], (expected >= 0.5)[clear])
        assert clear.mean() > 0.9


def test_objects_are_chosen_as_in_mmdet():
    own, theirs = pair(np.random.default_rng(2), 5, 20, 30)
    flags = np.array([True, False, True, True, False])
    for index in (2, [3, 1, 1], flags, torch.tensor([4, 0]), slice(1, 3), np.array([], dtype=int)):
        chosen = index.numpy() if isinstance(index, torch.Tensor) else index
        assert np.array_equal(own[index].masks, theirs[chosen].masks)
    instances = InstanceData(labels=torch.arange(5), masks=own)
    kept = instances[torch.tensor(flags)]
    assert np.array_equal(kept.masks.masks, theirs.masks[flags])
    joined = InstanceData.cat([kept, instances])
    assert len(joined.masks) == 8
    assert np.array_equal(joined.masks.masks[3:], theirs.masks)


def test_they_become_tensors_and_go_to_other_processes():
    own, theirs = pair(np.random.default_rng(3), 3, 200, 300)
    tensor = own.to_tensor(torch.float32, "cpu")
    assert torch.equal(tensor, theirs.to_tensor(torch.float32, "cpu"))
    sent = pickle.loads(pickle.dumps(own))
    assert np.array_equal(sent.masks, theirs.masks)
    small = BoxMasks([np.ones((4, 5), np.uint8)], [(10, 20)], 800, 1333)
    assert len(pickle.dumps(small)) < 1000


def test_no_objects_and_no_boxes_have_no_targets():
    none = BoxMasks([], [], 20, 30)
    assert none.masks.shape == (0, 20, 30)
    assert none.resize((40, 50)).flip().masks.shape == (0, 40, 50)
    assert none.crop_and_resize(np.zeros((0, 4), np.float32), (7, 7), []).masks.shape == (0, 7, 7)


def test_masks_are_padded_with_zeros_only():
    own, _ = pair(np.random.default_rng(4), 1, 10, 10)
    with pytest.raises(ValueError, match="padded with 0, not with 255"):
        own.pad((12, 12), 255)
