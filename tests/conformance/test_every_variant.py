"""Every variant of every loss takes a step, with the first compatible detector."""

import pytest
import torch

from rankdet.study import cards, compatibility
from rankdet.study.detectors import load_detector
from tests.conformance.every_pair import LOSSES, spec
from tests.conformance.iterations import faults, gradients, start

QUICK = (
    "rs+centerness",
    "rs+dice-label",
)  # these need a detector with extras; other variants are slow
TRIED_WITH = ("atss", "faster-rcnn", "mask-rcnn", "paa-star", "solov2")


def variants():
    """Returns (detector, loss+variant) for all variants of all cards."""
    named = [(loss, v) for loss in LOSSES for v in cards.load_loss(loss).card["variants"]]
    return [
        pytest.param(
            detector_for(*pair),
            "+".join(pair),
            marks=[] if "+".join(pair) in QUICK else pytest.mark.slow,
        )
        for pair in named
    ]


def detector_for(loss, variant):
    """Returns the first detector that is compatible with the variant."""
    card = cards.load_loss(loss).variant(variant)
    objections = (
        compatibility.objection(load_detector(d, "small"), loss, variant, card) for d in TRIED_WITH
    )
    return next(d for d, why in zip(TRIED_WITH, objections, strict=True) if why is None)


@pytest.mark.parametrize(("detector", "loss"), variants())
def test_a_variant_takes_a_step(detector, loss, tiny_shapes):
    model, _, batch = start(spec(detector, loss, tiny_shapes))
    total, found = gradients(model, batch)
    assert torch.isfinite(total)
    assert not faults(found)
