"""Each kind of detector overfits eight images with each loss.

Each pair takes minutes on one core. To see the results:
`pytest -m slow tests/conformance/test_overfit.py -s | grep AP50`.
"""

import pytest

from rankdet.training import train
from tests.conformance.every_pair import DETECTORS, LOSSES, objection, spec
from tests.conformance.shapes import write_shapes
from tests.whole_runs import evaluated

pytestmark = pytest.mark.slow
ENOUGH = 0.8
SCHEDULE = {
    "image_size": 128,
    "batch_size": 4,
    "iterations": 140,
    "warmup": 40,
    "lr_steps": [0.8],
    "flip": False,
    "checkpoint_every": 1000,
}
BASELINES = {
    "retinanet": "focal",
    "atss": "focal",
    "fcos": "focal",
    "paa": "focal",
    "faster-rcnn": "ce",
    "mask-rcnn": "ce",
}
RANKING = ("ap", "alrp", "rs", "ape")


def studied():
    """Returns the existing compatible pairs."""
    return [
        (detector, loss)
        for detector, baseline in BASELINES.items()
        for loss in (baseline, *RANKING)
        if detector in DETECTORS and loss in LOSSES and objection(detector, loss) is None
    ]


@pytest.fixture(scope="session")
def eight_shapes(tmp_path_factory):
    """Returns the manifest of eight training images, 128 px, one to five objects each."""
    return write_shapes(
        tmp_path_factory.mktemp("eight-shapes"),
        seed=3,
        train_images=8,
        val_images=1,
        image_size=128,
        density=[[0.5, 3], [1.0, 5]],
        max_objects=5,
        color_noise=0.0,
    )


@pytest.mark.parametrize(("detector", "loss"), studied())
def test_eight_images_are_learned(detector, loss, eight_shapes, tmp_path):
    run = spec(detector, loss, eight_shapes, SCHEDULE)
    run["splits"] = ["train"]
    train(run, tmp_path)
    record = evaluated(run, tmp_path, "train")
    found = record["metrics"]
    seconds = record["training"]["seconds"]
    print(f"{detector} {loss}: AP50 {found['AP50']:.3f} AP {found['AP']:.3f} in {seconds:.0f} s")
    assert record["status"] == "trained", record["reason"]
    assert found["AP50"] >= ENOUGH
    if "segm" in record:
        assert record["segm"]["metrics"]["AP50"] >= ENOUGH
