"""How fast the losses are: ratios to the looped versions, growth, memory; in one process.

Shared machines drift, so a ratio's two sides are measured one after the other, best of several.
"""

import ctypes
import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rankdet.losses import functional
from rankdet.losses.looped import LOOPED

SIZES = ((500, 100_000), (2000, 400_000), (2000, 1_200_000))  # (positives, logits)
STAGES = {  # mean and spread of the logits of positives and negatives
    "early": ((-4.6, 0.3), (-4.6, 0.3)),
    "middle": ((-2.0, 1.0), (-5.0, 1.0)),
    "late": ((1.0, 1.5), (-7.0, 1.5)),
}
LOSSES = ("ap", "alrp", "rank_sort")


class Problem(NamedTuple):
    """Logits and labels as a detector's head has them, with the positives' IoUs."""

    logits: Tensor
    labels: Tensor
    targets: Tensor
    ious: Tensor


def make_problem(n_positives: int, n_logits: int, stage: str, seed: int = 0) -> Problem:
    """Draws logits typical of a stage of training (`STAGES`)."""
    generator = torch.Generator().manual_seed(seed)
    positives, negatives = STAGES[stage]
    logits = torch.randn(n_logits, generator=generator) * negatives[1] + negatives[0]
    places = torch.randperm(n_logits, generator=generator)[:n_positives]
    logits[places] = torch.randn(n_positives, generator=generator) * positives[1] + positives[0]
    labels = torch.zeros(n_logits, dtype=torch.int64)
    labels[places] = 1
    ious = 0.5 + 0.5 * torch.rand(n_positives, generator=generator)
    targets = labels.float()
    targets[labels == 1] = ious
    return Problem(logits, labels, targets, ious)


def ours(name: str, problem: Problem) -> tuple[Tensor, Tensor]:
    """One forward and backward pass: the total loss and the gradient."""
    logits = problem.logits.detach().requires_grad_()
    if name == "ap":
        loss = functional.ap_loss(logits, problem.labels)
    elif name == "alrp":
        loss = functional.alrp_loss(logits, problem.labels, 1 - problem.ious)[0]
    elif name == "rank_sort":
        loss = sum(functional.rank_sort_loss(logits, problem.targets), torch.zeros(()))
    else:
        options: dict[str, Any] = {"numerics": "official"}
        loss = functional.ape_loss(logits, problem.labels, problem.ious, **options)
    (gradient,) = torch.autograd.grad(loss, logits)
    return loss.detach(), gradient


def looped(name: str, problem: Problem) -> tuple[Tensor, ...]:
    """The same by the loop: its losses, and the gradient last."""
    second = problem.targets if name == "rank_sort" else problem.labels
    third = {"alrp": (1 - problem.ious,), "ape": (problem.ious,)}.get(name, ())
    return LOOPED[name](problem.logits, second, *third)


def seconds(call: Callable[[], Any], repeats: int) -> float:
    """The best of several calls."""
    best = math.inf
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def _status(key: str) -> int:
    found = re.search(key + r":\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def bytes_per_logit(name: str, problem: Problem) -> float | None:
    """Peak extra memory of a pass, per logit; None where the system does not tell."""
    try:
        ctypes.CDLL(None).malloc_trim(0)  # or freed memory would be counted as ours already
        before = _status("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
        ours(name, problem)
        return max(0.0, (_status("VmHWM") - before) / len(problem.logits))
    except (OSError, AttributeError):
        return None


def measure(
    losses: Sequence[str] = LOSSES,
    sizes: Sequence[tuple[int, int]] = SIZES,
    stages: Sequence[str] = tuple(STAGES),
    repeats: int = 5,
) -> Iterator[dict[str, Any]]:
    """Yields one row per loss, size and stage, times in milliseconds, forward and backward."""
    for name in losses:
        for n_positives, n_logits in sizes:
            for stage in stages:
                problem = make_problem(n_positives, n_logits, stage)
                ours(name, problem)  # warm up
                loop = seconds(partial(looped, name, problem), 1)
                own = seconds(partial(ours, name, problem), repeats)
                yield {
                    "loss": name,
                    "positives": n_positives,
                    "logits": n_logits,
                    "stage": stage,
                    "ms": own * 1e3,
                    "looped_ms": loop * 1e3,
                    "ratio": loop / own,
                    "bytes_per_logit": bytes_per_logit(name, problem),
                }


def geometric_mean(values: Sequence[float]) -> float:
    """The mean of ratios."""
    return math.exp(sum(map(math.log, values)) / len(values))


def growth(name: str, stage: str = "early", repeats: int = 7) -> dict[str, float]:
    """How the time grows when the logits (``n``) or the positives (``p``) double."""
    small, wide, deep = (
        make_problem(p, n, stage) for p, n in ((1000, 600_000), (1000, 1_200_000), (2000, 600_000))
    )
    best = [math.inf] * 3
    for _ in range(repeats):  # in turns, so that a drift of the machine meets all three
        for i, problem in enumerate((small, wide, deep)):
            best[i] = min(best[i], seconds(partial(ours, name, problem), 1))
    return {"n": best[1] / best[0], "p": best[2] / best[0]}
