"""Data and process set-up of the conformance tests."""

import pytest

from rankdet.datasets import prepare
from rankdet.training.environment import set_up


@pytest.fixture(scope="session")
def tiny_shapes(tmp_path_factory):
    """Returns the manifest of 4 training and 2 test images, 64 px, with objects and masks."""
    set_up({"device": "cpu", "threads": 1})
    folder = tmp_path_factory.mktemp("tiny-shapes")
    options = {"kind": "shapes", "title": "t", "seed": 1, "train_images": 4, "val_images": 2}
    options |= {"image_size": 64, "classes": 3, "empty_fraction": 0.0, "crowd_fraction": 0.0}
    options |= {"object_size": [16, 44], "density": [[1.0, 3]], "max_objects": 3}
    prepare("shapes", options, folder)
    return folder / "dataset.json"
