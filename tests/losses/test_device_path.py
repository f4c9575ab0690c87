"""The code for GPUs, tested on a CPU: `on_cpu` is replaced by a function that returns False.

It must give the same numbers. The host may wait for the device only once, for the number of
positives.
"""

import pytest
import torch

from rankdet.losses import functional  # noqa: F401 - registers the operators
from tests.losses.ranking import LOSSES, evaluate, problem
from tests.waits import Watch

custom_ops = pytest.importorskip("torch._library.custom_ops", reason="needs PyTorch 2.4")


@pytest.fixture
def gpu_path(monkeypatch):
    monkeypatch.setattr("rankdet.losses.device.on_cpu", lambda values: False)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("n_negatives", [40, 40_000])
def test_same_results(name, n_negatives, monkeypatch):
    arguments = problem(n_negatives=n_negatives)
    loss, gradient = evaluate(name, *arguments)
    monkeypatch.setattr("rankdet.losses.device.on_cpu", lambda values: False)
    again, by_gpu_path = evaluate(name, *arguments)
    assert again.item() == pytest.approx(loss.item(), rel=1e-6)
    torch.testing.assert_close(by_gpu_path, gradient, rtol=1e-5, atol=1e-8)


def operators():
    logits, labels, ious = problem()
    targets = labels.float()
    targets[labels == 1] = ious
    return {
        "ap": ("ap_loss", (logits, labels, None, 1.0, True)),
        "alrp": ("alrp_loss", (logits, labels, 1 - ious, None, 1.0, 1e-5, False)),
        "rank_sort": ("rank_sort_loss", (logits, targets, None, 0.5)),
        "ape": ("ape_loss", (logits, labels, ious, None, 8.0, 50, False)),
        "step": ("pairwise_error_loss", (logits, labels, None, "step", True, 0.5, 8.0)),
        "sigmoid": ("pairwise_error_loss", (logits, labels, None, "sigmoid", False, 0.5, 8.0)),
    }


def implementation(operator):
    """The Python function behind a registered operator; PyTorch has no public access to it.

    Called directly, its single operations reach the dispatch mode below.
    """
    return custom_ops.OPDEFS[f"rankdet::{operator}"]._init_fn


@pytest.mark.parametrize("name", operators())
def test_the_host_waits_once_for_the_number_of_positives(name, gpu_path):
    operator, arguments = operators()[name]
    function = implementation(operator)
    with Watch() as watch:
        function(*arguments)
    assert watch.seen == ["nonzero"]


def test_the_watch_finds_operations_that_wait():
    with Watch() as watch:
        values = torch.arange(3.0)
        values.sum().item()
        values[values > 1]
        values.unique()
    assert len(watch.seen) == 3
