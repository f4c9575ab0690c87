"""A training that starts from given weights: `init_from`."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import torch

from rankdet.datasets import prepare
from rankdet.errors import InputError
from rankdet.files import sha256
from rankdet.study.cards import load_loss
from rankdet.training import train
from rankdet.training.environment import set_up
from rankdet.training.first_weights import first_weights
from rankdet.training.inference import build_model
from tests.training.tiny_runs import tiny_run

WITHOUT = re.compile("criterion|running_|num_batches")  # what a training changes at any rate
SCHEDULE = {"batch_size": 2, "iterations": 2}
CLASSES = ("bbox_head.retina_cls.weight", "bbox_head.retina_cls.bias")


def weights_of(folder):
    return torch.load(folder / "model.pth", weights_only=True)


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    return tiny_run(tmp_path_factory.mktemp("data"), SCHEDULE)


@pytest.fixture(scope="module")
def first(spec, tmp_path_factory):
    """A finished training, whose weights others start from."""
    folder = tmp_path_factory.mktemp("first")
    train(spec, folder)
    return folder


@pytest.fixture(scope="module")
def fewer_classes(tmp_path_factory):
    """A run on data with three classes."""
    folder = tmp_path_factory.mktemp("three")
    spec = tiny_run(folder, SCHEDULE)
    data = {"kind": "shapes", "title": "t", "seed": 1, "train_images": 4, "val_images": 1}
    prepare("shapes", {**data, "image_size": 64, "empty_fraction": 0, "classes": 3}, folder)
    return spec


def built(spec):
    set_up(spec)
    return build_model(spec, "cpu")


def classes_of(spec):
    manifest = json.loads(Path(spec["manifest"]).read_text())
    return [one["name"] for one in manifest["classes"]]


def found(spec, path):
    own = {**spec, "init_from": str(path)}
    return first_weights(own, classes_of(spec), built(spec))


def test_a_training_starts_from_the_weights(spec, first, tmp_path):
    path = first / "model.pth"
    still = {**spec, "schedule": {**spec["schedule"], "lr": 1e-12}, "init_from": str(path)}
    train(still, tmp_path)
    theirs, ours = weights_of(first)["state_dict"], weights_of(tmp_path)["state_dict"]
    learned = [name for name in theirs if not WITHOUT.search(name)]
    for name in learned:
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-4, atol=1e-4, msg=name)
    losses = [pd.read_parquet(folder / "train.parquet")["loss"] for folder in (first, tmp_path)]
    assert losses[0][0] != losses[1][0]
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["provenance"]["init_from"] == {
        "file": str(path),
        "sha256": sha256(path),
        "mmdet": None,
        "left_out": [],
    }


def test_layers_of_other_classes_are_left_out(spec, first, fewer_classes, tmp_path, capsys):
    train({**fewer_classes, "init_from": str(first / "model.pth")}, tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["provenance"]["init_from"]["left_out"] == list(CLASSES)
    assert (
        f"without its layers of classes ({', '.join(CLASSES)}): 8 classes there, 3 classes here"
        in (capsys.readouterr().err)
    )


def test_layers_of_renamed_classes_are_left_out(spec, first, tmp_path):
    content = weights_of(first)
    content["meta"]["classes"][1] = "another"
    torch.save(content, tmp_path / "theirs.pth")
    kept = found(spec, tmp_path / "theirs.pth")
    assert kept.left_out == CLASSES
    assert "class 1 is 'another' there" in kept.note


def test_the_head_of_a_softmax_is_left_out(tmp_path):
    """mmdet's R-CNN has a logit for the background, a ranking loss has none."""
    spec = tiny_run(tmp_path, SCHEDULE, detector="faster-rcnn")
    theirs = {**spec, "card": load_loss("ce").variant("")}
    torch.save(built(theirs).state_dict(), tmp_path / "theirs.pth")
    kept = found(spec, tmp_path / "theirs.pth")
    assert kept.left_out == ("roi_head.bbox_head.fc_cls.weight", "roi_head.bbox_head.fc_cls.bias")
    assert "other classes or another loss" in kept.note


def test_the_state_of_a_loss_is_its_own(tmp_path):
    spec = tiny_run(tmp_path, SCHEDULE, card=load_loss("alrp").variant(""))
    state = built(spec).state_dict()
    assert any("criterion" in name for name in state)
    torch.save(state, tmp_path / "theirs.pth")
    assert not any("criterion" in name for name in found(spec, tmp_path / "theirs.pth").state)


def change(state, name, value):
    if value is None:
        del state[name]
    else:
        state[name] = value


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("bbox_head.retina_reg.bias", None, "not in the file: bbox_head.retina_reg.bias"),
        ("bbox_head.more.weight", torch.ones(1), "not in the detector: bbox_head.more.weight"),
        (
            "bbox_head.retina_reg.bias",
            torch.ones(7),
            "shapes differ: bbox_head.retina_reg.bias is 7 in the file and",
        ),
        ("bbox_head.retina_reg.bias", torch.full((24,), torch.nan), "values that are not finite"),
    ],
)
def test_weights_that_do_not_fit_are_one_line(spec, first, tmp_path, name, value, words):
    content = weights_of(first)
    change(content["state_dict"], name, value)
    torch.save(content, tmp_path / "theirs.pth")
    with pytest.raises(InputError, match=words):
        found(spec, tmp_path / "theirs.pth")


def test_another_detector_says_how_many_weights_differ(spec, tmp_path):
    other = tiny_run(tmp_path, SCHEDULE, detector="atss")
    torch.save(built(other).state_dict(), tmp_path / "theirs.pth")
    with pytest.raises(InputError, match=r"not in the file: bbox_head.* and \d+ more"):
        found(spec, tmp_path / "theirs.pth")


def test_a_missing_file_is_one_line_before_the_training(spec, tmp_path):
    with pytest.raises(InputError, match=r"init_from: no such file: .*nowhere\.pth"):
        train({**spec, "init_from": str(tmp_path / "nowhere.pth")}, tmp_path / "run")
    assert not (tmp_path / "run/model.pth").exists()
