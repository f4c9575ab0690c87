"""What every ranking loss must do, whatever its formula."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.losses.cases import cases, close

from rankdet.losses import functional

SOME = settings(max_examples=25, deadline=None)


def targets_of(labels, ious):
    targets = labels.float()
    targets[labels == 1] = ious.to(targets)
    return targets


# Each takes (logits, labels, ious, **options) and returns a scalar.
LOSSES = {
    "ap": lambda x, y, q, **o: functional.ap_loss(x, y, **o),
    "alrp": lambda x, y, q, **o: functional.alrp_loss(x, y, 1 - q, **o)[0],
    "alrp-loc": lambda x, y, q, **o: functional.alrp_loss(x, y, 1 - q, **o)[1],
    "ranking": lambda x, y, q, **o: functional.rank_sort_loss(x, targets_of(y, q), **o)[0],
    "sorting": lambda x, y, q, **o: functional.rank_sort_loss(x, targets_of(y, q), **o)[1],
    "ndcg": lambda x, y, q, **o: functional.ndcg_loss(x, y, **o),
    "ape": lambda x, y, q, **o: functional.ape_loss(x, y, q, **o),
    "step": lambda x, y, q, **o: functional.pairwise_error_loss(x, y, **o),
    "sigmoid": lambda x, y, q, **o: functional.pairwise_error_loss(x, y, distance="sigmoid", **o),
    "entropy": lambda x, y, q, **o: functional.pairwise_error_loss(
        x, y, distance="cross_entropy", balance="negatives", **o
    ),
}
BALANCED = ("ap", "alrp", "ranking", "ndcg", "step", "sigmoid", "entropy")
every = pytest.mark.parametrize("name", LOSSES)


def evaluate(name, logits, labels, ious, **options):
    """Returns the loss and its gradient by the logits (zeros if it has none)."""
    logits = logits.detach().clone().requires_grad_()
    loss = LOSSES[name](logits, labels, ious, **options)
    if not loss.requires_grad:  # aLRP's localisation part is constant in the logits
        return loss, torch.zeros_like(logits)
    return loss, torch.autograd.grad(loss, logits)[0]


def problem(n_positives=9, n_negatives=300, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.zeros(n_positives + n_negatives, dtype=torch.int64)
    labels[torch.randperm(len(labels), generator=generator)[:n_positives]] = 1
    logits = torch.randn(len(labels), generator=generator) * 2
    return logits, labels, 0.05 + 0.9 * torch.rand(n_positives, generator=generator)


@pytest.mark.parametrize("name", BALANCED)
@SOME
@given(case=cases())
def test_theorem_2_positives_and_negatives_are_balanced(name, case):
    _, gradient = evaluate(name, case.logits, case.labels, case.ious)
    up, down = gradient[case.labels == 1], gradient[case.labels == 0]
    assert (up <= 0).all()
    assert (down >= 0).all()
    assert up.double().abs().sum().item() == pytest.approx(
        down.double().abs().sum().item(), rel=1e-5, abs=1e-7
    )


@every
@SOME
@given(case=cases())
def test_ignored_logits_get_no_gradient_and_have_no_say(name, case):
    loss, gradient = evaluate(name, case.logits, case.labels, case.ious)
    assert (gradient[case.labels == -1] == 0).all()
    moved = torch.where(case.labels == -1, 17.0, case.logits)
    again, _ = evaluate(name, moved, case.labels, case.ious)
    assert again.item() == loss.item()


@SOME
@given(case=cases(min_positives=1))
def test_theorem_1_ap_loss_is_its_gradients_magnitude(case):
    """AP's target is 0, so the loss is the sum of its primary terms (appendix F.2)."""
    loss, gradient = evaluate("ap", case.logits, case.labels, case.ious)
    assert gradient[case.labels == 1].double().abs().sum().item() == pytest.approx(
        loss.item(), rel=1e-5, abs=1e-6
    )


def test_alrp_gradient_magnitude_differs_from_the_loss_by_the_targets():
    """Eq. A.53: with all positives below some negative, the difference is ``mean E_i / rank_i``."""
    logits, labels, ious = problem()
    logits[(labels == 0).nonzero()[0]] = 30.0
    loss_cls, loss_loc = functional.alrp_loss(logits.requires_grad_(), labels, 1 - ious, delta=0.0)
    (gradient,) = torch.autograd.grad(loss_cls, logits)
    size = gradient[labels == 1].abs().sum()
    scores = logits[labels == 1]
    ranks = (logits[None] >= scores[:, None]).sum(1)
    expected = loss_cls + loss_loc - size
    assert expected.item() == pytest.approx(((1 - ious) / ranks).mean().item(), rel=1e-4)


def test_soft_sampling_weights_are_the_gradients_of_the_localisation_errors():
    """Eq. A.46, with the hard step: each error counts in every positive of no higher score."""
    logits, labels, ious = problem()
    errors = (1 - ious).requires_grad_()
    functional.alrp_loss(logits, labels, errors, delta=0.0)[1].backward()
    scores = logits[labels == 1]
    ranks = (logits[None] >= scores[:, None]).sum(1).double()
    weights = ((scores[:, None] >= scores[None]) / ranks[None]).sum(1) / len(scores)
    close(errors.grad, weights)


def test_localisation_loss_has_no_gradient_in_the_logits_nor_classification_in_the_errors():
    logits, labels, ious = problem()
    logits, errors = logits.requires_grad_(), (1 - ious).requires_grad_()
    loss_cls, loss_loc = functional.alrp_loss(logits, labels, errors)
    assert torch.autograd.grad(loss_cls, errors, retain_graph=True, allow_unused=True) == (None,)
    assert torch.autograd.grad(loss_loc, logits, allow_unused=True) == (None,)


@every
@SOME
@given(case=cases(), seed=st.integers(0, 2**16))
def test_order_of_the_input_does_not_matter(name, case, seed):
    # A bare tie of scores has no order; aLRP's localisation part follows the order of appearance.
    noise = torch.rand(len(case.logits), generator=torch.Generator().manual_seed(seed)) / 64
    logits = case.logits + noise
    order = torch.randperm(len(logits), generator=torch.Generator().manual_seed(seed))
    positives = case.labels == 1
    place = positives.cumsum(0) - 1
    shuffled = case.ious[place[order][positives[order]]]
    loss, gradient = evaluate(name, logits, case.labels, case.ious)
    again, moved = evaluate(name, logits[order], case.labels[order], shuffled)
    assert again.item() == pytest.approx(loss.item(), rel=1e-6, abs=1e-7)
    close(moved, gradient[order], 50)


@every
@SOME
@given(case=cases(), shift=st.sampled_from([-8.0, 0.5, 16.0]))
def test_shifting_all_logits_changes_nothing(name, case, shift):
    logits = (case.logits * 256).round() / 256  # so that the shift itself is exact
    loss, gradient = evaluate(name, logits, case.labels, case.ious)
    again, moved = evaluate(name, logits + shift, case.labels, case.ious)
    assert again.item() == pytest.approx(loss.item(), rel=1e-6, abs=1e-7)
    close(moved, gradient, 50)


@pytest.mark.parametrize("name", [n for n in LOSSES if n != "alrp-loc"])
def test_perfect_ranking_costs_nothing(name):
    """Positives far above all negatives, and sorted by quality, each a step apart."""
    labels = torch.tensor([1] * 5 + [0] * 50)
    logits = torch.cat([torch.arange(5, 0, -1) * 10.0, torch.linspace(-90, -40, 50)])
    ious = torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5])
    loss, gradient = evaluate(name, logits, labels, ious)
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert gradient.abs().max().item() == pytest.approx(0, abs=1e-6)


def test_inverse_ranking_costs_nearly_one():
    logits, labels, ious = problem(5, 5000)
    logits = torch.where(labels == 1, -30.0 + logits, logits)
    assert evaluate("ap", logits, labels, ious)[0].item() > 0.999


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
def test_backward_multiplies_and_accumulates(name):
    logits, labels, ious = problem()
    _, gradient = evaluate(name, logits, labels, ious)
    logits = logits.clone().requires_grad_()
    loss = LOSSES[name](logits, labels, ious)
    if not loss.requires_grad:
        return
    (3 * loss).backward(retain_graph=True)
    loss.backward()
    torch.testing.assert_close(logits.grad, 4 * gradient)


@every
@pytest.mark.parametrize("kind", ["positive", "negative"])
def test_nan_shows(name, kind):
    """A diverged network must not look like a perfect one."""
    logits, labels, ious = problem(9, 40_000)
    logits[(labels == (kind == "positive")).nonzero()[3]] = math.nan
    if name == "sorting" and kind == "negative":
        return  # sorting is among positives alone
    loss, _ = evaluate(name, logits, labels, ious)
    assert loss.isnan()


@every
@pytest.mark.parametrize("sizes", [(4, 5), (3, 0, 6)])
def test_groups_are_ranked_alone_and_count_by_their_positives(name, sizes):
    logits, labels, ious = problem(9, 300)
    group = torch.randint(0, len(sizes), labels.shape, generator=torch.Generator().manual_seed(1))
    places = (labels == 1).nonzero().squeeze(1)
    group[places] = torch.repeat_interleave(torch.tensor(sizes)).flip(0)
    loss, gradient = evaluate(name, logits, labels, ious, group=group)
    expected, total = 0.0, torch.zeros_like(gradient)
    for g in group.unique():
        own = labels.where(group == g, -1)
        part, by_logits = evaluate(name, logits, own, ious[group[places] == g])
        share = (own == 1).sum().item() / 9
        expected += share * part.item()
        total += share * by_logits
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(gradient, total, rtol=1e-5, atol=1e-8)


@every
def test_shape_and_label_type_do_not_matter(name):
    logits, labels, ious = problem(9, 291)
    loss, gradient = evaluate(name, logits, labels, ious)
    for dtype in (torch.int8, torch.int32, torch.float32):
        again, by_logits = evaluate(
            name, logits.reshape(100, 3), labels.reshape(100, 3).to(dtype), ious
        )
        assert again.item() == loss.item()
        torch.testing.assert_close(by_logits.reshape(-1), gradient, rtol=0, atol=0)


def test_cross_entropy_distance_is_the_derivative_of_its_value():
    """With the number of negatives as constant the loss is differentiable: finite differences."""
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(30, generator=generator, dtype=torch.float64) * 0.1
    labels = torch.tensor([1, 0, 0, 0, -1] * 6)

    def loss(x):
        return functional.pairwise_error_loss(
            x, labels, distance="cross_entropy", balance="negatives", delta=5.0
        )

    assert torch.autograd.gradcheck(loss, logits.requires_grad_())


def test_localisation_loss_is_the_derivative_of_its_value():
    logits, labels, ious = problem()
    errors = (1 - ious).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda e: functional.alrp_loss(logits, labels, e)[1], errors)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda x, y: functional.ap_loss(x.long(), y), "floating"),
        (lambda x, y: functional.ap_loss(x, y[:-1]), "labels for"),
        (lambda x, y: functional.ap_loss(x, y, group=y[:-1]), "group for"),
        (lambda x, y: functional.ap_loss(x, y, delta=-1.0), "negative"),
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
    """Peak resident memory of a call, in a process of its own; a P x N array would be 5 GB."""
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
