"""The data of a search: never an image that the study reports."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rankdet.datasets import prepare
from rankdet.errors import InputError
from rankdet.tuning.held_out import few_images, other_seed, prepare_held_out
from tests.tuning.studies import SHAPES, coco, study


def contents(split):
    """The SHA-256 of each image of a split."""
    data = json.loads(Path(split.annotations).read_text())
    files = [Path(split.images) / image["file_name"] for image in data["images"]]
    return {hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def names(split):
    return {i["file_name"] for i in json.loads(Path(split.annotations).read_text())["images"]}


def test_shapes_are_drawn_again_from_another_seed(tmp_path):
    made = study(tmp_path)
    prepare("shapes", made.data_config("shapes"), tmp_path / "own")
    data = prepare_held_out(made, "shapes", tmp_path / "held")
    assert (data.seed, data.words, data.split) == (1001, "held-out shapes", "val")
    own = set()
    for split in ("train", "val"):
        files = (tmp_path / "own" / "data" / split).glob("*.png")
        own |= {hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    assert len(own) == 12
    assert not own & (contents(data.train) | contents(data.scored))
    assert len(contents(data.train)) == 8 and len(contents(data.scored)) == 4
    assert data.epoch_images == 8


def test_an_epoch_has_the_images_with_annotations_as_in_training(tmp_path):
    mixed = {**SHAPES, "train_images": 16, "empty_fraction": 0.6, "crowd_fraction": 0.5}
    data = prepare_held_out(
        study(tmp_path, datasets={"shapes": mixed}), "shapes", tmp_path / "held"
    )
    assert data.epoch_images == data.train.n_in_epoch < data.train.n_images


@given(seeds=st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_dataset_of_the_study_has_the_seed(tmp_path, seeds):
    near = [*seeds, (seeds[0] + 1000) % 2**63]  # the first choice is taken
    datasets = {f"d{i}": {**SHAPES, "seed": seed} for i, seed in enumerate(near)}
    runs = [{"dataset": "d0", "detectors": ["retinanet"], "losses": ["focal"]}]
    made = study(tmp_path, datasets=datasets, runs=runs)
    found = other_seed(made, "d0")
    assert found not in near and 0 <= found < 2**63


def test_a_fifth_of_train_is_held_out_and_other_splits_are_not_read(tmp_path):
    config = coco(tmp_path / "drawn")
    Path(config["splits"]["val"]["annotations"]).write_text("damaged")
    made = study(tmp_path, datasets={"shapes": config})
    data = prepare_held_out(made, "shapes", tmp_path / "held")
    trained, scored = names(data.train), names(data.scored)
    assert (len(trained), len(scored)) == (8, 2)
    assert not trained & scored and len(trained | scored) == 10
    folders = {data.train.images, data.scored.images}
    assert folders == {config["splits"]["train"]["images"]}
    annotations = [json.loads(Path(s.annotations).read_text()) for s in (data.train, data.scored)]
    for one in annotations:
        assert {a["image_id"] for a in one["annotations"]} <= {i["id"] for i in one["images"]}
    again = prepare_held_out(made, "shapes", tmp_path / "again")
    assert again.content.checksum == data.content.checksum and names(again.scored) == scored


def test_one_image_cannot_be_divided(tmp_path):
    made = study(tmp_path, datasets={"shapes": coco(tmp_path / "drawn", images=1)})
    with pytest.raises(InputError, match=r"train has 1 image, .*add images"):
        prepare_held_out(made, "shapes", tmp_path / "held")


def test_a_few_images_for_the_pace_are_of_the_same_splits(tmp_path):
    data = prepare_held_out(study(tmp_path), "shapes", tmp_path / "held")
    few = few_images(data, 3, 2, tmp_path / "few")
    assert names(few.train) < names(data.train) and names(few.scored) < names(data.scored)
    assert (few.epoch_images, few.scored.n_images) == (3, 2)
    assert few.content.checksum != data.content.checksum
