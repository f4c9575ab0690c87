"""Balances: their weights, their state, and their agreement between processes."""

import math

import pytest
import torch

from rankdet.losses import ALRPLoss, Criterion, FlatProblem, build_balance, build_box
from rankdet.losses.balance import BALANCES
from tests.several_processes import results_of


def problem():
    """Two logits and two boxes on which losses can be built."""
    logits = torch.zeros(2, 1, requires_grad=True)
    deltas = torch.zeros(2, 4, requires_grad=True)
    labels = torch.zeros(2, dtype=torch.int64)
    boxes = deltas + torch.tensor([0.0, 0, 1, 1])
    extras = {"pred_deltas": deltas}
    return FlatProblem(logits, labels, labels.bool(), boxes, boxes.detach(), extras)


def weigh(balance, loss_cls, loss_bbox):
    return balance(torch.tensor(loss_cls), torch.tensor(loss_bbox), problem()).item()


@pytest.mark.parametrize("kind", BALANCES)
def test_the_weight_has_no_gradient_and_is_in_the_state(kind):
    balance, given = build_balance({"type": kind}), problem()
    weight = balance(given.logits.sum() + 1, given.pred_boxes.sum(), given)
    assert not weight.requires_grad
    assert weight.shape == ()
    assert "weight" in balance.state_dict()


def test_none_and_constant():
    assert weigh(build_balance({"type": "none"}), 3.0, 0.1) == 1
    assert weigh(build_balance({}), 3.0, 0.1) == 1
    assert weigh(build_balance({"type": "constant", "weight": 7}), 3.0, 0.1) == 7


def test_self_balance_by_epochs_is_the_ratio_of_means_of_the_last_epoch():
    balance = build_balance({"type": "self-epoch"})
    assert [weigh(balance, 0.9, 0.1), weigh(balance, 0.7, 0.3)] == [50, 50]
    balance.end_epoch()
    assert weigh(balance, 0.1, 0.1) == pytest.approx((1.6 + 0.4) / 0.4)  # not the mean of ratios
    balance.end_epoch()
    assert weigh(balance, 9.9, 0.1) == pytest.approx(2)  # earlier epochs have no influence


def test_self_balance_by_epochs_without_localisation_keeps_its_weight():
    balance = build_balance({"type": "self-epoch", "initial": 12})
    weigh(balance, 0.5, 0.0)
    balance.end_epoch()
    assert weigh(balance, 0.5, 0.0) == 12


def test_self_balance_by_epochs_does_not_count_in_evaluation_mode():
    balance = build_balance({"type": "self-epoch"}).eval()
    weigh(balance, 1.0, 1.0)
    assert (balance.sums == 0).all()


def test_self_balance_survives_a_checkpoint_in_mid_epoch():
    balance = build_balance({"type": "self-epoch"})
    weigh(balance, 0.9, 0.1)
    balance.end_epoch()
    weigh(balance, 0.8, 0.2)
    again = build_balance({"type": "self-epoch"})
    again.load_state_dict(balance.state_dict())
    for one in (balance, again):
        weigh(one, 0.4, 0.6)
        one.end_epoch()
    assert again.weight.item() == balance.weight.item() == pytest.approx((1.2 + 0.8) / 0.8)


def test_self_balance_by_iterations_is_the_ratio_of_values():
    balance = build_balance({"type": "self-iteration"})
    assert weigh(balance, 0.9, 0.3) == pytest.approx(3)
    assert weigh(balance, 0.9, 0.0) == 1  # no box loss


def test_gradient_magnitude_is_the_ratio_of_l1_norms():
    balance, given = build_balance({"type": "gradient-magnitude"}), problem()
    loss_cls = (given.logits * torch.tensor([[2.0], [-3.0]])).sum()
    loss_bbox = (given.extras["pred_deltas"] * 0.25).sum()
    assert balance(loss_cls, loss_bbox, given).item() == pytest.approx(5 / 2)
    loss_bbox.backward()  # the graph is still there


def test_gradient_magnitude_without_gradients_is_one():
    balance, given = build_balance({"type": "gradient-magnitude"}), problem()
    assert balance(torch.tensor(1.0), torch.tensor(1.0), given).item() == 1
    assert balance(given.logits.sum(), torch.tensor(0.0), given).item() == 1


def _work(rank):
    epoch = build_balance({"type": "self-epoch"})
    weigh(epoch, *((0.9, 0.1), (0.5, 0.5))[rank])
    epoch.end_epoch()
    value = build_balance({"type": "self-iteration", "synchronise": True})
    alone = build_balance({"type": "self-iteration"})
    pair = ((0.9, 0.1), (0.5, 0.5))[rank]
    weights = epoch.weight.item(), weigh(value, *pair), weigh(alone, *pair)
    return torch.tensor([*weights, epoch.sums.sum().item()])


def test_two_processes_agree(tmp_path):
    """Each process sees other batches; the weights come from both."""
    epoch, value, alone, rest = torch.stack(results_of(_work, tmp_path)).T
    assert epoch.tolist() == pytest.approx([2 / 0.6] * 2)
    assert value.tolist() == pytest.approx([1.4 / 0.6] * 2)
    assert alone.tolist() == pytest.approx([9, 1])  # as released: each process by itself
    assert rest.tolist() == [0, 0]


class Detector(torch.nn.Module):
    """A linear classifier and box regressor with aLRP Loss."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(3, 5)
        box, balance = build_box({"type": "giou"}), build_balance({"type": "self-epoch"})
        self.criterion = Criterion(ALRPLoss(), box, balance)

    def forward(self, features, labels):
        outputs = self.layer(features)
        positives = labels == 0
        targets = torch.tensor([[0.0, 0.0, 10.0, 10.0]]).expand(int(positives.sum()), 4)
        boxes = targets + outputs[positives, 1:]
        losses = self.criterion(outputs[:, :1], labels, labels > 1, boxes, targets)
        return losses["loss_cls"], losses["loss_bbox"]


def _batch(rank, step):
    generator = torch.Generator().manual_seed(10 * rank + step)
    labels = (torch.arange(40) % (5 + rank) > 0).long()
    return torch.randn(40, 3, generator=generator), labels


def _train(rank):
    detector = Detector()
    model = torch.nn.parallel.DistributedDataParallel(detector)  # broadcasts buffers, by default
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01)
    sums = torch.zeros(2, dtype=torch.float64)
    for step in range(4):
        loss_cls, loss_bbox = model(*_batch(rank, step))
        sums += torch.stack([loss_cls, loss_bbox / 50]).detach()
        optimiser.zero_grad()
        (loss_cls + loss_bbox).backward()
        optimiser.step()
    detector.criterion.end_epoch()
    weight = detector.criterion.balance.weight.item()
    parameters = torch.cat([p.detach().flatten() for p in detector.parameters()])
    return torch.cat([torch.tensor([weight]), sums.float(), parameters])


def test_two_processes_train_as_one_and_balance_by_the_losses_of_both(tmp_path):
    results = torch.stack(results_of(_train, tmp_path))
    (weight, other), sums = results[:, 0].tolist(), results[:, 1:3].sum(0)
    assert weight == other == pytest.approx(float(sums.sum() / sums[1]), rel=1e-5)
    assert sums[1] > 0
    assert not torch.equal(results[0, 1:3], results[1, 1:3])  # each saw other batches
    assert torch.equal(results[0, 3:], results[1, 3:])
    before = torch.cat([p.detach().flatten() for p in Detector().parameters()])
    assert not torch.equal(results[0, 3:], before)


@pytest.mark.parametrize(
    ("config", "match"),
    [({"type": "self"}, "known are none"), ({"type": "none", "initial": 3}, "initial")],
)
def test_wrong_config_is_named(config, match):
    with pytest.raises(ValueError, match=match):
        build_balance(config)


def test_weight_of_an_undefined_loss_shows():
    assert math.isnan(weigh(build_balance({"type": "self-iteration"}), math.nan, 0.5))
