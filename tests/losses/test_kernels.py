"""The fused Triton kernels: on a GPU where there is one, else in Triton's interpreter on the CPU.

Blocks are small here, so that few elements need several programs and several steps.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rankdet.losses import ap, device, functional
from tests.losses import oracles
from tests.losses.cases import cases, close
from tests.losses.ranking import LOSSES, evaluate, problem
from tests.waits import Watch

if not device.has_triton():
    pytest.skip("needs Triton (Linux only; `make test` installs it)", allow_module_level=True)

pytestmark = pytest.mark.usefixtures("small_blocks")
FEW = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
HERE = "cuda" if torch.cuda.is_available() else "cpu"
FUSED = ("ap", "alrp", "alrp-loc", "ranking", "sorting", "ape")
fused_losses = pytest.mark.parametrize("name", FUSED)


def magnitude(case):
    return case.logits.abs().max().item() if len(case.logits) else 0.0


def gradients(losses, logits):
    made = [torch.autograd.grad(loss, logits, retain_graph=True)[0].cpu() for loss in losses]
    return [loss.item() for loss in losses], made


def on_device(case):
    logits, labels, ious = (part.clone().to(HERE) for part in case[:3])
    return logits.requires_grad_(), labels, ious


@FEW
@given(case=cases(), interpolate=st.booleans(), spare=st.sampled_from([None, 0, 7]))
def test_ap_loss(case, interpolate, spare):
    logits, labels, ious = on_device(case)
    most = None if spare is None else len(ious) + spare
    loss = functional.ap_loss(
        logits, labels, delta=case.delta, interpolate=interpolate, max_positives=most
    )
    losses, made = gradients([loss], logits)
    expected, gradient = oracles.ap(case.logits, case.labels.numpy(), case.delta, interpolate)
    close(losses[0], expected)
    close(made[0], gradient, magnitude(case))


@FEW
@given(case=cases(), zero=st.booleans(), spare=st.sampled_from([None, 0, 7]))
def test_alrp_loss(case, zero, spare):
    logits, labels, ious = on_device(case)
    errors = torch.cat([1 - ious, ious.new_full((spare or 0,), 0.7)]).requires_grad_()
    parts = functional.alrp_loss(
        logits,
        labels,
        errors,
        delta=case.delta,
        target="zero" if zero else "localisation",
        max_positives=None if spare is None else len(errors),
    )
    by_logits, by_errors = torch.autograd.grad(sum(parts), (logits, errors), materialize_grads=True)
    expected = oracles.alrp(
        case.logits, case.labels.numpy(), 1 - case.ious.double().numpy(), case.delta, 1e-5, zero
    )
    close(parts[0].item(), expected[0])
    close(by_logits.cpu(), expected[1], magnitude(case))
    close(parts[1].item(), expected[2])
    close(by_errors.cpu()[: len(ious)], expected[3])
    assert (by_errors[len(ious) :] == 0).all()


@FEW
@given(case=cases(), zeros=st.integers(0, 2), spare=st.sampled_from([None, 0, 7]))
def test_rank_sort_loss(case, zeros, spare):
    targets = case.labels.float()
    quality = case.ious.clone()
    quality[:zeros] = 0  # a positive of quality exactly 0 is a negative
    targets[case.labels == 1] = quality
    logits = on_device(case)[0]
    most = None if spare is None else len(case.ious) + spare
    parts = functional.rank_sort_loss(
        logits, targets.to(HERE), delta=case.delta, max_positives=most
    )
    losses, made = gradients(parts, logits)
    expected = oracles.rank_sort(case.logits, targets.numpy(), case.delta)
    for ours, oracle in zip((*losses, *made), expected, strict=True):
        close(ours, oracle, magnitude(case) if np.ndim(oracle) else 1)


@FEW
@given(case=cases(), scale=st.sampled_from([4.0, 8.0]), spare=st.sampled_from([None, 0, 7]))
def test_ape_loss(case, scale, spare):
    logits, labels, ious = on_device(case)
    ious = torch.cat([ious, ious.new_full((spare or 0,), 0.7)])
    most = None if spare is None else len(ious)
    loss = functional.ape_loss(logits, labels, ious, scale=scale, max_positives=most)
    losses, made = gradients([loss], logits)
    expected, gradient = oracles.ape(
        case.logits, case.labels.numpy(), case.ious.double().numpy(), scale, 10**6
    )
    close(losses[0], expected, scale * magnitude(case))
    close(made[0], gradient, scale * magnitude(case))


@pytest.mark.parametrize("options", [{"numerics": "official"}, {"max_negatives": 60}])
def test_ape_loss_with_options(options, plain):
    arguments = [part.to(HERE) for part in problem(20, 400)]
    loss, gradient = evaluate("ape", *arguments, **options)
    expected, by_plain = plain("ape", *arguments, **options)
    assert loss.item() == pytest.approx(expected.item(), rel=2e-6)
    torch.testing.assert_close(gradient, by_plain, rtol=1e-5, atol=2e-6 * by_plain.abs().max())


@pytest.mark.parametrize("most", [1, 37, 150])
@pytest.mark.parametrize("kind", ["normal", "tied", "wide", "tiny"])
def test_ape_loss_of_the_highest_negatives(kind, most, plain):
    """They are found by the bits of float32: "wide" and "tiny" need every round."""
    logits, labels, ious = problem(5, 200)
    if kind == "tied":
        logits = (logits * 2).round() / 2
    elif kind == "wide":  # 30 orders of magnitude, within one window
        logits = torch.rand(len(logits)) * 10.0 ** torch.linspace(-30, -2, len(logits))
    elif kind == "tiny":  # next to each other
        logits = torch.nextafter(torch.ones(len(logits)), torch.tensor(2.0))
        logits += torch.arange(len(logits)) % 7 * 2.0**-23
    loss, gradient = evaluate(
        "ape", logits.to(HERE), labels.to(HERE), ious.to(HERE), max_negatives=most
    )
    expected, by_plain = plain("ape", logits, labels, ious, max_negatives=most)
    assert loss.item() == pytest.approx(expected.item(), rel=2e-6)
    ours, theirs = (g.cpu()[labels == 0] for g in (gradient, by_plain))
    assert (ours != 0).sum() == (theirs != 0).sum()
    # Which of several equal negatives are kept is not defined; their sum is.
    assert ours.sum() == pytest.approx(theirs.sum().item(), rel=1e-5)
    positives = labels == 1
    largest = by_plain.abs().max()
    torch.testing.assert_close(
        gradient.cpu()[positives], by_plain[positives], rtol=1e-5, atol=2e-6 * largest
    )
    last = logits[labels == 0][ours != 0].min()
    assert (logits[labels == 0][ours == 0] <= last).all()
    equal = (logits[labels == 0] == last).nonzero()[:, 0]
    assert (ours[equal] != 0).tolist() == sorted((ours[equal] != 0).tolist(), reverse=True)


def test_ape_loss_of_scores_too_far_apart_for_cells(plain):
    logits, labels, ious = problem(12, 150)
    logits = torch.where(torch.arange(len(logits)) % 3 == 0, logits, logits + 700)
    for most in (1000, 40):
        loss, gradient = evaluate(
            "ape", logits.to(HERE), labels.to(HERE), ious.to(HERE), max_negatives=most
        )
        expected, by_plain = plain("ape", logits, labels, ious, max_negatives=most)
        assert loss.item() == pytest.approx(expected.item(), rel=2e-6)
        torch.testing.assert_close(gradient.cpu(), by_plain, rtol=1e-5, atol=1e-7)


@fused_losses
def test_extreme_logits(name, plain):
    logits, labels, ious = problem()
    for high in (50.0, 1e4):
        far = torch.where(logits > 0, high, -high)
        loss, gradient = evaluate(name, far.to(HERE), labels.to(HERE), ious.to(HERE))
        expected, by_plain = plain(name, far, labels, ious)
        assert loss.item() == pytest.approx(expected.item(), rel=2e-6, abs=1e-9)
        torch.testing.assert_close(gradient.cpu(), by_plain, rtol=1e-5, atol=1e-8)


@fused_losses
def test_without_positives_the_loss_is_zero_and_connected(name):
    logits = torch.randn(70, device=HERE, requires_grad=True)
    errors = torch.zeros(5, device=HERE, requires_grad=True)
    labels = torch.zeros(70, device=HERE)
    if name in ("ranking", "sorting"):
        parts = functional.rank_sort_loss(logits, labels, max_positives=5)
        loss = parts[name == "sorting"]
    else:
        loss = LOSSES[name](logits, labels, errors, max_positives=5)
    assert loss.item() == 0
    loss.backward()
    reached = errors.grad if name == "alrp-loc" else logits.grad
    assert (reached == 0).all()


@fused_losses
@pytest.mark.parametrize("kind", ["positive", "negative"])
def test_nan_shows(name, kind):
    logits, labels, ious = problem()
    logits[(labels == (kind == "positive")).nonzero()[3]] = math.nan
    loss, _ = evaluate(name, logits.to(HERE), labels.to(HERE), ious.to(HERE))
    assert loss.isnan()


@fused_losses
def test_too_many_positives_give_nan(name):
    logits, labels, ious = (part.to(HERE) for part in problem())
    if name in ("alrp", "alrp-loc", "ape"):  # as many values as positives must be given
        loss, _ = evaluate(name, logits, labels, ious[:-1])
    else:
        loss, _ = evaluate(name, logits, labels, ious, max_positives=8)
    assert loss.isnan()


@fused_losses
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_are_computed_with_in_float32(name, dtype):
    logits, labels, ious = (part.to(HERE) for part in problem())
    half = logits.to(dtype)
    exact, by_exact = evaluate(name, half.float(), labels, ious)
    loss, gradient = evaluate(name, half, labels, ious)
    assert loss.dtype == torch.float32
    assert loss.item() == exact.item()
    torch.testing.assert_close(gradient, by_exact.to(dtype))


@pytest.mark.parametrize("dtype", [torch.bool, torch.int8, torch.int32, torch.float32])
def test_labels_of_any_type(dtype):
    logits, labels, ious = (part.to(HERE) for part in problem())
    loss, gradient = evaluate("ap", logits, labels, ious)
    again, same = evaluate("ap", logits, labels.to(dtype), ious)
    assert again.item() == loss.item()
    assert torch.equal(same, gradient)


@fused_losses
def test_the_host_never_waits(name, monkeypatch):
    """On a CPU the interpreter reads memory itself; the watch sees what PyTorch would wait for."""
    logits, labels, ious = (part.to(HERE) for part in problem())
    monkeypatch.setattr(device, "on_cpu", lambda values: False)  # which checks labels
    logits.requires_grad_()
    targets = labels.float().masked_scatter(labels == 1, ious)
    most = {"max_positives": len(ious)}
    if name in ("ranking", "sorting"):
        call = lambda: sum(functional.rank_sort_loss(logits, targets, **most))  # noqa: E731
    else:
        call = lambda: LOSSES[name](logits, labels, ious, **most)  # noqa: E731
    with Watch() as watch:
        loss = call()
        if name != "alrp-loc":  # constant in the logits
            loss.backward()
    assert watch.seen == []


@pytest.mark.skipif(HERE == "cpu", reason="needs a GPU")
@fused_losses
def test_capture_in_a_cuda_graph(name):
    logits, labels, ious = (part.to(HERE) for part in problem(30, 5000))
    targets = labels.float().masked_scatter(labels == 1, ious)

    def call():
        at = logits.detach().requires_grad_()
        if name in ("ranking", "sorting"):
            parts = functional.rank_sort_loss(at, targets, max_positives=30)
            loss = parts[name == "sorting"]
        else:
            loss = LOSSES[name](at, labels, ious, max_positives=30)
        if name == "alrp-loc":
            return loss.detach(), loss.detach()
        return loss.detach(), torch.autograd.grad(loss, at)[0]

    call()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss, gradient = call()
    logits.copy_(logits.flip(0) + 0.1)
    graph.replay()
    expected, by_call = call()
    assert loss.item() == expected.item()
    assert torch.equal(gradient, by_call)


def test_pairwise_error_by_rank_is_ap_loss(plain):
    logits, labels, ious = (part.to(HERE) for part in problem())
    loss, gradient = evaluate("step", logits, labels, ious)
    expected, by_plain = plain("step", logits, labels, ious)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    torch.testing.assert_close(gradient, by_plain)


def test_the_switch(monkeypatch):
    logits = torch.zeros(3)
    assert device.fused(logits.to(HERE))
    assert not device.fused(logits.double())
    monkeypatch.setenv(device.KERNELS, "auto")
    assert device.fused(logits.to(HERE)) == (HERE == "cuda")
    monkeypatch.setenv(device.KERNELS, "of")
    with pytest.raises(ValueError, match="use auto, on or off"):
        ap.ap_loss(logits, torch.ones(3))


def test_kernels_on_a_cpu_need_the_interpreter(monkeypatch):
    for value in ("", "0"):
        monkeypatch.setenv(device.INTERPRETER, value)
        with pytest.raises(
            ValueError, match="start Python with TRITON_INTERPRET=1, or set"
        ) as found:
            ap.ap_loss(torch.zeros(3), torch.ones(3))
        assert len(str(found.value).splitlines()) == 1
