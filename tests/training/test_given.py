"""A given checkpoint: fitted to the detector, with the names of mmdet 3.x, 2.x and the papers."""

import json

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import ConfigDict

from rankdet.datasets import prepare
from rankdet.detectors.models import mmdet_base, model_config
from rankdet.errors import InputError
from rankdet.files import sha256
from rankdet.study import cards, detectors
from rankdet.training import given, predict
from rankdet.training.checkpoint_file import CheckpointFile
from rankdet.training.environment import set_up
from rankdet.training.given_weights import check_origin, fitted, new_name
from rankdet.training.inference import build_model

SETTINGS = {"image_size": 64, "batch_size": 2, "iterations": 1}


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    config = {"kind": "shapes", "title": "t", "seed": 1, "train_images": 2, "val_images": 2}
    prepare("shapes", {**config, "image_size": 64}, folder)
    loss = cards.load_loss("focal")
    return {
        "study": "test",
        "dataset": "shapes",
        "detector": "retinanet",
        "loss": "focal",
        "variant": "",
        "seed": 1,
        "preset": "small",
        "manifest": str(folder / "dataset.json"),
        "detector_spec": detectors.load_detector("retinanet", "small"),
        "card": loss.variant(""),
        "loss_file": str(loss.path),
        "schedule": SETTINGS,
        "splits": ["val"],
        "test": {"score_threshold": 0.0},
        "hashes": {"config": "c", "code": "k", "loss": "l", "data": "d"},
        "threads": 1,
        "device": "cpu",
    }


@pytest.fixture(scope="module")
def weights(spec):
    """The weights of another seed, so that they differ from those of the run's own seed."""
    set_up(spec)
    model = build_model({**spec, "seed": 7}, "cpu")
    return {name: tensor + 0.01 for name, tensor in model.state_dict().items()}


def file_of(folder, weights, **more):
    path = folder / "theirs.pth"
    state = {f"module.{name}": tensor for name, tensor in weights.items()}
    torch.save({"state_dict": state, **more}, path)
    return path


def test_the_weights_of_the_file_are_tested(spec, weights, tmp_path):
    theirs = {name: w for name, w in weights.items() if "criterion" not in name}
    path = file_of(tmp_path, theirs, meta={"mmdet_version": "2.28.0"})
    given({**spec, "checkpoint": str(path)}, tmp_path / "run")
    state = torch.load(tmp_path / "run" / "model.pth", weights_only=True)["state_dict"]
    assert all(torch.equal(state[name], tensor) for name, tensor in theirs.items())
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["status"] == "given checkpoint" and record["training"] is None
    origin = {"file": str(path), "sha256": sha256(path), "mmdet": "2.28.0"}
    assert record["provenance"]["checkpoint"] == origin
    predict(spec, tmp_path / "run", "val", tmp_path / "run")
    assert json.loads((tmp_path / "run" / "detections.json").read_text())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bbox_head.retina_cls.bias": None}, "not in the file: bbox_head.retina_cls.bias"),
        ({"bbox_head.more.weight": torch.ones(1)}, "not in the detector: bbox_head.more.weight"),
        (
            {"bbox_head.retina_cls.bias": torch.ones(7)},
            "shapes differ: bbox_head.retina_cls.bias is 7 in the file and 48 in the detector",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_one_line(spec, weights, tmp_path, change, words):
    changed = {k: v for k, v in {**weights, **change}.items() if v is not None}
    path = file_of(tmp_path, changed)
    with pytest.raises(InputError) as error:
        given({**spec, "checkpoint": str(path)}, tmp_path / "run")
    assert words in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "run" / "model.pth").exists()


def test_a_whole_other_detector_names_three_weights_of_each_kind(tmp_path):
    model = {f"head.a{i}": torch.ones(2) for i in range(9)}
    weights = {f"head.b{i}": torch.ones(2) for i in range(5)}
    with pytest.raises(InputError) as error:
        fitted(tmp_path / "c.pth", weights, model)
    assert "not in the file: head.a0, head.a1, head.a2 and 6 more" in str(error.value)
    assert "not in the detector: head.b0, head.b1, head.b2 and 2 more" in str(error.value)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("bbox_head.fcos_cls.weight", "bbox_head.conv_cls.weight"),  # mmdet 2.0
        ("bbox_head.fcos_centerness.bias", "bbox_head.conv_centerness.bias"),
        ("bbox_head.fovea_reg.weight", "bbox_head.conv_reg.weight"),  # aLRP Loss's repository
        ("segm_head.segm_conv.weight", "mask_head.segm_branch.segm_conv.weight"),  # YOLACT, 2.x
        ("bbox_head.retina_cls.weight", "bbox_head.retina_cls.weight"),
        ("bbox_head.atss_reg.weight", "bbox_head.atss_reg.weight"),
        ("roi_head.bbox_head.0.fc_cls.weight", "roi_head.bbox_head.0.fc_cls.weight"),
    ],
)
def test_names_of_older_versions(theirs, ours):
    assert new_name(theirs) == ours


def built(name, card):
    loss, _, variant = card.partition("+")
    file = cards.load_loss(loss)
    detector = detectors.load_detector(name, "full")
    config = model_config(
        detector,
        file.variant(variant),
        preset="full",
        classes=["x"] * 80,
        loss_file=str(file.path),
    )
    stock = ConfigDict(mmdet_base(detector["base"]))
    with torch.device("meta"):
        return MODELS.build(config).state_dict(), MODELS.build(stock).state_dict()


OLD = {
    "fcos": lambda name: name.replace("bbox_head.conv_", "bbox_head.fcos_"),
    "foveabox": lambda name: name.replace("bbox_head.conv_", "bbox_head.fovea_"),
    "yolact": lambda name: name.replace("mask_head.segm_branch.", "segm_head."),
}


@pytest.mark.parametrize("name", detectors.detector_names())
def test_stock_models_of_mmdet_fit_under_new_and_old_names(name, tmp_path, spec):
    set_up(spec)
    two_stage = detectors.load_detector(name, "full")["family"] == "two-stage"
    ours, stock = built(name, "ce+l1" if two_stage else "focal")
    # Our anchors and logits may be fewer: names are compared here, with our shapes.
    stock = {key: ours.get(key, value) for key, value in stock.items()}
    older = {OLD.get(name, str)(key): value for key, value in stock.items()}
    for weights in (stock, older):
        found = fitted(tmp_path / "c.pth", weights, ours)
        assert found.keys() == ours.keys()
        for key, value in stock.items():
            assert key not in found or found[key] is value
        assert len(stock.keys() & ours.keys()) > 0.9 * len(stock)


@pytest.mark.parametrize("without", ["mask_head.segm_branch", "num_batches_tracked"])
def test_what_only_training_needs_may_be_missing(without, tmp_path, spec):
    set_up(spec)
    ours, _ = built("yolact", "focal")
    weights = {k: v for k, v in ours.items() if without not in k}
    assert fitted(tmp_path / "c.pth", weights, ours).keys() == ours.keys()


@pytest.mark.parametrize(
    ("classes", "mmdet", "words"),
    [
        (("cat", "dog"), "", None),
        ((), "3.3.0", None),
        (("dog", "cat"), "", "class 0 is 'dog' in the file and 'cat' in the dataset"),
        (("cat",), "", "a detector of 1 classes, but the dataset has 2"),
        ((), "1.2.0", "written by mmdet 1.2.0"),
    ],
)
def test_classes_and_version(classes, mmdet, words, tmp_path):
    found = CheckpointFile({}, classes, mmdet)
    if words is None:
        check_origin(tmp_path, found, ["cat", "dog"])
    else:
        with pytest.raises(InputError, match=words):
            check_origin(tmp_path, found, ["cat", "dog"])
