"""What a study may say of the built-in shapes, and the one line for what it may not."""

import pytest

from rankdet.datasets import prepare
from rankdet.datasets.shapes.config import ShapesConfig
from rankdet.errors import InputError


def test_null_means_the_default():
    nulls = {"object_size": None, "density": None, "title": None}
    assert ShapesConfig.read("a", {"kind": "shapes", **nulls}) == ShapesConfig.read("a", {})


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"image_sise": 64}, "unknown key 'image_sise'; did you mean 'image_size'?"),
        ({"image_size": "big"}, "image_size is 'big'; give a whole number from 32 to 1024"),
        ({"image_size": 16}, "image_size is 16; give a whole number from 32 to 1024"),
        ({"train_images": 0}, "train_images is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": True}, "seed is True"),
        ({"masks": "yes"}, "masks is 'yes'; give true or false"),
        ({"classes": 99}, "classes is 99; give a whole number from 1 to 10"),
        ({"title": 3}, "title is 3; give a text"),
        ({"crowd_fraction": 1.5}, "crowd_fraction is 1.5; give a number from 0 to 1"),
        ({"crowd_fraction": float("nan")}, "crowd_fraction is nan"),
        ({"object_size": 12}, "object_size is 12; give two numbers"),
        ({"object_size": [30, 20]}, "object_size[1] is 20; give a whole number from 30"),
        ({"object_size": [12, 200]}, "object_size goes up to 200 px, but image_size is 128"),
        ({"density": 4}, "density is 4; give pairs"),
        ({"density": [[0.5, 4], [0.4, 8]]}, "give pairs that rise"),
    ],
)
def test_wrong_config_is_one_line(tmp_path, config, told):
    with pytest.raises(InputError) as caught:
        prepare("mine", {"kind": "shapes", **config}, tmp_path / "out")
    message = str(caught.value)
    assert message.startswith("dataset 'mine'") and told in message and "\n" not in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"kind": "shape"}, "unknown kind 'shape'; did you mean 'shapes'?"),
        ({}, "no kind; one of: shapes, coco-folder, coco, coco-minitrain, lvis"),
        ([], "its config must be a mapping"),
    ],
)
def test_wrong_kind_is_one_line(tmp_path, config, told):
    with pytest.raises(InputError, match="dataset 'mine'") as caught:
        prepare("mine", config, tmp_path)
    assert told in str(caught.value)
