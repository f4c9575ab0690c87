"""The options of the built-in shapes; a wrong option gives a message of one line."""

import pytest

from rankdet.datasets import prepare
from rankdet.datasets.options import CLASSES, shapes_options
from rankdet.datasets.shapes.outlines import SHAPES
from rankdet.errors import InputError


def test_null_means_the_default():
    nulls = {"object_size": None, "density": None, "title": None}
    assert shapes_options("a", {"kind": "shapes", **nulls}) == shapes_options("a", {})


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"image_sise": 64}, "image_sise: unknown key; did you mean 'image_size'?"),
        ({"image_size": "big"}, "image_size: found 'big'; it should be a valid integer"),
        ({"image_size": 16}, "image_size: found 16; it should be greater than or equal to 32"),
        ({"train_images": 0}, "train_images: found 0"),
        ({"seed": -1}, "seed: found -1"),
        ({"seed": True}, "seed: found True"),
        ({"masks": "yes"}, "masks: found 'yes'; it should be a valid boolean"),
        ({"classes": 99}, "classes: found 99; it should be less than or equal to 10"),
        ({"title": 3}, "title: found 3; it should be a valid string"),
        (
            {"crowd_fraction": 1.5},
            "crowd_fraction: found 1.5; it should be less than",
        ),
        ({"crowd_fraction": float("nan")}, "crowd_fraction: found nan"),
        ({"object_size": 12}, "object_size: found 12; it should be a valid tuple"),
        ({"object_size": [30, 20]}, "object_size: found [30, 20]; give [shortest, longest]"),
        ({"object_size": [12, 200]}, "object_size goes up to 200 px, but image_size is 128"),
        ({"density": 4}, "density: found 4; it should be a valid tuple"),
        ({"density": [[0.5, 4], [0.4, 8]]}, "give pairs that rise"),
    ],
)
def test_wrong_config_is_one_line(tmp_path, config, expected):
    with pytest.raises(InputError) as caught:
        prepare("mine", {"kind": "shapes", **config}, tmp_path / "out")
    message = str(caught.value)
    assert message.startswith("dataset 'mine'") and expected in message and "\n" not in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"kind": "shape"}, "unknown kind 'shape'; did you mean 'shapes'?"),
        ({}, "`kind` is missing; one of: shapes, coco-folder, coco, coco-minitrain, lvis"),
        ([], "its config must be a mapping"),
    ],
)
def test_wrong_kind_is_one_line(tmp_path, config, expected):
    with pytest.raises(InputError, match="dataset 'mine'") as caught:
        prepare("mine", config, tmp_path)
    assert expected in str(caught.value)


def test_every_class_has_an_outline():
    assert list(SHAPES) == list(CLASSES)
