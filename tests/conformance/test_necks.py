"""Each detector with the papers' other neck, CARAFE: all parameters get a gradient."""

import pytest

from rankdet.training import train
from tests.conformance.every_pair import DETECTORS, LOSSES, objection, spec
from tests.conformance.iterations import check, gradients, start
from tests.whole_runs import assert_measured

OF_TABLES = ("faster-rcnn", "mask-rcnn")  # the papers train these with it
REST = [pytest.param(d, marks=pytest.mark.slow) for d in DETECTORS if d not in OF_TABLES]


def with_carafe(detector, manifest):
    """Returns the spec of a detector with CARAFE and RS Loss, or the first compatible loss."""
    loss = next(x for x in ("rs", *LOSSES) if objection(detector, x) is None)
    return spec(f"{detector}@carafe", loss, manifest)


@pytest.mark.parametrize("detector", [*OF_TABLES, *REST])
def test_carafe_trains(detector, tiny_shapes):
    run = with_carafe(detector, tiny_shapes)
    check(run)
    model, _, batch = start(run)
    assert type(model.neck).__name__ == "FPN_CARAFE"
    _, found = gradients(model, batch)
    upsampling = [g for n, g in found.items() if n.startswith("neck.upsample_modules.0.")]
    assert len(upsampling) == 4  # weight and bias of two convolutions
    assert all(float(g.abs().sum()) > 0 for g in upsampling)


def test_run_with_carafe_from_start_to_metrics(tiny_shapes, tmp_path):
    run = with_carafe("mask-rcnn", tiny_shapes)
    train(run, tmp_path)
    assert_measured(run, tmp_path)
