"""Optimiser steps of several forward passes, and rows of passes and of processes."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from rankdet.errors import InputError
from rankdet.losses.balance import SelfBalanceEpoch
from rankdet.training import rows
from rankdet.training.hooks import EndEpochHook
from rankdet.training.steps import Steps, StepsOptimWrapper, with_steps


def test_a_step_ends_with_its_last_pass_and_with_the_epoch():
    steps = Steps(accumulate=3, epoch_length=7)
    assert steps.per_epoch == 3
    assert [steps.passes(i) for i in range(9)] == [3, 3, 3, 3, 3, 3, 1, 3, 3]
    assert [i for i in range(14) if steps.ends(i)] == [2, 5, 6, 9, 12, 13]
    assert [steps.count(n) for n in (0, 1, 3, 4, 6, 7, 8, 14)] == [0, 1, 1, 2, 2, 3, 4, 6]


def test_single_passes_are_iterations():
    steps = Steps(1, 5)
    assert all(steps.ends(i) and steps.count(i) == i and steps.passes(i) == 1 for i in range(12))


def updates(passes, **options):
    """The weight after each pass of a model whose loss is the weight times the pass's number."""
    weight = nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    wrapper = StepsOptimWrapper(optimizer=optimizer, accumulate=2, epoch_length=3, **options)
    wrapper.initialize_count_status(nn.Identity(), 0, passes)
    found = []
    for number in range(1, passes + 1):
        wrapper.update_params(weight * number)
        found.append(float(weight.detach()))
    return found


def test_a_step_follows_the_mean_gradient_of_its_passes():
    # Epochs of three passes: steps of (1, 2), (3), (4, 5) and (6).
    assert updates(6) == [0, -1.5, -4.5, -4.5, -9, -15]


def test_the_factor_of_a_gradient_is_known():
    weight = nn.Parameter(torch.zeros(()))
    wrapper = StepsOptimWrapper(
        optimizer=torch.optim.SGD([weight], lr=1.0), accumulate=2, epoch_length=3
    )
    wrapper.initialize_count_status(nn.Identity(), 0, 3)
    factors = []
    for _ in range(3):
        wrapper.update_params(weight * 1)
        factors.append(wrapper.gradient_factor)
    assert factors == [0.5, 0.5, 1.0]


@pytest.mark.parametrize("bf16", [False, True])
def test_forward_passes_have_their_precision(bf16):
    layer = nn.Linear(4, 4)
    wrapper = StepsOptimWrapper(
        optimizer=torch.optim.SGD(layer.parameters(), lr=1.0),
        accumulate=1,
        epoch_length=1,
        bf16=bf16,
    )
    with wrapper.optim_context(layer):
        made = layer(torch.ones(1, 4)).dtype
    assert made == (torch.bfloat16 if bf16 else torch.float32)


def test_a_plain_training_keeps_mmengines_wrapper():
    plain = {"type": "OptimWrapper", "optimizer": {}}
    assert with_steps(plain, Steps(1, 7), "fp32", "cpu") == plain
    assert with_steps(plain, Steps(1, 7), "bf16", "cuda:0")["device_type"] == "cuda"
    assert with_steps(plain, Steps(1, 7), "fp16", "cuda:0")["type"] == "StepsAmpOptimWrapper"
    with pytest.raises(InputError, match="precision: fp16 needs a GPU"):
        with_steps(plain, Steps(1, 7), "fp16", "cpu")


ROWS = [
    {"iteration": 3, "lr": 0.1, "loss": 1.0, "num_pos": 4, "rpn_num_neg": 7, "grad_pos": 0.5},
    {"iteration": 3, "lr": 0.1, "loss": 3.0, "num_pos": 2, "rpn_num_neg": 1, "grad_pos": 1.5},
]
ROWS = [
    {**ROWS[0], "seconds": 1.0, "data_seconds": 0.5, "memory_mb": 10.0},
    {**ROWS[1], "seconds": 2.0, "data_seconds": 0.1, "memory_mb": 30.0},
]


def test_a_row_of_two_processes():
    assert rows.of_processes(ROWS) == {
        **{"iteration": 3, "lr": 0.1, "loss": 2.0, "num_pos": 6, "rpn_num_neg": 8},
        **{"grad_pos": 1.0, "seconds": 2.0, "data_seconds": 0.5, "memory_mb": 30.0},
    }


def test_a_row_of_two_passes_adds_their_times():
    merged = rows.of_passes(ROWS)
    assert (merged["seconds"], merged["data_seconds"], merged["memory_mb"]) == (3.0, 0.6, 30.0)
    assert (merged["loss"], merged["num_pos"]) == (2.0, 6)


def test_one_row_stays_as_it_is():
    assert rows.of_passes(ROWS[:1]) == rows.of_processes(ROWS[:1]) == ROWS[0]


def test_a_loss_that_is_not_a_number_is_one_for_all():
    broken = [ROWS[0], {**ROWS[1], "loss": math.nan}]
    assert math.isnan(rows.of_processes(broken)["loss"])


def test_a_balance_with_a_period_counts_steps():
    balance = SelfBalanceEpoch(initial=50, period=2)
    hook = EndEpochHook(0, Steps(accumulate=2, epoch_length=8))
    weights = []
    for index in range(8):
        balance(torch.tensor(1.0), torch.tensor(1.0), None)
        runner = SimpleNamespace(model=balance, iter=index)
        hook.after_train_iter(runner, index)
        weights.append(float(balance.weight))
    assert weights == [50, 50, 50, 2, 2, 2, 2, 2]
    balance(torch.tensor(3.0), torch.tensor(1.0), None)
    hook.after_train_epoch(SimpleNamespace(model=balance, iter=8))  # not its own end
    assert float(balance.weight) == 2


def test_a_balance_without_period_waits_for_the_epoch():
    balance = SelfBalanceEpoch(initial=50)
    hook = EndEpochHook(0, Steps(1, 2))
    balance(torch.tensor(1.0), torch.tensor(1.0), None)
    hook.after_train_iter(SimpleNamespace(model=balance, iter=1), 1)
    assert float(balance.weight) == 50
    hook.after_train_epoch(SimpleNamespace(model=balance, iter=2))
    assert float(balance.weight) == 2
