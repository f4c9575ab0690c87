"""Ranking losses at the edge: no positives, huge logits, half precision, NaN, large batches."""

import math

import pytest
import torch

from rankdet.losses import functional
from tests.losses.ranking import LOSSES, evaluate, every, problem


@every
@pytest.mark.parametrize("high", [50.0, 1e4])
def test_extreme_logits_stay_finite(name, high):
    logits, labels, ious = problem()
    logits = torch.where(logits > 0, high, -high)
    loss, gradient = evaluate(name, logits, labels, ious)
    assert loss.isfinite()
    assert gradient.isfinite().all()


@every
@pytest.mark.parametrize("value", [0, -1], ids=["no positive", "all ignored"])
@pytest.mark.parametrize("shape", [(0,), (7,), (5, 3)])
def test_without_positives_the_loss_is_zero_and_connected(name, shape, value):
    logits = torch.randn(shape, requires_grad=True)
    labels = torch.full(shape, value)
    errors = torch.zeros(0, requires_grad=True)
    loss = LOSSES[name](logits, labels, errors)
    assert loss.item() == 0
    assert loss.shape == ()
    loss.backward()
    reached = errors.grad if name == "alrp-loc" else logits.grad
    assert reached is not None
    assert (reached == 0).all()


@every
def test_one_positive_alone(name):
    loss, gradient = evaluate(name, torch.zeros(1), torch.ones(1).long(), torch.tensor([0.5]))
    assert loss.item() == pytest.approx(0.5 if name == "alrp-loc" else 0.0, abs=1e-7)
    assert (gradient == 0).all()


@every
def test_no_relevant_negative(name):
    logits, labels, ious = problem()
    logits = torch.where(labels == 0, logits - 100, logits)
    _, gradient = evaluate(name, logits, labels, ious)
    assert (gradient[labels == 0] == 0).all()
    if name not in ("sorting", "ape"):  # these rank positives among themselves too
        assert (gradient == 0).all()


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_are_computed_with_in_float32(name, dtype):
    logits, labels, ious = problem()
    half = logits.to(dtype)
    exact, by_exact = evaluate(name, half.float(), labels, ious)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, gradient = evaluate(name, half, labels, ious)
    assert loss.dtype == torch.float32
    assert loss.item() == exact.item()
    assert gradient.dtype == dtype
    torch.testing.assert_close(gradient, by_exact.to(dtype))


def test_a_loss_scaler_keeps_small_gradients_in_float16():
    """The gradient is scaled before it is cast: 1e-8 would be 0 in float16, 1e-8 * 2^16 is not."""
    logits, labels, _ = problem(1, 40_000)
    logits = torch.where(labels == 1, -60.0, logits).half().requires_grad_()
    (functional.ap_loss(logits, labels) * 2**8).backward()
    negatives = logits.grad[labels == 0]
    assert (negatives > 0).all()


@every
@pytest.mark.parametrize("kind", ["positive", "negative"])
def test_nan_shows(name, kind):
    """NaN logits must not give a finite loss."""
    logits, labels, ious = problem(9, 40_000)
    logits[(labels == (kind == "positive")).nonzero()[3]] = math.nan
    loss, _ = evaluate(name, logits, labels, ious)
    assert loss.isnan()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda x, y: functional.ap_loss(x.long(), y), "floating"),
        (lambda x, y: functional.ap_loss(x, y[:-1]), "labels for"),
        (lambda x, y: functional.ap_loss(x, y, group=y[:-1]), "308 group indices for 309"),
        (lambda x, y: functional.ap_loss(x, y, delta=-1.0), "delta is -1.0; give 0 or more"),
        (lambda x, y: functional.alrp_loss(x, y, torch.ones(2)), "9 positives"),
        (lambda x, y: functional.alrp_loss(x, y, torch.ones(9), target="x"), "known are"),
        (lambda x, y: functional.ape_loss(x, y, torch.ones(2)), "9 positives"),
        (lambda x, y: functional.ape_loss(x, y, torch.ones(9), numerics="x"), "known are"),
        (lambda x, y: functional.pairwise_error_loss(x, y, distance="x"), "known are"),
        (lambda x, y: functional.pairwise_error_loss(x, y, balance="x"), "known are"),
    ],
)
def test_wrong_input_is_named(call, match):
    logits, labels, _ = problem()
    with pytest.raises((ValueError, TypeError), match=match):
        call(logits, labels)


def test_memory_stays_below_forty_bytes_a_logit():
    """Peak resident memory of a call in a separate process; a P x N array would be 5 GB."""
    import subprocess
    import sys

    code = """
import torch, re
torch.set_num_threads(1)
from rankdet.losses import functional
def read(key):
    return int(re.search(key + r":\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
n, p = 3_000_000, 400
logits = (torch.randn(n) - 4.6).requires_grad_()
labels = torch.zeros(n, dtype=torch.int8); labels[:: n // p] = 1
errors = torch.rand(int((labels == 1).sum()))
functional.alrp_loss(logits[:9000], labels[:9000], torch.rand(int((labels[:9000] == 1).sum())))
before = read("VmRSS")
open("/proc/self/clear_refs", "w").write("5")
functional.alrp_loss(logits, labels, errors)[0].backward()
print((read("VmHWM") - before) / n)
"""
    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode and "clear_refs" in done.stderr:
        pytest.skip("this system does not let a process reset its peak")
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) <= 40
