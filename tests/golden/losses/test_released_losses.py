"""Equality with arrays that the authors' released code computed in float64, to a tolerance."""

import numpy as np
import pytest
import torch

from rankdet.losses import functional
from tests.shared_data import require_shared

CASES = ("c01", "c04", "c10")


@pytest.fixture(scope="module")
def released():
    folder = require_shared("reference", "losses")
    return {path.stem: np.load(path) for path in folder.glob("*.npz")}


def inputs(released, case):
    arrays = released["inputs"]
    logits = torch.tensor(arrays[f"{case}_logits"]).requires_grad_()
    return logits, torch.tensor(arrays[f"{case}_labels"])


def close(ours, theirs):
    """2e-7 of the largest value, and 1e-6 relative."""
    ours = ours.detach().numpy() if isinstance(ours, torch.Tensor) else np.asarray(ours)
    theirs = np.asarray(theirs).squeeze()
    atol = 2e-7 * np.abs(theirs).max()
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=atol)


@pytest.mark.parametrize("file", ["ap", "ap_cccorn"])
@pytest.mark.parametrize("case", CASES)
def test_ap_loss(released, case, file):
    logits, labels = inputs(released, case)
    loss = functional.ap_loss(logits, labels)
    loss.backward()
    close(loss, released[file][f"{case}_loss_f64"])
    close(logits.grad, released[file][f"{case}_grad_f64"])


@pytest.mark.parametrize("case", CASES)
def test_alrp_loss(released, case):
    """The positives are put into the stored order, which decides between tied scores."""
    logits, labels = inputs(released, case)
    stored = released["alrp"]
    errors = torch.tensor(released["inputs"][f"{case}_e_loc"])
    order = torch.tensor(stored[f"{case}_order_f64"]).flip(0)  # stored in rising order of score
    places = (labels == 1).nonzero().squeeze(1)
    layout = torch.arange(len(logits))
    layout[places] = places[order]
    shuffled = logits.detach()[layout].requires_grad_()
    errors = errors[order].requires_grad_()
    loss_cls, loss_loc = functional.alrp_loss(shuffled, labels, errors)
    (loss_cls + loss_loc).backward()
    close(loss_cls, stored[f"{case}_loss_cls_f64"])
    close(loss_loc, stored[f"{case}_loss_loc_f64"])
    close(shuffled.grad, stored[f"{case}_grad_f64"][layout])
    close(errors.grad, stored[f"{case}_grad_loc_f64"][order])


@pytest.mark.parametrize(("file", "delta"), [("rs", 0.5), ("rs_delta0", 0.0)])
@pytest.mark.parametrize("case", CASES)
def test_rank_sort_loss(released, case, file, delta):
    logits, _ = inputs(released, case)
    targets = torch.tensor(released["inputs"][f"{case}_rs_targets"])
    ranking, sorting = functional.rank_sort_loss(logits, targets, delta=delta)
    (ranking + sorting).backward()
    close(ranking, released[file][f"{case}_ranking_f64"])
    close(sorting, released[file][f"{case}_sorting_f64"])
    close(logits.grad, released[file][f"{case}_grad_f64"])


@pytest.mark.parametrize(
    ("file", "options"),
    [
        ("ap_sigmoid8", {"distance": "sigmoid", "scale": 8.0}),
        ("ap_hard_delta05", {"distance": "step", "delta": 0.5}),
    ],
)
@pytest.mark.parametrize("case", CASES)
def test_pairwise_error_loss(released, case, file, options):
    logits, labels = inputs(released, case)
    loss = functional.pairwise_error_loss(logits, labels, **options)
    loss.backward()
    close(loss, released[file][f"{case}_loss_f64"])
    close(logits.grad, released[file][f"{case}_grad_f64"])


APE = [("ape", {"scale": 8.0}), ("ape_lamb4_topk50", {"scale": 4.0, "max_negatives": 50})]


@pytest.mark.parametrize(("file", "options"), APE)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("dtype", "suffix"), [(torch.float32, ""), (torch.float64, "_f64")])
def test_ape_loss_with_official_numerics(released, case, file, options, dtype, suffix):
    """The saturated form, in either precision, pair by pair."""
    logits, labels = inputs(released, case)
    logits = logits.detach().to(dtype, copy=True).requires_grad_()
    ious = torch.tensor(released["inputs"][f"{case}_iou"])
    loss = functional.ape_loss(logits, labels, ious, numerics="official", **options)
    loss.backward()
    close(loss, released[file][f"{case}_loss{suffix}"])
    ours, theirs = logits.grad.numpy(), released[file][f"{case}_grad{suffix}"]
    if "max_negatives" in options:  # which of several tied negatives are kept is not defined
        scores, tied = np.unique(logits.detach().numpy(), return_inverse=True)
        ours, theirs = (np.bincount(tied, g, minlength=len(scores)) for g in (ours, theirs))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=5e-7 * np.abs(theirs).max())


@pytest.mark.parametrize("case", ["c01", "c04"])
def test_stable_ape_loss_is_what_the_released_formula_is_without_saturation(released, case):
    logits, labels = inputs(released, case)
    ious = torch.tensor(released["inputs"][f"{case}_iou"])
    loss = functional.ape_loss(logits, labels, ious)
    loss.backward()
    close(loss, released["ape"][f"{case}_loss_f64"])
    close(logits.grad, released["ape"][f"{case}_grad_f64"])


@pytest.mark.parametrize("case", CASES)
def test_bucketed_approximation_is_near_but_not_equal(released, case):
    """The published fast version approximates; ours is exact. Both must agree roughly."""
    logits, labels = inputs(released, case)
    loss = functional.ap_loss(logits, labels, interpolate=False)
    loss.backward()
    bucketed = released["bucket_ap"]
    assert loss.item() == pytest.approx(float(bucketed[f"{case}_loss_f64"]), abs=0.1)
