"""The modules: arguments are checked when a module is made, shown, and scale the loss."""

import math

import pytest
import torch

from rankdet import losses
from rankdet.losses import Criterion, build_balance, build_box, flat_labels
from tests.losses.ranking import problem, targets_of

LOGITS, LABELS, IOUS = problem(n_positives=7)
REDUCED = {
    "ap": (losses.APLoss, (LABELS,), 7),
    "alrp": (losses.ALRPLoss, (LABELS, 1 - IOUS), 7),
    "rank_sort": (losses.RankSortLoss, (targets_of(LABELS, IOUS),), 7),
    "ape": (losses.APELoss, (LABELS, IOUS), 7),
    "pairwise": (losses.PairwiseErrorLoss, (LABELS,), 7),
}
ALL = {name: entry[:2] for name, entry in REDUCED.items()} | {
    "ndcg": (losses.NDCGLoss, (LABELS,)),
    "dr": (losses.DRLoss, (LABELS,)),
}


def value_and_gradient(module, *inputs):
    logits = LOGITS.clone().requires_grad_()
    made = module(logits, *inputs)
    loss = made if isinstance(made, torch.Tensor) else torch.stack(made).sum()
    return loss.detach(), torch.autograd.grad(loss, logits)[0]


@pytest.mark.parametrize("name", ALL)
def test_loss_weight_multiplies_value_and_gradient(name):
    kind, inputs = ALL[name]
    value, gradient = value_and_gradient(kind(), *inputs)
    scaled, by_scaled = value_and_gradient(kind(loss_weight=2.5), *inputs)
    torch.testing.assert_close(scaled, 2.5 * value)
    torch.testing.assert_close(by_scaled, 2.5 * gradient)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("name", REDUCED)
@pytest.mark.parametrize("groups", [1, 2])
def test_a_sum_is_the_mean_times_the_positives(name, groups):
    kind, inputs, count = REDUCED[name]
    group = torch.arange(len(LOGITS)) % groups
    value, gradient = value_and_gradient(kind(), *inputs, group)
    total, by_total = value_and_gradient(kind(reduction="sum"), *inputs, group)
    torch.testing.assert_close(total, count * value)
    torch.testing.assert_close(by_total, count * gradient)


def test_without_positives_a_sum_is_a_connected_zero():
    logits = LOGITS.clone().requires_grad_()
    loss = losses.APLoss(reduction="sum")(logits, torch.zeros_like(LABELS))
    loss.backward()
    assert loss.item() == 0 and logits.grad.abs().sum() == 0


def test_a_sum_in_a_criterion_is_the_mean_times_the_positives():
    boxes = torch.tensor([[0.0, 0, 9, 9], [0, 0, 4, 4]])
    batch = (LOGITS[:4, None], torch.tensor([0, 1, 0, 1]), torch.zeros(4, dtype=torch.bool))

    def loss(reduction):
        part = losses.APLoss(reduction=reduction)
        assert part.mean_of_positives is (reduction == "mean")
        criterion = Criterion(part, build_box({}), build_balance({}))
        return criterion(*batch, boxes, boxes)["loss_cls"]

    torch.testing.assert_close(loss("sum"), 2 * loss("mean"))


@pytest.mark.fault("argument of a loss outside its range")
@pytest.mark.parametrize(
    ("kind", "argument", "said"),
    [
        (losses.APLoss, {"delta": -1}, "delta is -1; give 0 or more"),
        (losses.APLoss, {"delta": math.nan}, "delta is nan; give 0 or more"),
        (losses.APLoss, {"delta": "0.5"}, "delta is '0.5'; give 0 or more"),
        (losses.ALRPLoss, {"tau": 1.0}, "tau is 1.0; give a number in"),
        (losses.ALRPLoss, {"target": "none"}, "known are localisation, zero"),
        (losses.RankSortLoss, {"delta": -0.5}, "delta is -0.5"),
        (losses.APELoss, {"scale": 0}, "scale is 0; give more than 0"),
        (losses.APELoss, {"max_negatives": 0}, "max_negatives is 0; give 1 or more"),
        (losses.APELoss, {"numerics": "exact"}, "known are stable, official"),
        (losses.PairwiseErrorLoss, {"distance": "hinge"}, "known are step, sigmoid"),
        (losses.NDCGLoss, {"delta": -1}, "delta is -1"),
        (losses.DRLoss, {"smoothness": 0}, "smoothness is 0; give more than 0"),
        (losses.APLoss, {"loss_weight": -1}, "loss_weight is -1; give 0 or more"),
        (losses.APLoss, {"reduction": "none"}, "reduction is 'none'; known are mean, sum"),
        (losses.BoxLoss, {"delta_loc": -1}, "delta_loc is -1"),
        (losses.ConstantBalance, {"weight": -2}, "weight is -2"),
    ],
    ids=str,
)
def test_wrong_arguments_fail_when_a_module_is_made(kind, argument, said):
    with pytest.raises(ValueError, match=said) as caught:
        kind(**argument)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("module", "shown"),
    [
        (
            losses.RankSortLoss(delta=0.25),
            "RankSortLoss(delta=0.25, labels='iou', per_image=False, loss_weight=1.0, "
            "reduction='mean')",
        ),
        (build_balance({"type": "self-epoch", "initial": 20}), "SelfBalanceEpoch(weight=20, "),
        (build_box({"type": "iou", "weight": 2.0}), "BoxLoss(type='iou', weighting='none', "),
    ],
    ids=["loss", "balance", "box"],
)
def test_a_module_shows_its_arguments(module, shown):
    assert repr(module).startswith(shown)


def test_a_criterion_shows_its_parts():
    shown = repr(Criterion(losses.APLoss(), build_box({}), build_balance({}), weight=0.2))
    assert "weight=0.2, scope='gpu'" in shown and "(box): BoxLoss(type='giou'" in shown


def test_labels_of_class_indices():
    classes = torch.tensor([[0, 2], [-1, 1]], dtype=torch.int32)
    expected = [[[1, 0], [0, 0]], [[-1, -1], [0, 1]]]
    assert flat_labels(classes, 2).tolist() == expected
    logits = torch.randn(2, 2, 2, requires_grad=True)
    losses.APLoss()(logits, flat_labels(classes, 2)).backward()
    assert logits.grad[1, 0].abs().sum() == 0 and logits.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("classes", "error", "said"),
    [
        (
            torch.tensor([3]),
            ValueError,
            "class 3 of 2 classes at position 0; use 0 to 1, 2 for background",
        ),
        (
            torch.tensor([0.5]),
            TypeError,
            "classes are torch.float32; give a tensor of class indices",
        ),
    ],
    ids=["above", "probability"],
)
def test_other_class_indices_are_named(classes, error, said):
    with pytest.raises(error, match=said):
        flat_labels(classes, 2)
