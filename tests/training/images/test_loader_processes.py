"""How many processes load the images of a training, and that their number changes nothing."""

import numpy as np
import pytest
import torch
from mmengine.runner import Runner

from rankdet.study.detectors import load_detector
from rankdet.training import config
from tests.training.tiny_runs import tiny_run


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    schedule = {"batch_size": 2, "iterations": 4, "augmentation": "ssd", "image_size": 48}
    made = tiny_run(tmp_path_factory.mktemp("data"), {**schedule, "keep_ratio": False})
    return {**made, "detector_spec": load_detector("mask-rcnn", "small")}


@pytest.mark.parametrize(
    ("threads", "workers", "device", "expected"),
    [
        (1, None, "auto", 0),
        (2, None, "auto", 1),
        (4, None, "cuda", 3),
        (64, None, "auto", 8),
        (4, None, "cpu", 0),
        (4, 0, "auto", 0),
        (1, 5, "cpu", 5),
    ],
)
def test_with_a_gpu_a_job_keeps_one_core_for_the_training(
    spec, monkeypatch, threads, workers, device, expected
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    own = {**spec, "threads": threads, "device": device}
    own["schedule"] = {**spec["schedule"], "workers": workers}
    manifest = config.load_manifest(own)
    loaders = config.train_loader(own, manifest), config.test_loader(own, manifest, "val")
    for loader in loaders:
        assert loader["num_workers"] == expected
        assert loader["persistent_workers"] == (expected > 0)


def test_without_a_gpu_all_cores_compute(spec, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    own = {**spec, "threads": 4, "device": "auto"}
    assert config.train_loader(own, config.load_manifest(own))["num_workers"] == 0


def batches(spec, workers):
    """The images and objects of two epochs."""
    own = {**spec, "schedule": {**spec["schedule"], "workers": workers}}
    loader = Runner.build_dataloader(config.train_loader(own, config.load_manifest(own)), seed=1)
    found = []
    for epoch in range(2):
        loader.batch_sampler.sampler.set_epoch(epoch)
        found += list(loader)
    return found


def test_images_boxes_and_masks_do_not_depend_on_the_number_of_processes(spec):
    alone, by_two = batches(spec, 0), batches(spec, 2)
    assert len(alone) == len(by_two) == 4
    for one, other in zip(alone, by_two, strict=True):
        assert torch.equal(torch.stack(one["inputs"]), torch.stack(other["inputs"]))
        for a, b in zip(one["data_samples"], other["data_samples"], strict=True):
            assert torch.equal(a.gt_instances.bboxes.tensor, b.gt_instances.bboxes.tensor)
            assert np.array_equal(a.gt_instances.masks.masks, b.gt_instances.masks.masks)
            assert a.gt_instances.masks.areas.sum() > 0
    assert not torch.equal(alone[0]["inputs"][0], alone[2]["inputs"][0])
