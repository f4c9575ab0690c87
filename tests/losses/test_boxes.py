"""Box parts: errors, weights, and error messages."""

import math

import pytest
import torch

from rankdet.losses import FlatProblem, build_box
from rankdet.losses.box_errors import BOX_ERRORS, pairwise_giou, pairwise_iou
from rankdet.losses.box_weightings import WEIGHTINGS


def boxes(n, seed, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(n, 2, generator=generator, dtype=dtype) * 5
    return torch.cat([low, low + 1 + torch.rand(n, 2, generator=generator, dtype=dtype) * 5], 1)


def problem(n_positives=6, n_anchors=40, n_classes=3, ignore=4):
    generator = torch.Generator().manual_seed(0)
    labels = torch.full((n_anchors,), n_classes)
    places = torch.randperm(n_anchors, generator=generator)
    chosen = places[:n_positives].sort().values
    labels[chosen] = torch.randint(0, n_classes, (n_positives,), generator=generator)
    ignored = torch.zeros(n_anchors, dtype=torch.bool)
    ignored[places[n_positives : n_positives + ignore]] = True
    predicted, targets = boxes(n_positives, 1).requires_grad_(), boxes(n_positives, 2)
    extras = {
        "pred_deltas": predicted - 3,
        "target_deltas": targets - 3,
        "centerness_targets": torch.rand(n_positives, generator=generator),
        "mask_errors": predicted.sigmoid().mean(1),  # of a detector without boxes
        "dice": 1 - predicted.detach().sigmoid().mean(1),
    }
    logits = torch.randn(n_anchors, n_classes, generator=generator)
    return FlatProblem(logits, labels, ignored, predicted, targets, extras)


def prepared(config, **options):
    """A problem as a criterion prepares it for a box part, and the part."""
    part, given = build_box(config), problem(**options)
    given.ious = part.quality(given)
    given.box_errors = part.errors(given)
    given.error_range = part.error_range
    return part, given


def slow_iou(a, b, generalised):
    """By areas of rectangles, one pair at a time."""
    w = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    h = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    area = lambda r: (r[2] - r[0]) * (r[3] - r[1])  # noqa: E731
    union = area(a) + area(b) - w * h
    hull = (max(a[2], b[2]) - min(a[0], b[0])) * (max(a[3], b[3]) - min(a[1], b[1]))
    return w * h / union - ((hull - union) / hull if generalised else 0)


@pytest.mark.parametrize("generalised", [False, True])
def test_iou_of_pairs(generalised):
    first, second = boxes(50, 1), boxes(50, 2)
    overlap = pairwise_giou if generalised else pairwise_iou
    ours = overlap(first, second)
    slow = [
        slow_iou(a, b, generalised) for a, b in zip(first.tolist(), second.tolist(), strict=True)
    ]
    torch.testing.assert_close(ours, torch.tensor(slow, dtype=torch.float64))
    assert overlap(first, first).allclose(torch.ones(50, dtype=torch.float64))


def test_giou_of_boxes_apart_and_of_degenerate_boxes():
    a = torch.tensor([[0.0, 0, 1, 1], [2, 2, 2, 2], [3, 3, 1, 1]])
    b = torch.tensor([[3.0, 0, 4, 1], [2, 2, 2, 2], [0, 0, 1, 1]])
    giou = pairwise_giou(a, b)
    assert giou[0].item() == pytest.approx(-0.5)
    assert giou.isfinite().all()
    assert (pairwise_iou(a, b) >= 0).all()


def test_half_precision_boxes_are_computed_with_in_float32():
    first, second = boxes(5, 1).half(), boxes(5, 2).half()
    assert pairwise_iou(first, second).dtype == torch.float32


@pytest.mark.parametrize("kind", ["iou", "giou"])
def test_box_errors_are_differentiable(kind):
    part, given = prepared({"type": kind})
    boxes_again = given.pred_boxes.detach().clone().requires_grad_()

    def errors(predicted):
        given.pred_boxes = predicted
        return part.errors(given)

    assert torch.autograd.gradcheck(errors, boxes_again)


@pytest.mark.parametrize(("beta", "at_one"), [(1.0, 0.5), (1 / 9, 1 - 1 / 18), (4.0, 0.125)])
def test_smooth_l1_turns_linear_at_beta(beta, at_one):
    given = problem(n_positives=1)
    given.extras = {"pred_deltas": torch.ones(1, 4), "target_deltas": torch.zeros(1, 4)}
    error = build_box({"type": "smooth_l1", "beta": beta}).errors(given)
    assert error.item() == pytest.approx(4 * at_one)


@pytest.mark.parametrize("kind", BOX_ERRORS)
def test_sum_over_positives_is_divided_by_their_number_or_the_given_factor(kind):
    part, given = prepared({"type": kind, "weight": 2.5})
    total = part.errors(given).sum().item()
    assert part(given).item() == pytest.approx(2.5 * total / 6)
    given.extras["avg_factor"] = torch.tensor(10.0)
    assert part(given).item() == pytest.approx(2.5 * total / 10)


def test_a_quarter_of_smooth_l1_is_ap_losss_mean_over_coordinates():
    part, given = prepared({"type": "smooth_l1", "weight": 0.25})
    difference = (given.extras["pred_deltas"] - given.extras["target_deltas"]).float()
    mean = torch.nn.functional.smooth_l1_loss(difference, torch.zeros_like(difference), beta=1 / 9)
    assert part(given).item() == pytest.approx(mean.item())


def weights_by_hand(weighting, given, delta_loc):
    scores = given.logits[given.positives, given.labels[given.positives]]
    if weighting == "centerness":
        return given.extras["centerness_targets"]
    if weighting == "score":
        return given.logits[given.positives].sigmoid().max(1).values
    if weighting == "iou":
        return given.ious
    step = lambda x, d: (x / (2 * d) + 0.5).clamp(0, 1) if d else (x >= 0).float()  # noqa: E731
    counted = given.logits[~given.ignore].reshape(-1)  # every class of every anchor, (S21)
    rank = step(counted[None] - scores[:, None], 0.5).sum(1) + 0.5
    return (step(scores[:, None] - scores[None], delta_loc or 0) / rank[None]).sum(1) / len(scores)


@pytest.mark.parametrize("kind", ["giou", "smooth_l1"])
@pytest.mark.parametrize(
    ("weighting", "delta_loc"),
    [("centerness", None), ("score", None), ("iou", None), ("ranking", None), ("ranking", 1.5)],
)
def test_weighted_mean(kind, weighting, delta_loc):
    part, given = prepared({"type": kind, "weighting": weighting, "delta_loc": delta_loc})
    weights = weights_by_hand(weighting, given, delta_loc)
    torch.testing.assert_close(part.weights(given), weights, check_dtype=False, rtol=1e-5, atol=0)
    expected = (weights * part.errors(given)).sum() / weights.sum()
    assert part(given).item() == pytest.approx(expected.item(), rel=1e-5)
    assert not part.weights(given).requires_grad


@pytest.mark.parametrize("kind", BOX_ERRORS)
@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_no_positives_give_a_connected_zero(kind, weighting):
    part, given = prepared({"type": kind, "weighting": weighting}, n_positives=0)
    loss = part(given)
    assert loss.item() == 0
    loss.backward()
    assert given.pred_boxes.grad is not None


def test_all_weights_zero_is_finite():
    part, given = prepared({"type": "giou", "weighting": "centerness"})
    given.extras["centerness_targets"] = torch.zeros(6)
    assert math.isfinite(part(given).item())


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ({"type": "diou"}, "known are giou"),
        ({"weighting": "area"}, "known are none"),
        ({"weight": -2.0}, "box weight is -2.0; give 0 or more"),
        ({"weight": float("nan")}, "box weight is nan"),
        ({"tpye": "iou"}, "tpye"),
    ],
)
def test_wrong_config_is_named(config, match):
    with pytest.raises(ValueError, match=match):
        build_box(config)


def test_missing_extras_are_named():
    part, given = build_box({"type": "l1"}), problem()
    given.extras = {}
    with pytest.raises(ValueError, match="pred_deltas"):
        part.errors(given)


def test_masks_can_replace_boxes():
    part, given = prepared({"type": "dice", "weighting": "iou", "weight": 3.0})
    errors, dice = given.extras["mask_errors"].float(), given.extras["dice"].float()
    assert part.error_range == 1.0
    torch.testing.assert_close(given.ious, dice)
    torch.testing.assert_close(part(given), 3 * (dice * errors).sum() / dice.sum())
    del given.extras["dice"]
    with pytest.raises(ValueError, match="dice needs 'dice'"):
        part.quality(given)
