"""Data and process set-up of the conformance tests."""

import pytest

from tests.conformance.shapes import write_shapes


@pytest.fixture(scope="session")
def tiny_shapes(tmp_path_factory):
    """Returns the manifest of 4 training and 2 test images, 64 px, with objects and masks."""
    return write_shapes(
        tmp_path_factory.mktemp("tiny-shapes"),
        seed=1,
        train_images=4,
        val_images=2,
        image_size=64,
        object_size=[16, 44],
        density=[[1.0, 3]],
        max_objects=3,
    )
