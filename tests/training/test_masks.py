"""Masks from annotations through the transforms, and from predictions to run lengths."""

import json

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from rankdet.datasets import masks, prepare
from rankdet.errors import InputError
from rankdet.training import config, transforms
from rankdet.training.detections import coco_results, run_lengths
from rankdet.training.environment import set_up

SCHEDULE = {"image_size": 64, "batch_size": 2, "flip": False}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    set_up({"device": "cpu", "threads": 1})
    options = {"kind": "shapes", "seed": 3, "train_images": 12, "val_images": 2}
    options |= {"image_size": 64, "crowd_fraction": 0.5}
    return prepare("shapes", options, tmp_path_factory.mktemp("shapes"))


def spec(manifest, path, masks=True):
    path.write_text(json.dumps(manifest))
    detector = {"name": "m", "masks": masks}
    return {
        "manifest": str(path),
        "detector": "m",
        "detector_spec": detector,
        "splits": ["val"],
        "schedule": SCHEDULE,
    }


def test_training_masks_are_those_of_the_annotations(manifest):
    from mmdet.registry import DATASETS

    pipeline = transforms.train_pipeline(SCHEDULE, masks=True)
    data = DATASETS.build(config.dataset_config(manifest, "train", pipeline, train=True))
    coco = COCO(manifest["splits"]["train"]["annotations"])
    crowds = 0
    for index in range(len(data)):
        sample = data[index]["data_samples"]
        entries = coco.loadAnns(coco.getAnnIds(imgIds=[sample.img_id]))
        expected = [coco.annToMask(a) for a in entries if not a["iscrowd"]]
        found = sample.gt_instances.masks.masks
        assert found.shape == (len(expected), 64, 64)
        assert all((a == b).all() for a, b in zip(found, expected, strict=True))
        crowds += len(sample.ignored_instances.masks.masks)
    assert crowds > 0  # crowds, which are run lengths, are loaded and ignored


def test_resized_and_flipped_masks_stay_on_their_boxes(manifest):
    from mmdet.registry import DATASETS

    pipeline = transforms.train_pipeline({"image_size": 128}, masks=True)
    pipeline[-2]["prob"] = 1.0  # the flip
    data = DATASETS.build(config.dataset_config(manifest, "train", pipeline, train=True))
    for index in range(len(data)):
        instances = data[index]["data_samples"].gt_instances
        for mask, box in zip(instances.masks.masks, instances.bboxes.tensor, strict=True):
            rows, columns = mask.any(1).nonzero()[0], mask.any(0).nonzero()[0]
            around = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
            assert np.abs(np.array(around) - box.numpy()).max() <= 1.5


def test_data_without_masks_stops_a_detector_that_needs_them(manifest, tmp_path):
    path = tmp_path / "dataset.json"
    assert config.load_manifest(spec(manifest, path)) == manifest
    part = manifest["splits"]["val"]
    assert part["n_masks"] == part["n_annotations"] > 0
    bad = {**manifest, "splits": {**manifest["splits"], "val": {**part, "n_masks": 1}}}
    with pytest.raises(InputError, match="split 'val', have no usable 'segmentation'"):
        config.load_manifest(spec(bad, path))
    assert config.load_manifest(spec(bad, path, masks=False)) == bad


@pytest.mark.parametrize(
    ("segmentation", "usable"),
    [
        ([[0, 0, 4, 0, 4, 4]], True),
        ([[0, 0, 4, 0, 4, 4], [5, 5, 9, 5, 9, 9, 5, 9]], True),
        ({"size": [6, 8], "counts": [48]}, True),
        ({"size": [6, 8], "counts": "0P1"}, True),
        ({"size": [8, 6], "counts": [48]}, False),
        ({"size": [6, 8]}, False),
        ([], False),
        ([[0, 0, 4, 0]], False),
        ([[0, 0, 4, 0, 4, 4], [1, 1, 2]], False),
        ([["a"] * 6], False),
        (None, False),
    ],
)
def test_usable_masks(segmentation, usable):
    assert masks.is_usable(segmentation, [6, 8]) is usable


def test_predicted_masks_become_run_lengths():
    generator = torch.Generator().manual_seed(1)
    found = InstanceData(
        bboxes=torch.tensor([[1.0, 2.0, 5.0, 9.0], [0.0, 0.0, 3.0, 3.0]]),
        scores=torch.tensor([0.9, 0.25]),
        labels=torch.tensor([1, 0]),
        masks=torch.rand(2, 10, 7, generator=generator) > 0.5,
    )
    result = DetDataSample(metainfo={"img_id": 4})
    result.pred_instances = found
    detections = json.loads(json.dumps(coco_results(result, [3, 8])))
    assert [d["category_id"] for d in detections] == [8, 3]
    assert detections[0]["bbox"] == [1, 2, 4, 7]
    for detection, mask in zip(detections, found.masks.numpy(), strict=True):
        assert (coco_mask.decode(detection["segmentation"]) == mask).all()


def test_an_empty_mask_is_run_lengths_too():
    rle = run_lengths(np.zeros((5, 4), dtype=bool))
    assert coco_mask.decode(rle).sum() == 0
    assert rle["size"] == [5, 4]
