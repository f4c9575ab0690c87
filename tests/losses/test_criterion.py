"""The criterion: one flat problem in, named losses out, for every combination of parts."""

import pytest
import torch
from torch import nn

from rankdet.losses import (
    ALRPLoss,
    APELoss,
    APLoss,
    Criterion,
    DRLoss,
    FlatProblem,
    NDCGLoss,
    PairwiseErrorLoss,
    RankSortLoss,
    build_balance,
    build_box,
    functional,
)
from rankdet.losses.box_errors import pairwise_giou, pairwise_iou

PARTS = {
    "ap": APLoss,
    "alrp": ALRPLoss,
    "rs": RankSortLoss,
    "ape": APELoss,
    "step": PairwiseErrorLoss,
    "sigmoid": lambda **o: PairwiseErrorLoss("sigmoid", **o),
    "ndcg": NDCGLoss,
    "dr": DRLoss,
}


class Batch:
    """A detector's outputs, and what was assigned to them."""

    def __init__(self, n_anchors=60, n_classes=4, n_positives=7, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.logits = torch.randn(n_anchors, n_classes, generator=generator).requires_grad_()
        self.labels = torch.full((n_anchors,), n_classes)
        places = torch.randperm(n_anchors, generator=generator)
        chosen = places[:n_positives].sort().values
        self.labels[chosen] = torch.randint(0, n_classes, (n_positives,), generator=generator)
        self.ignore = torch.zeros(n_anchors, dtype=torch.bool)
        self.ignore[places[n_positives : n_positives + 5]] = True
        low = torch.rand(n_positives, 2, generator=generator) * 20
        self.targets = torch.cat([low, low + 10], 1)
        self.deltas = torch.randn(n_positives, 4, generator=generator).requires_grad_()
        self.boxes = self.targets + self.deltas
        self.extras = {
            "pred_deltas": self.deltas,
            "target_deltas": torch.zeros_like(self.deltas),
            "image_index": torch.arange(n_anchors) % 2,
        }

    def arguments(self):
        return self.logits, self.labels, self.ignore, self.boxes, self.targets, self.extras


def criterion(part, box=None, balance=None, **options):
    return Criterion(part, build_box(box or {}), build_balance(balance or {}), **options)


def total(losses):
    return sum(value for name, value in losses.items() if name.startswith("loss"))


@pytest.mark.parametrize("per_image", [False, True])
@pytest.mark.parametrize("kind", ["giou", "smooth_l1"])
@pytest.mark.parametrize("balance", ["none", "self-epoch", "self-iteration", "gradient-magnitude"])
@pytest.mark.parametrize("part", PARTS)
def test_every_part_trains_with_every_box_part_and_balance(part, kind, balance, per_image):
    if part == "alrp" and kind == "smooth_l1":
        pytest.skip("aLRP Loss needs a bounded box error")
    batch = Batch()
    whole = criterion(PARTS[part](per_image=per_image), {"type": kind}, {"type": balance})
    losses = whole(*batch.arguments())
    total(losses).backward()
    assert {"loss_bbox", "balance_weight", "num_pos"} <= set(losses)
    assert losses["num_pos"].item() == 7
    assert not losses["balance_weight"].requires_grad
    for leaf in (batch.logits, batch.deltas):
        assert leaf.grad.isfinite().all()
        assert (leaf.grad != 0).any()
    assert (batch.logits.grad[batch.ignore] == 0).all()


@pytest.mark.parametrize("shape", [(0, 4, 0), (12, 4, 0), (1, 1, 1)])
@pytest.mark.parametrize("part", PARTS)
def test_few_anchors_and_no_positives_stay_connected(part, shape):
    batch = Batch(*shape)
    losses = criterion(PARTS[part](), balance={"type": "self-iteration"})(*batch.arguments())
    total(losses).backward()
    assert batch.logits.grad.isfinite().all()
    assert batch.deltas.grad.isfinite().all()


def test_alrp_localisation_errors_come_from_the_box_part():
    batch = Batch()
    flat = batch_problem(batch)
    for kind, scale in (("iou", 1 - 0.7), ("giou", 2 * (1 - 0.7))):
        losses = criterion(ALRPLoss(tau=0.7), {"type": kind})(*batch.arguments())
        overlap = pairwise_giou if kind == "giou" else pairwise_iou
        errors = (1 - overlap(batch.boxes, batch.targets)) / scale
        cls, loc = functional.alrp_loss(flat.flat_logits, flat.flat_labels, errors)
        assert losses["loss_cls"].item() == pytest.approx(cls.item())
        assert losses["loss_bbox"].item() == pytest.approx(loc.item())
    with pytest.raises(ValueError, match="bounded"):
        criterion(ALRPLoss(), {"type": "l1"})(*batch.arguments())


def batch_problem(batch):
    problem = FlatProblem(*batch.arguments())
    problem.ious = pairwise_iou(batch.boxes.detach(), batch.targets)
    return problem


def test_flat_views():
    batch = Batch()
    flat = batch_problem(batch)
    labels = flat.flat_labels.reshape(60, 4)
    for a in range(60):
        row = [-1] * 4 if batch.ignore[a] else [0] * 4
        if batch.labels[a] < 4:
            row[batch.labels[a]] = 1
        assert labels[a].tolist() == row
    positives = batch.logits[flat.positives, batch.labels[flat.positives]]
    assert torch.equal(flat.positive_logits, positives)
    assert torch.equal(flat.flat_logits[flat.flat_labels == 1], positives)
    assert torch.equal(flat.flat_targets[flat.flat_labels == 1], flat.ious)
    assert torch.equal(
        flat.flat_targets.sign()[flat.ious.min() > 0], flat.flat_labels.float()[None]
    )
    assert torch.equal(flat.flat_images.reshape(60, 4)[:, 3], batch.extras["image_index"])


@pytest.mark.parametrize("n_classes", [1, 2, 5])
def test_the_classes_of_a_single_anchor_are_not_one_number(n_classes):
    logits, box = torch.zeros(1, n_classes), torch.tensor([[0.0, 0, 8, 8]])
    one, yes, no = torch.tensor([n_classes - 1]), torch.tensor([True]), torch.tensor([False])
    problem = FlatProblem(logits, one, no, box, box, ious=torch.tensor([0.5]))
    negatives = [0] * (n_classes - 1)
    assert problem.flat_labels.tolist() == [*negatives, 1]
    assert problem.flat_targets.tolist() == [*negatives, 0.5]
    ignored = FlatProblem(logits, one, yes, box[:0], box[:0])
    assert ignored.flat_labels.tolist() == [-1] * n_classes


def test_one_class_does_not_write_into_the_mask():
    batch = Batch(n_classes=1)
    assert (batch_problem(batch).flat_labels == 1).sum().item() == 7
    assert batch.ignore.sum().item() == 5


def test_rank_sort_losses_have_their_names():
    batch = Batch()
    losses = criterion(RankSortLoss(), balance={"type": "self-iteration"})(*batch.arguments())
    assert {"loss_rank", "loss_sort"} <= set(losses)
    sums = (losses["loss_rank"] + losses["loss_sort"]).item()
    assert losses["loss_bbox"].item() == pytest.approx(sums, rel=1e-5)  # that is the balance


def test_balance_and_weight_multiply():
    batch = Batch()
    plain = criterion(APLoss())(*batch.arguments())
    balanced = criterion(APLoss(), None, {"type": "constant", "weight": 5}, weight=0.2)
    losses = balanced(*batch.arguments())
    assert losses["loss_bbox"].item() == pytest.approx(plain["loss_bbox"].item())
    assert losses["loss_cls"].item() == pytest.approx(0.2 * plain["loss_cls"].item())
    assert losses["balance_weight"].item() == 5


def test_a_loss_of_ones_own_is_an_ordinary_module():
    class Hinge(nn.Module):
        def forward(self, logits, labels):
            return (logits[labels == 0] + 1).clamp(min=0).mean() - logits[labels == 1].mean()

    batch = Batch()
    losses = criterion(Hinge())(*batch.arguments())
    flat = batch_problem(batch)
    expected = Hinge()(flat.flat_logits, flat.flat_labels)
    assert losses["loss_cls"].item() == pytest.approx(expected.item())


def test_wrong_number_of_boxes_is_named():
    batch = Batch()
    with pytest.raises(
        ValueError, match="pred_boxes have 6 rows and target_boxes have 6 rows, but 7 labels"
    ):
        criterion(APLoss())(
            batch.logits, batch.labels, batch.ignore, batch.boxes[:6], batch.targets[:6]
        )


def test_ranking_within_images_needs_to_know_them():
    batch = Batch()
    del batch.extras["image_index"]
    with pytest.raises(ValueError, match="image_index"):
        criterion(APLoss(per_image=True))(*batch.arguments())


def test_checkpoint_round_trip_and_end_of_epoch():
    batch = Batch()
    whole = criterion(ALRPLoss(), None, {"type": "self-epoch"})
    first = whole(*batch.arguments())
    whole.end_epoch()
    again = criterion(ALRPLoss(), None, {"type": "self-epoch"})
    again.load_state_dict(whole.state_dict())
    weight = again(*batch.arguments())["balance_weight"].item()
    loc = first["loss_bbox"].item() / 50
    assert first["balance_weight"].item() == 50
    assert weight == pytest.approx((first["loss_cls"].item() + loc) / loc, rel=1e-5)


def test_dr_loss_by_hand():
    """Two positives and two negatives; the expectations written out."""
    logits = torch.tensor([0.0, 1.0, -1.0, 2.0])
    labels = torch.tensor([1, 1, 0, 0])
    p = logits.double().sigmoid().numpy()
    import numpy as np

    q_pos, q_neg = np.exp(-p[:2]), np.exp(p[2:] * np.log(3.5) / 0.1)
    gap = (q_neg * p[2:]).sum() / q_neg.sum() - (q_pos * p[:2]).sum() / q_pos.sum() + 0.5
    expected = 4 / 6 * np.log1p(np.exp(6 * gap))
    assert functional.dr_loss(logits, labels).item() == pytest.approx(expected, rel=1e-5)
    assert torch.autograd.gradcheck(
        lambda x: functional.dr_loss(x, labels), logits.double().requires_grad_()
    )
    none = functional.dr_loss(logits, torch.tensor([-1, -1, 0, 0]))
    gap = (q_neg * p[2:]).sum() / q_neg.sum() - 1 + 0.5  # as released: positives count as 1
    assert none.item() == pytest.approx(4 / 6 * np.log1p(np.exp(6 * gap)), rel=1e-5)


def test_dr_loss_by_group_is_the_mean_over_groups():
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(40, generator=generator), torch.tensor([1, 0, 0, -1] * 10)
    group = torch.arange(40) % 5
    parts = [functional.dr_loss(logits[group == g], labels[group == g]) for g in range(5)]
    whole = functional.dr_loss(logits, labels, group=group)
    assert whole.item() == pytest.approx(torch.stack(parts).mean().item(), rel=1e-6)
