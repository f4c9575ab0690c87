"""Detectors of boxes, tested with several views of an image by mmdet's `DetTTAModel`."""

import numpy as np
import pytest

from rankdet.study.detectors import load_detector
from rankdet.training import inference, train
from tests.conformance.every_pair import DETECTORS, LOSSES, objection, spec
from tests.whole_runs import assert_measured

VOTING = ("paa", "paa-scores", "paa-star")  # boxes move after NMS and can overlap again
BOXES = [d for d in DETECTORS if not load_detector(d, "small").get("masks")]


def under(detector, manifest, **test):
    """Returns the spec of a detector with its first compatible loss and other test settings."""
    loss = next(loss for loss in LOSSES if objection(detector, loss) is None)
    run = spec(detector, loss, manifest)
    return {**run, "test": {**run["test"], **test}}


def numbers(run):
    """Returns a row of numbers for each detection of the untrained detector."""
    model = inference.build_model(run, "cpu")
    model.init_weights()
    found = inference.detect(model, run, "val", "cpu")[0]
    return np.array([[d["image_id"], d["category_id"], *d["bbox"], d["score"]] for d in found])


@pytest.mark.parametrize("detector", [d for d in BOXES if d not in VOTING])
def test_one_view_is_the_plain_test(detector, tiny_shapes):
    plain = numbers(under(detector, tiny_shapes))
    one = numbers(under(detector, tiny_shapes, multi_scale=[64]))
    assert len(plain) > 0
    np.testing.assert_allclose(one, plain, rtol=0, atol=1e-6)


@pytest.mark.parametrize("detector", ["faster-rcnn", "paa"])
def test_mirrored_and_scaled_views_from_training_to_metrics(detector, tiny_shapes, tmp_path):
    run = under(detector, tiny_shapes, multi_scale=[48, 64, 96], flip=True)
    train(run, tmp_path)
    assert_measured(run, tmp_path)
