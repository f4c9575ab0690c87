"""The path that runs on a GPU, here on a CPU that is told it is none.

It must give the same numbers, and learn nothing from the device but the number of positives.
"""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rankdet.losses import alrp, ap, ape, pairwise, rank_sort
from tests.losses.ranking import LOSSES, evaluate, problem


@pytest.fixture
def elsewhere(monkeypatch):
    monkeypatch.setattr("rankdet.losses.lookup.on_cpu", lambda values: False)


class Watch(TorchDispatchMode):
    """Counts operations whose result, or its size, the host has to wait for on a GPU."""

    WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "bincount", "equal")

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        masked = name in ("index", "index_put_") and any(
            isinstance(i, torch.Tensor) and i.dtype in (torch.bool, torch.uint8)
            for i in args[1]
            if i is not None
        )
        if name.rstrip("2") in self.WAITING or name.startswith("_unique") or masked:
            self.seen.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("n_negatives", [40, 40_000])
def test_same_results(name, n_negatives, monkeypatch):
    arguments = problem(n_negatives=n_negatives)
    loss, gradient = evaluate(name, *arguments)
    monkeypatch.setattr("rankdet.losses.lookup.on_cpu", lambda values: False)
    again, elsewhere = evaluate(name, *arguments)
    assert again.item() == pytest.approx(loss.item(), rel=1e-6)
    torch.testing.assert_close(elsewhere, gradient, rtol=1e-5, atol=1e-8)


def operators():
    logits, labels, ious = problem()
    targets = labels.float()
    targets[labels == 1] = ious
    return {
        "ap": (ap._ap, (logits, labels, None, 1.0, True)),
        "alrp": (alrp._alrp, (logits, labels, 1 - ious, None, 1.0, 1e-5, False)),
        "rank_sort": (rank_sort._rank_sort, (logits, targets, None, 0.5)),
        "ape": (ape._ape, (logits, labels, ious, None, 8.0, 50, False)),
        "step": (pairwise._pairwise, (logits, labels, None, "step", True, 0.5, 8.0)),
        "sigmoid": (pairwise._pairwise, (logits, labels, None, "sigmoid", False, 0.5, 8.0)),
    }


@pytest.mark.parametrize("name", operators())
def test_the_host_waits_once_for_the_number_of_positives(name, elsewhere):
    operator, arguments = operators()[name]
    with Watch() as watch:
        operator._init_fn(*arguments)
    assert watch.seen == ["nonzero"]


def test_the_watch_sees_what_it_should():
    with Watch() as watch:
        values = torch.arange(3.0)
        values.sum().item()
        values[values > 1]
        values.unique()
    assert len(watch.seen) == 3
