"""What happens at the end of an epoch."""

from types import SimpleNamespace

import pytest
import torch

from rankdet.losses.balance import SelfBalanceEpoch
from rankdet.training.hooks import EndEpochHook


def weight_after(epochs, length, warmup):
    """Returns self-balance's weight after epochs whose losses are (1, 1/50), (1, 1), (1, 1), …"""
    balance = SelfBalanceEpoch(initial=50)
    hook = EndEpochHook(warmup)
    for epoch in range(epochs):
        for _ in range(length):
            balance(torch.tensor(1.0), torch.tensor(1.0 if epoch else 0.02), None)
        iterations = (epoch + 1) * length
        hook.after_train_epoch(SimpleNamespace(model=balance, iter=iterations))
    return float(balance.weight)


def test_every_epoch_ends_where_the_warm_up_lies_in_the_first():
    assert weight_after(1, 10, warmup=10) == pytest.approx(51)
    assert weight_after(2, 10, warmup=10) == pytest.approx(2)


def test_the_first_weight_lasts_until_the_warm_up_is_over():
    assert weight_after(1, 10, warmup=11) == 50
    assert weight_after(2, 10, warmup=11) == pytest.approx(2)
    assert weight_after(3, 10, warmup=11) == pytest.approx(2)
