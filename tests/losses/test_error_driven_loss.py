"""Algorithm 1 as a base class."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from rankdet.losses import APLoss, ErrorDrivenRankingLoss, NDCGLoss
from tests.losses import oracles
from tests.losses.cases import cases, close


class PrecisionLoss(ErrorDrivenRankingLoss):
    """AP Loss without interpolation."""

    def error(self, ranks):
        return ranks.false_positives / ranks.rank


class SkewedLoss(PrecisionLoss):
    """The same, but p(j|i) is larger for negatives with large logits."""

    def emphasis(self, negatives):
        return negatives.exp()


class HalfwayLoss(PrecisionLoss):
    """A target that is not zero."""

    def target(self, ranks):
        return self.error(ranks) / 2


def run(loss, case):
    logits = case.logits.clone().requires_grad_()
    value = loss(logits, case.labels)
    value.backward()
    return value.item(), logits.grad


@settings(max_examples=60, deadline=None)
@given(case=cases(min_positives=1))
def test_ap_loss_is_an_instance(case):
    value, gradient = run(PrecisionLoss(delta=case.delta), case)
    expected, by_oracle = oracles.ap(case.logits, case.labels.numpy(), case.delta, False)
    close(value, expected)
    close(gradient, by_oracle, 50)
    half, by_half = run(HalfwayLoss(delta=case.delta), case)
    assert half == value
    torch.testing.assert_close(by_half, gradient / 2)


@settings(max_examples=60, deadline=None)
@given(case=cases(min_positives=1))
def test_emphasis_skews_the_distribution(case):
    case = case._replace(logits=case.logits.clamp(-5, 5))
    value, gradient = run(SkewedLoss(delta=case.delta), case)
    logits, positive, negative, s, n = oracles.split(case.logits, case.labels.numpy())
    rank_p, fp, _, false = oracles.ranks(s, n, case.delta)
    excess = fp / (rank_p + fp)
    skewed = false * np.exp(n)
    close(value, excess.mean())
    expected = oracles.update(len(logits), positive, negative, excess, skewed, len(s))
    close(gradient, expected, 50)


def test_normaliser_divides():
    class Sum(PrecisionLoss):
        def normaliser(self, ranks):
            return 1.0

    logits, labels = torch.tensor([0.0, 1.0, 2.0, 3.0]), torch.tensor([1, 0, 1, 0])
    assert Sum()(logits, labels).item() == pytest.approx(2 * PrecisionLoss()(logits, labels).item())


def test_positives_with_few_false_positives_get_no_gradient():
    logits, labels = torch.tensor([0.0, 0.5]).requires_grad_(), torch.tensor([1, 0])
    PrecisionLoss(eps=10.0)(logits, labels).backward()
    assert (logits.grad == 0).all()


def test_an_error_must_be_given():
    with pytest.raises(NotImplementedError, match="ErrorDrivenRankingLoss"):
        ErrorDrivenRankingLoss()(torch.zeros(2), torch.tensor([1, 0]))


def test_ndcg_of_the_worst_and_the_best_order():
    """Three positives of five, hard ranks, by hand."""
    labels = torch.tensor([1, 1, 1, 0, 0])
    gains = 1 / np.log2(1 + np.arange(1, 6))
    worst = NDCGLoss(delta=0.0)(torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]), labels)
    assert worst.item() == pytest.approx(1 - gains[2:].sum() / gains[:3].sum(), rel=1e-6)
    best = NDCGLoss(delta=0.0)(torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0]), labels)
    assert best.item() == pytest.approx(0, abs=1e-7)


def test_a_linear_scorer_learns_to_rank_in_60_steps():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(200, 4, generator=generator)
    labels = (features[:, 0] > 1).long()
    for loss in (APLoss(), NDCGLoss()):
        scorer = torch.nn.Linear(4, 1)
        scorer.weight.data.normal_(generator=generator)
        optimiser = torch.optim.SGD(scorer.parameters(), lr=2.0)
        values = []
        for _ in range(60):
            optimiser.zero_grad()
            value = loss(scorer(features).squeeze(1), labels)
            value.backward()
            optimiser.step()
            values.append(value.item())
        assert values[-1] < 0.5 * values[0]
