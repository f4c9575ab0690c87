"""Whole pipelines on real photos, against mmdet's steps on the same photos."""

import numpy as np
import pytest
import torch

from tests.bench.bench_loader import CASES, datasets, manifest
from tests.shared_data import require_shared


@pytest.mark.needs_shared
@pytest.mark.parametrize("name", ["512 square, ssd", "800 x 1333, masks", "550 square, ssd, masks"])
def test_real_photos_and_their_objects_are_those_of_mmdet(name, tmp_path):
    require_shared("data", "coco_permissive_mini", "train2017")
    theirs, ours = datasets(manifest(tmp_path), *CASES[name])
    assert len(ours) > 40
    crowds = 0
    for index in range(len(ours)):
        expected, found = theirs[2, index], ours[2, index]
        near = (expected["inputs"].float() - found["inputs"].float()).abs().max()
        assert near < (0.05 if "ssd" in name else 1e-9)
        for part in ("gt_instances", "ignored_instances"):
            a, b = (getattr(item["data_samples"], part) for item in (expected, found))
            assert torch.equal(a.bboxes.tensor, b.bboxes.tensor)
            assert torch.equal(a.labels, b.labels)
            if "masks" in name:
                assert np.array_equal(a.masks.masks, b.masks.masks)
        crowds += len(found["data_samples"].ignored_instances.bboxes)
    assert crowds > 0 or "ssd" in name
