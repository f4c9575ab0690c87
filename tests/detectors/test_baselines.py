"""mmdet's losses as parts of a criterion equal the papers' formulas."""

import pytest
import torch

from rankdet.detectors.criteria import build_criterion
from rankdet.losses.box_errors import pairwise_iou
from rankdet.study import cards

pytestmark = pytest.mark.usefixtures("environment")


EVERY_CARD = [
    "+".join(filter(None, (name, variant)))
    for name in cards.loss_names()
    for variant in ("", *cards.load_loss(name).card["variants"])
]


class Batch:
    """50 anchors of 3 classes: positives at 7, 20, 33; anchors 40 to 44 are ignored."""

    def __init__(self, n_positives=3, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.logits = (2 * torch.randn(50, 3, generator=generator)).requires_grad_()
        self.positives = torch.tensor([7, 20, 33])[:n_positives]
        self.labels = torch.full((50,), 3)
        self.labels[self.positives] = torch.tensor([0, 2, 2])[:n_positives]
        self.ignore = torch.zeros(50, dtype=torch.bool)
        self.ignore[40:45] = True
        self.labels[41] = 1  # ignored for every label
        self.targets = torch.tensor([[0.0, 0, 10, 10]]).repeat(n_positives, 1)
        shift = torch.tensor([[1.0, 2, 3, 1], [4, 0, 1, 0], [20, 20, 20, 20]])[:n_positives]
        self.boxes = (self.targets + shift).requires_grad_()  # the third one has IoU 0
        self.ious = pairwise_iou(self.boxes, self.targets).detach().double()
        self.extras = {
            "pred_deltas": self.boxes,
            "target_deltas": self.targets,
            "image_index": torch.arange(50) // 25,
            "avg_factor": torch.tensor(7.0),
            "centerness_targets": torch.ones(n_positives),
            "dice": torch.tensor([0.9, 0.4, 0.6])[:n_positives],
        }

    def arguments(self):
        return self.logits, self.labels, self.ignore, self.boxes, self.targets, self.extras

    def scores(self):
        return self.logits.detach().double().sigmoid()

    def expected(self, positive, negative):
        """Sums a loss of the positives' (score, IoU) and of the negatives' scores."""
        scores, total = self.scores(), 0.0
        for anchor in range(50):
            for label in range(3):
                if self.ignore[anchor]:
                    continue
                score = scores[anchor, label]
                if anchor in self.positives and self.labels[anchor] == label:
                    total += positive(score, self.ious[self.positives.tolist().index(anchor)])
                else:
                    total += negative(score)
        return total / 7.0


def entropy(score, label):
    return -(label * score.log() + (1 - label) * (1 - score).log())


FORMULAS = {
    "ce": (lambda p, _: entropy(p, 1), lambda p: entropy(p, 0)),
    "ce+balanced": (lambda p, _: 0.75 * entropy(p, 1), lambda p: 0.25 * entropy(p, 0)),
    "focal": (
        lambda p, _: 0.25 * (1 - p) ** 2 * entropy(p, 1),
        lambda p: 0.75 * p**2 * entropy(p, 0),
    ),
    "qfl": (lambda p, y: (y - p).abs() ** 2 * entropy(p, y), lambda p: p**2 * entropy(p, 0)),
    "vfl": (
        lambda p, y: y * entropy(p, y) if y > 0 else 0.75 * p**2 * entropy(p, 0),
        lambda p: 0.75 * p**2 * entropy(p, 0),
    ),
    "vfl+plain": (
        lambda p, y: entropy(p, y) if y > 0 else 0.75 * p**2 * entropy(p, 0),
        lambda p: 0.75 * p**2 * entropy(p, 0),
    ),
}


def criterion(loss):
    name, _, variant = loss.partition("+")
    file = cards.load_loss(name)
    return build_criterion(file.variant(variant), file.path)


@pytest.mark.parametrize("loss", FORMULAS)
@pytest.mark.parametrize("n_positives", [3, 1, 0])
def test_a_loss_is_its_formula(loss, n_positives):
    batch = Batch(n_positives)
    found = criterion(loss)(*batch.arguments())["loss_cls"]
    assert found.item() == pytest.approx(float(batch.expected(*FORMULAS[loss])), rel=1e-5)


def harmonized(scores, targets, bins, counts, momentum):
    """GHM-C as in the paper: a sample counts by the inverse of how many share its gradient."""
    lengths = (scores - targets).abs()
    own = (lengths * bins).floor().clamp(max=bins - 1).long()
    here = torch.bincount(own, minlength=bins).double()
    seen = here > 0
    counts = torch.where(seen, momentum * counts + (1 - momentum) * here, counts)
    entropies = -torch.where(targets > 0, scores.log(), (1 - scores).log())
    return (entropies / counts[own]).sum() / seen.sum(), counts


@pytest.mark.parametrize(("variant", "momentum"), [("", 0.75), ("+no-momentum", 0.0)])
def test_ghm_counts_over_batches_and_its_counts_are_in_checkpoints(variant, momentum):
    part = criterion("ghm" + variant)
    counts = torch.zeros(30, dtype=torch.float64)
    for seed in range(3):
        batch = Batch(seed=seed)
        targets = torch.zeros(50, 3, dtype=torch.float64)
        targets[batch.positives, batch.labels[batch.positives]] = 1
        valid = ~batch.ignore
        expected, counts = harmonized(
            batch.scores()[valid].flatten(), targets[valid].flatten(), 30, counts, momentum
        )
        saved = {key: value.clone() for key, value in part.state_dict().items()}
        found = part(*batch.arguments())["loss_cls"]
        assert found.item() == pytest.approx(float(expected), rel=1e-5)
    resumed = criterion("ghm" + variant)
    resumed.load_state_dict(saved)
    torch.testing.assert_close(resumed(*batch.arguments())["loss_cls"], found)


@pytest.mark.parametrize("loss", EVERY_CARD)
@pytest.mark.parametrize("n_positives", [3, 1, 0])
def test_every_card_and_variant_makes_finite_losses_and_gradients(loss, n_positives):
    batch = Batch(n_positives)
    whole = criterion(loss)
    losses = whole(*batch.arguments())
    total = sum(value for name, value in losses.items() if name.startswith("loss"))
    total.backward()
    assert total.isfinite()
    assert batch.logits.grad.isfinite().all()
    assert not batch.logits.grad[batch.ignore].any()
    if n_positives:
        assert batch.logits.grad.any()
        assert batch.boxes.grad.isfinite().all()
        assert batch.boxes.grad.any()


def test_baselines_take_half_precision_under_autocast():
    for loss in ("ce", "focal", "qfl", "vfl", "ghm"):
        batch = Batch()
        exact = criterion(loss)(*batch.arguments())["loss_cls"]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            batch.logits = batch.logits.detach().bfloat16().requires_grad_()
            rough = criterion(loss)(*batch.arguments())["loss_cls"]
        assert rough.item() == pytest.approx(exact.item(), rel=0.05), loss
