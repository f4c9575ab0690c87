"""The worked examples of the papers, number by number; no training, no data."""

import numpy as np
import pytest
import torch

from rankdet.losses import FlatProblem, build_box, functional

# aLRP, Fig. 1 and Table A.10: ten anchors in falling order of score, four of them positive.
SCORES = torch.tensor([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
LABELS = torch.tensor([1, 0, 1, 0, 0, 1, 0, 0, 0, 1])
OUTPUTS = {
    "R1": (0.95, 0.80, 0.65, 0.50),
    "R2": (0.80, 0.65, 0.50, 0.95),
    "R3": (0.50, 0.65, 0.80, 0.95),
}


def half_up(value, digits=2):
    """Rounds as the paper prints."""
    return np.floor(value * 10**digits + 0.5) / 10**digits


@pytest.mark.parametrize(("output", "printed"), [("R1", 0.53), ("R2", 0.69), ("R3", 0.89)])
def test_figure_1_alrp_loss(output, printed):
    errors = (1 - torch.tensor(OUTPUTS[output])) / (1 - 0.5)
    loss_cls, loss_loc = functional.alrp_loss(SCORES, LABELS, errors, delta=0.0)
    assert half_up(loss_cls.item() + loss_loc.item()) == printed


@pytest.mark.parametrize(
    ("output", "exact"), [("R1", 2.12 / 4), ("R2", 2.77 / 4), ("R3", 3.57 / 4)]
)
def test_figure_1_alrp_loss_to_all_digits(output, exact):
    errors = (1 - torch.tensor(OUTPUTS[output], dtype=torch.float64)) / 0.5
    losses = functional.alrp_loss(SCORES.double(), LABELS, errors, delta=0.0)
    assert sum(losses).item() == pytest.approx(exact, abs=1e-12)


def test_table_a10_errors_per_box():
    """LRP per positive, from losses of prefixes of the positives: N_FP, ranks and sums of E."""
    printed = {
        "R1": [0.10, 0.50, 0.70, 0.82],
        "R2": [0.40, 0.70, 0.85, 0.82],
        "R3": [1.00, 0.90, 0.85, 0.82],
    }
    places = LABELS.nonzero().squeeze(1)
    for output, row in printed.items():
        errors = (1 - torch.tensor(OUTPUTS[output], dtype=torch.float64)) / 0.5
        total = 0.0
        for n, value in enumerate(row, start=1):
            labels = LABELS.clone()
            labels[places[n:]] = -1  # the LRP of a positive does not depend on lower positives
            losses = functional.alrp_loss(SCORES.double(), labels, errors[:n], delta=0.0)
            lrp = n * sum(losses).item() - total
            total += lrp
            assert half_up(lrp + 1e-9) == pytest.approx(value)


def test_figure_1_ap_loss():
    assert half_up(functional.ap_loss(SCORES, LABELS, delta=0.0).item()) == 0.36


def test_figure_1_cross_entropy():
    loss = torch.nn.functional.binary_cross_entropy(SCORES, LABELS.float())
    assert half_up(loss.item()) == 0.87


@pytest.mark.parametrize("output", OUTPUTS)
def test_figure_1_box_losses(output):
    """Ground truth [0, 0, 1, 1], offsets .05, .25, .35, .50 of one side: L1 .29, IoU .28.

    The box of IoU .80 is too long by .25, the others are too short.
    """
    side = {0.95: 0.95, 0.80: 1.25, 0.65: 0.65, 0.50: 0.50}
    target = torch.tensor([[0.0, 0.0, 1.0, 1.0]], dtype=torch.float64).expand(4, 4)
    boxes = target.clone()
    boxes[:, 3] = torch.tensor([side[iou] for iou in OUTPUTS[output]])
    logits, labels = torch.zeros(4, 1), torch.zeros(4, dtype=torch.int64)
    extras = {"pred_deltas": boxes, "target_deltas": target}
    problem = FlatProblem(logits, labels, labels.bool(), boxes, target, extras)
    errors = build_box({"type": "iou"}).errors(problem)
    np.testing.assert_allclose(1 - errors, OUTPUTS[output], atol=1e-7)
    assert half_up(errors.mean().item() + 1e-7) == 0.28
    assert half_up(build_box({"type": "l1"}).errors(problem).mean().item()) == 0.29


PRECISIONS = {  # Table A.9: AP at each IoU threshold, and their mean
    "R1": ([0.51, 0.43, 0.33, 0.20], 0.37),
    "R2": ([0.51, 0.39, 0.24, 0.02], 0.29),
    "R3": ([0.51, 0.19, 0.08, 0.02], 0.20),
}


@pytest.mark.parametrize("output", OUTPUTS)
def test_table_a9_average_precisions(output):
    """Five ground truths, ten recall points, interpolated; precisions come from AP Loss's ranks."""
    values = []
    for threshold in (0.50, 0.65, 0.80, 0.95):
        hits = torch.zeros(10, dtype=torch.int64)
        matched = torch.tensor(OUTPUTS[output]).double() >= threshold - 1e-6
        hits[LABELS.nonzero().squeeze(1)[matched]] = 1
        scores = SCORES.double().requires_grad_()
        loss = functional.ap_loss(scores, hits, delta=0.0)  # gradient of i is -(1 - precision_i)/P
        loss.backward()
        best = 1 + scores.grad[hits == 1] * int(hits.sum())
        recalls = torch.arange(1, len(best) + 1) / 5
        points = torch.arange(1, 11) / 10
        reached = [best[recalls >= point - 1e-6] for point in points]
        values.append(float(sum(r.max() for r in reached if len(r)) / 10))
    printed, mean = PRECISIONS[output]
    np.testing.assert_array_equal(half_up(np.array(values) + 1e-9), printed)
    assert half_up(np.mean(values)) == mean


# Rank & Sort, Fig. S1.
RS_LOGITS = torch.tensor([3.0, 2.0, 1.0, 0.0, -1.0, -2.0, -3.0, -4.0], dtype=torch.float64)
RS_LABELS = torch.tensor([0.9, 0.4, 0.0, 0.0, 0.8, 0.0, 0.1, 0.0], dtype=torch.float64)


def per_positive():
    """Ranking loss of each positive, from the losses of prefixes of the ranking."""
    losses = []
    for index in RS_LABELS.nonzero().squeeze(1).tolist():
        ranking, _ = functional.rank_sort_loss(
            RS_LOGITS, torch.where(above_or(index), RS_LABELS, -1.0), delta=0.0
        )
        losses.append(ranking.item() * int((RS_LABELS[: index + 1] > 0).sum()))
    return np.diff([0.0, *losses])


def above_or(index):
    return torch.arange(len(RS_LOGITS)) <= index


def test_figure_s1_ranking_losses():
    """The paper prints .00 .00 .40 .42: the last is 3/7 = .4286, truncated and not rounded."""
    np.testing.assert_allclose(per_positive(), [0, 0, 2 / 5, 3 / 7], atol=1e-12)


def test_figure_s1_sorting_losses_and_total():
    """Sorting losses .00 .00 .15 .00, total .55 and .42, mean .24."""
    ranking, sorting = functional.rank_sort_loss(RS_LOGITS, RS_LABELS, delta=0.0)
    assert 4 * sorting.item() == pytest.approx(0.15, abs=1e-12)
    assert 4 * ranking.item() == pytest.approx(2 / 5 + 3 / 7, abs=1e-12)
    assert half_up((ranking + sorting).item()) == 0.24


def test_figure_s1_current_and_target_sorting_errors():
    """With one label raised to 1 the target vanishes: current errors .10 .35 .30, target .15.

    The printed .38 of the last positive does not follow from its labels (they give .45); both its
    current and its target error are printed so, and its loss is 0 either way.
    """
    error = 1 - RS_LABELS[RS_LABELS > 0]
    current = error.cumsum(0) / torch.arange(1, 5)
    np.testing.assert_allclose(current, [0.10, 0.35, 0.30, 0.45], atol=1e-12)
    labels = RS_LABELS.clone()
    labels[4] = 1.0  # now no positive above it has a label as large, so its target is 0
    _, sorting = functional.rank_sort_loss(RS_LOGITS, labels, delta=0.0)
    assert 4 * sorting.item() == pytest.approx((0.1 + 0.6) / 3, abs=1e-12)


def test_figure_s1_gradients():
    """S5 and S16 by hand, at delta 0: the example's i = 1 is suppressed though it is positive."""
    logits = RS_LOGITS.clone().requires_grad_()
    sum(functional.rank_sort_loss(logits, RS_LABELS, delta=0.0)).backward()
    ranking_4, ranking_6, sorting_4 = 2 / 5, 3 / 7, 0.15
    by_hand = np.array([
        0, sorting_4, ranking_4 / 2 + ranking_6 / 3, ranking_4 / 2 + ranking_6 / 3,
        -ranking_4 - sorting_4, ranking_6 / 3, -ranking_6, 0,
    ])  # fmt: skip
    np.testing.assert_allclose(logits.grad, by_hand / 4, atol=1e-12)


def test_figure_s1_at_the_released_delta():
    """With δ = .5 and H(0) = ½ in the ranks the same example gives .2732."""
    losses = functional.rank_sort_loss(RS_LOGITS, RS_LABELS, delta=0.5)
    assert round(sum(losses).item(), 4) == 0.2732
