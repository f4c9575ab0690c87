"""Logits that are not finite: the fused kernels give what plain PyTorch gives.

test_infinite_logits.py says what that is.
"""

import math

import pytest
import torch

from rankdet.losses import device, functional
from tests.losses.ranking import LOSSES, problem, targets_of

if not device.has_triton():
    pytest.skip("needs Triton (Linux only; `make test` installs it)", allow_module_level=True)

pytestmark = pytest.mark.usefixtures("small_blocks")
HERE = "cuda" if torch.cuda.is_available() else "cpu"
FUSED = {name: LOSSES[name] for name in ("ap", "alrp", "alrp-loc", "ranking", "sorting")} | {
    "hard ap": lambda x, y, q, **o: functional.ap_loss(x, y, delta=0, interpolate=False, **o),
    "hard sorting": lambda x, y, q, **o: functional.rank_sort_loss(
        x, targets_of(y, q), delta=0, **o
    )[1],
    # A small scale makes few cells, which take most of the time in the interpreter.
    "ape": lambda x, y, q, **o: functional.ape_loss(x, y, q, scale=0.5, **o),
    "ape of few": lambda x, y, q, **o: functional.ape_loss(
        x, y, q, scale=0.5, max_negatives=30, **o
    ),
    "official": lambda x, y, q, **o: functional.ape_loss(x, y, q, numerics="official", **o),
}
PER_POSITIVE = ("alrp", "ape", "official")  # they take one value per positive
ONE, SOME, ALL = slice(3, 4), slice(2, 60, 13), slice(None)
PLACES = {  # label, and which of those with it
    "a positive": (1, ONE),
    "all positives": (1, ALL),
    "a negative": (0, ONE),
    "some negatives": (0, SOME),
    "all negatives": (0, ALL),
    "ignored ones": (-1, ALL),
}
slow = pytest.mark.slow
every = pytest.mark.parametrize("name", FUSED)


def with_value(value, place, dtype=torch.float32):
    logits, labels, ious = problem(6, 150)
    labels[(labels == 0).nonzero()[::9]] = -1
    label, which = PLACES[place]
    logits[(labels == label).nonzero()[which]] = value
    return logits.to(HERE, dtype), labels.to(HERE), ious.to(HERE)


def value_and_gradients(name, logits, labels, ious, **options):
    """Returns the loss, its gradient by the logits and by the IoUs, on the CPU (None if none)."""
    logits, ious = logits.clone().requires_grad_(), ious.clone().requires_grad_()
    loss = FUSED[name](logits, labels, ious, **options)
    gradients = torch.autograd.grad(loss, [logits, ious], allow_unused=True)
    return loss.item(), *(None if g is None else g.cpu() for g in gradients)


def check_same(name, logits, labels, ious, **options):
    loss, *gradients = value_and_gradients(name, logits, labels, ious, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(device.KERNELS, "off")
        expected, *by_plain = value_and_gradients(name, logits, labels, ious, **options)
    assert loss == pytest.approx(expected, rel=2e-6, abs=1e-9, nan_ok=True)
    masks = (labels.cpu() == 1, torch.arange(len(ious)) < (labels == 1).sum().item())
    for ours, theirs, of_positives in zip(gradients, by_plain, masks, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None and math.isnan(loss):
            assert ours[of_positives].isnan().all() and theirs[of_positives].isnan().all()
        elif ours is not None:
            if loss == math.inf:  # which of several infinite negatives are kept is not defined
                ours, theirs = ours.sort()[0], theirs.sort()[0]
            assert theirs.isfinite().all()
            tolerance = 2**-8 if ours.dtype in (torch.float16, torch.bfloat16) else 1e-5
            torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=1e-7)
    return loss


@every
@pytest.mark.parametrize(
    "place",
    # Those two take the paths of one positive and of some negatives, and the interpreter is slow.
    [
        pytest.param(one, marks=[slow] if one in ("all positives", "a negative") else [])
        for one in PLACES
    ],
)
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_the_kernels_agree_with_plain_pytorch(name, place, value):
    loss = check_same(name, *with_value(value, place))
    shows = "positive" in place or (math.isnan(value) and "negative" in place)
    assert math.isnan(loss) == shows


@every
@pytest.mark.parametrize(
    ("dtype", "place"), [(torch.float16, "a positive"), (torch.bfloat16, "some negatives")]
)
def test_in_half_precision_with_a_bound_of_the_positives(name, dtype, place):
    logits, labels, ious = with_value(math.inf, place, dtype)
    most = len(ious) + 3
    if any(loss in name for loss in PER_POSITIVE):
        ious = torch.cat([ious, ious.new_full((3,), 0.5)])
    loss = check_same(name, logits, labels, ious, max_positives=most)
    assert math.isnan(loss) == (place == "a positive")


@every
@pytest.mark.parametrize("logit", [math.inf, -math.inf])
def test_a_positive_and_negatives_at_the_same_infinite_logit(name, logit):
    logits, labels, ious = with_value(logit, "some negatives")
    logits[(labels == 1).nonzero()[1]] = logit
    assert math.isnan(check_same(name, logits, labels, ious))


@pytest.mark.parametrize("name", ["ap", "sorting", "ape", "official"])
def test_the_same_bits_in_every_call(name):
    """A logit that is NaN must not leave a place in memory that nothing is written to."""
    logits, labels, ious = with_value(math.nan, "a positive")
    first = value_and_gradients(name, logits, labels, ious)
    _other = value_and_gradients(name, *with_value(0.5, "some negatives"))
    again = value_and_gradients(name, logits, labels, ious)
    for one, two in zip(first[1:], again[1:], strict=True):
        assert one is two is None or torch.equal(one.nan_to_num(7.0), two.nan_to_num(7.0))


@every
def test_too_many_positives_give_nan_gradients(name):
    logits, labels, ious = with_value(0.5, "a negative")
    options = {"max_positives": 4}
    if any(loss in name for loss in PER_POSITIVE):
        ious, options = ious[:4], {}
    loss, by_logits, by_ious = value_and_gradients(name, logits, labels, ious, **options)
    assert math.isnan(loss)
    gradient = by_ious if by_logits is None else by_logits[labels.cpu() == 1][:4]
    assert gradient.isnan().all()
