"""A loss that has no gradient by its own arithmetic never ends as trained."""

from types import SimpleNamespace

import pytest
from torch import nn

from rankdet.detectors.loss_faults import place
from rankdet.errors import InputError
from rankdet.losses import APLoss
from rankdet.training.gradient_checks import (
    FIRST,
    FirstGradients,
    divergence,
    require_gradient,
)
from rankdet.training.record import verdict


class Part(nn.Module):
    def forward(self, logits, labels):
        return logits.sum() * 0 + 3


def head(prefix="", weight=1.0):
    criterion = SimpleNamespace(classification=Part(), weight=weight)
    return SimpleNamespace(criterion=criterion, record_prefix=prefix)


def row(iteration, positives=3, gradient=0.0, prefix=""):
    values = {"num_pos": positives, "grad_pos": gradient, "grad_neg": gradient}
    return {"iteration": iteration, **{f"{prefix}{name}": v for name, v in values.items()}}


def test_the_tenth_iteration_without_a_gradient_ends_the_training():
    check = FirstGradients()
    for iteration in range(1, FIRST):
        check.add(row(iteration), [head()])
    with pytest.raises(InputError, match=r"test_gradient_checks\.py:\d+: the gradient") as error:
        check.add(row(FIRST), [head()])
    assert place(Part()) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("other", [{"gradient": 1e-30}, {"gradient": float("nan")}])
def test_one_gradient_is_enough(other):
    check = FirstGradients()
    for iteration in range(1, 3 * FIRST):
        check.add(row(iteration, **(other if iteration == 4 else {})), [head()])
    with pytest.raises(InputError):
        require_gradient([row(iteration) for iteration in range(1, 4)], [head()])


def test_a_resumed_training_may_have_converged():
    check = FirstGradients()
    rows = [row(iteration) for iteration in range(50, 50 + 3 * FIRST)]
    for one in rows:
        check.add(one, [head()])
    with pytest.raises(InputError):  # the whole record is checked at the end
        require_gradient(rows, [head()])


def test_iterations_without_positives_prove_nothing():
    require_gradient([row(i, positives=0) for i in range(1, 30)], [head()])
    with pytest.raises(InputError, match="in 1 iterations"):
        require_gradient([row(1, positives=0), row(2)], [head()])


def test_each_head_is_checked():
    rows = [row(1, gradient=1.0, prefix="rpn_") | row(1, prefix="s0_") | row(1, gradient=1.0)]
    require_gradient(rows, [head("rpn_"), head("s0_", weight=0)])
    with pytest.raises(InputError):
        require_gradient(rows, [head("rpn_"), head("s0_")])


@pytest.mark.parametrize(
    ("value", "gradient", "status"),
    [(3.0, 0.0, "collapsed"), (0.0, 0.0, "trained"), (3.0, 0.1, "trained")],
)
def test_a_loss_that_becomes_a_constant_is_said(value, gradient, status):
    rows = [{**row(i, gradient=0.5), "loss_cls": 1 / i} for i in range(1, 46)]
    rows += [{**row(i, gradient=gradient), "loss_cls": value} for i in range(46, 51)]
    found, reason = verdict(rows, {})
    assert found == status
    assert (reason is None) == (status == "trained")
    if reason:
        assert "was 3 without a gradient in all of the last 5 iterations" in reason


NAN = float("nan")


def test_a_divergence_names_the_users_loss_and_the_term():
    last = {"iteration": 7, "loss": NAN, "loss_cls": NAN, "loss_bbox": 1.0}
    told = divergence(last, row(6, gradient=1.0), [head()])
    assert told == f"loss is nan at iteration 7: loss_cls, with the loss of {place(Part())}"


def test_a_gradient_that_was_not_finite_before_is_named():
    last = {"iteration": 2, "loss": NAN, "loss_cls": NAN}
    told = divergence(last, row(1, gradient=NAN), [head()])
    assert "after a gradient that was not finite at iteration 1: loss_cls" in told
    heads = [head("a_"), head("b_")]
    skipped = {**row(1, gradient=1.0, prefix="a_"), **row(1, 0, NAN, prefix="b_")}
    assert "after a gradient" not in divergence(last, skipped, heads)


def test_a_loss_of_the_package_has_no_place_to_correct():
    one = head()
    one.criterion.classification = APLoss()
    told = divergence({"iteration": 1, "loss": NAN, "loss_cls": NAN}, {}, [one])
    assert told == "loss is nan at iteration 1"
