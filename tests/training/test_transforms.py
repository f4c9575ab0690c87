"""What the settings of a study do to images, before training and in tests."""

import copy
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from rankdet.datasets import prepare
from rankdet.errors import InputError
from rankdet.results import course
from rankdet.study.cards import load_loss
from rankdet.study.detectors import load_detector
from rankdet.training import config, inference, transforms
from rankdet.training.environment import set_up

SIZE = 96


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    made = {"kind": "shapes", "seed": 3, "image_size": SIZE, "train_images": 12, "val_images": 3}
    prepare("shapes", {**made, "empty_fraction": 0.0}, folder)
    set_up({"threads": 1, "device": "cpu"})
    return {
        "seed": 1,
        "preset": "small",
        "detector": "retinanet",
        "loss": "focal",
        "manifest": str(folder / "dataset.json"),
        "splits": ["val"],
        "detector_spec": load_detector("retinanet", "small"),
        "card": load_loss("focal").variant(""),
        "loss_file": None,
        "schedule": {"image_size": 64, "batch_size": 4},
        "test": {"score_threshold": 0.0, "max_per_image": 20},
    }


def training_images(spec, times=1, **schedule):
    """The images and boxes that training sees, `times` epochs of them."""
    from mmdet.registry import DATASETS

    spec = {**spec, "schedule": {**spec["schedule"], **schedule}}
    loader = config.train_loader(spec, config.load_manifest(spec))
    dataset = DATASETS.build(loader["dataset"])
    return [dataset[epoch, i] for epoch in range(times) for i in range(len(dataset))]


def test_images_are_fitted_into_a_square_or_between_two_sides(spec):
    assert {item["inputs"].shape for item in training_images(spec)} == {(3, 64, 64)}
    assert transforms.scale([500, 833]) == (833, 500)
    sides = {item["inputs"].shape[1:] for item in training_images(spec, image_size=[32, 64])}
    assert sides == {(32, 32)}


def test_multi_scale_draws_the_shorter_side(spec):
    items = training_images(spec, times=6, image_size=[64, 128], multi_scale=[48, 80])
    sides = Counter(item["inputs"].shape[1] for item in items)
    assert min(sides) >= 48
    assert max(sides) <= 80
    assert len(sides) > 12
    for item in items:  # boxes follow
        meta = item["data_samples"]
        boxes = meta.gt_instances.bboxes.tensor
        assert boxes.max() <= item["inputs"].shape[1]
        assert math.isclose(meta.scale_factor[0], item["inputs"].shape[2] / SIZE)


@pytest.mark.parametrize("augmentation", ["ssd", "ssd-crop"])
def test_ssd_augmentation_changes_sizes_and_colours_and_keeps_boxes_inside(spec, augmentation):
    plain = training_images(spec, flip=False)
    items = training_images(spec, 4, augmentation=augmentation, keep_ratio=False, flip=False)
    assert {item["inputs"].shape for item in items} == {(3, 64, 64)}  # whatever the crop's shape

    def areas(items):
        found = [i["data_samples"].gt_instances.bboxes.areas.mean() for i in items]
        return np.array([float(area) for area in found]) / 64**2

    smaller = areas(items) < 0.5 * np.tile(areas(plain), 4)
    assert smaller.any() == (augmentation == "ssd")  # only expansion makes objects that small
    assert (areas(items) > 1.2 * np.tile(areas(plain), 4)).any()
    for item in items:
        boxes = item["data_samples"].gt_instances.bboxes.tensor
        assert len(boxes)
        assert boxes.min() >= 0
        assert boxes.max() <= 64


def test_an_epoch_has_the_images_with_annotations_that_the_manifest_counts(spec, tmp_path):
    """Crowds count, although nothing is learned from them: mmdet keeps their images."""
    from mmdet.registry import DATASETS

    made = {"kind": "shapes", "seed": 3, "image_size": SIZE, "train_images": 16, "val_images": 1}
    prepare("shapes", {**made, "empty_fraction": 0.6, "crowd_fraction": 0.5}, tmp_path)
    manifest = config.load_manifest({**spec, "manifest": str(tmp_path / "dataset.json")})
    data = json.loads(Path(manifest["splits"]["train"]["annotations"]).read_text())
    objects = {one["image_id"] for one in data["annotations"] if not one["iscrowd"]}
    loaded = DATASETS.build(config.train_loader(spec, manifest)["dataset"])
    assert len(objects) < len(loaded) < 16
    assert manifest["splits"]["train"]["n_in_epoch"] == len(loaded)


def test_oversampling_repeats_images_of_rare_classes(spec):
    from mmdet.registry import DATASETS

    manifest = config.load_manifest(spec)
    loader = config.train_loader(
        {**spec, "schedule": {**spec["schedule"], "oversample": 1.0}}, manifest
    )
    balanced = DATASETS.build(loader["dataset"]).dataset
    plain = balanced.dataset
    classes = [set(plain.get_cat_ids(i)) for i in range(len(plain))]
    share = {c: sum(c in found for found in classes) / len(plain) for c in set().union(*classes)}
    wanted = [max(max(1.0, math.sqrt(1 / share[c])) for c in found) for found in classes]
    assert len(balanced) == sum(math.ceil(factor) for factor in wanted) > len(plain)


def test_scales_that_cannot_be_stretched_are_one_line(spec):
    with pytest.raises(InputError, match="`multi_scale` and `keep_ratio: false`"):
        training_images(spec, multi_scale=[48, 80], keep_ratio=False)


def detections(spec, **test):
    spec = copy.deepcopy(spec)
    spec["test"].update(test)
    model = inference.build_model(spec, "cpu")
    model.init_weights()
    return inference.detect(model, spec, "val", "cpu")[0]


def test_tests_have_an_image_size_of_their_own(spec):
    assert detections(spec, image_size=64) == detections(spec)
    assert detections(spec, image_size=96) != detections(spec)


def test_one_view_is_the_plain_test_and_several_are_put_together(spec):
    plain, one = detections(spec), detections(spec, multi_scale=[64])
    assert len(plain) == len(one)
    for a, b in zip(plain, one, strict=True):
        assert a["category_id"] == b["category_id"]
        assert np.allclose(a["bbox"] + [a["score"]], b["bbox"] + [b["score"]], rtol=0, atol=1e-6)
    both = detections(spec, multi_scale=[64, 96], flip=True)
    assert max(Counter(d["image_id"] for d in both).values()) <= 20
    assert {round(d["score"], 6) for d in both} - {round(d["score"], 6) for d in plain}
    boxes = np.array([d["bbox"] for d in both])
    assert (boxes[:, :2] + boxes[:, 2:]).max() <= SIZE + 0.01  # in the original image's pixels


def test_mirrored_views_give_mirrored_boxes(spec):
    """A detector that always finds the left half finds, mirrored, the right half too."""
    import torch
    from mmengine.structures import InstanceData

    class LeftHalf(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.test_cfg = {"nms": {"type": "nms", "iou_threshold": 0.5}, "max_per_img": 10}

        def test_step(self, data):
            for sample in data["data_samples"]:
                height, width = sample.ori_shape
                sample.pred_instances = InstanceData(
                    bboxes=torch.tensor([[0.0, 0.0, width / 2, height]]),
                    scores=torch.tensor([0.5]),
                    labels=torch.tensor([1]),
                )
            return data["data_samples"]

    spec = {**spec, "test": {"flip": True}}
    found = inference.detect(LeftHalf(), spec, "val", "cpu")[0]
    assert [d["bbox"] for d in found[:2]] == [[0.0, 0.0, 48.0, 96.0], [48.0, 0.0, 48.0, 96.0]]


def test_masks_of_several_views_are_refused():
    class Masks:
        with_mask = True

    with pytest.raises(InputError, match="mmdet cannot merge the masks of several views"):
        inference.with_views(Masks(), {"flip": True})


def test_multi_scale_of_several_sides_draws_one_of_them(spec):
    items = training_images(spec, times=6, image_size=[64, 128], multi_scale=[48, 64, 80])
    assert {item["inputs"].shape[1] for item in items} == {48, 64, 80}


def test_small_boxes_are_left_out_where_a_schedule_says_so(spec):
    def shortest(**schedule):
        items = training_images({**spec}, image_size=SIZE, flip=False, **schedule)
        boxes = [item["data_samples"].gt_instances.bboxes.tensor for item in items]
        sides = [(box[:, 2:] - box[:, :2]).min() for box in boxes if len(box)]
        return min(float(side) for side in sides)

    assert shortest() < 14 <= shortest(min_box=14)


def test_lighting_noise_adds_one_colour_to_the_whole_image():
    from rankdet.training.images.lighting import AXES, VARIANCES, LightingNoise

    image = np.full((2, 3, 3), 128, np.uint8)
    np.random.seed(4)  # noqa: NPY002
    changed = LightingNoise(0.1).transform({"img": image})["img"]
    np.random.seed(4)  # noqa: NPY002
    draw = np.random.normal(0, 0.1, 3)  # noqa: NPY002
    expected = sum(255 * AXES[:, i] * VARIANCES[i] * draw[i] for i in range(3))[::-1]
    np.testing.assert_allclose(changed - 128.0, np.broadcast_to(expected, (2, 3, 3)), atol=1e-4)
    white = LightingNoise(5.0).transform({"img": np.full((1, 1, 3), 255, np.uint8)})["img"]
    assert white.max() <= 255


def test_images_of_a_stretched_test_fill_the_square(spec):
    kept, stretched = (
        transforms.test_pipeline(spec["schedule"], {"keep_ratio": keep}) for keep in (True, False)
    )
    assert (kept[1]["keep_ratio"], stretched[1]["keep_ratio"]) == (True, False)


def test_rates_fall_along_a_cosine_from_a_warm_up_of_its_own(spec):
    schedule = {"lr_policy": "cosine", "warmup": 10, "warmup_ratio": 0.1}
    warm, cosine = course.lr_schedule(schedule, 200)
    assert (warm["start_factor"], warm["end"]) == (0.1, 10)
    assert (cosine["type"], cosine["end"], cosine["eta_min"]) == ("CosineAnnealingLR", 200, 0)


def test_gradients_are_clipped_and_another_optimiser_chosen(spec):
    chosen = {**spec["schedule"], "lr": 0.1, "optimizer": "adamw", "grad_clip": 35}
    made = config.optimizer_config({**spec, "schedule": chosen})
    assert made["clip_grad"] == {"max_norm": 35, "norm_type": 2}
    assert made["optimizer"] == {"type": "AdamW", "lr": 0.1, "weight_decay": 1e-4}
