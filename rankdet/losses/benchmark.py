"""Benchmark of the losses: time and memory, speed-up over the loops, growth with the input size.

The speed of a shared machine changes with time. Therefore both times of a ratio are measured in
turns and equally often, with one clock (`rankdet.losses.turns`), and the best of each counts.
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rankdet.losses import functional, memory, turns
from rankdet.losses.reference_loops import LOOPED

SIZES = ((500, 100_000), (2000, 400_000), (2000, 1_200_000))  # (positives, logits)
STAGES = {  # mean and standard deviation of the logits: positives, negatives
    "early": ((-4.6, 0.3), (-4.6, 0.3)),
    "middle": ((-2.0, 1.0), (-5.0, 1.0)),
    "late": ((1.0, 1.5), (-7.0, 1.5)),
}
GROWTH_SIZES = ((1000, 600_000), (1000, 1_200_000), (2000, 600_000))  # one, 2 N, 2 P
LOSSES = ("ap", "alrp", "rank_sort", "ape")
OFFICIAL = "ape_official"  # APE Loss with `numerics="official"`, which needs all pairs
NAMES = (*LOSSES, OFFICIAL)


class DrawnBatch(NamedTuple):
    """Drawn logits and labels of a detector's head, with the IoUs of the positives."""

    logits: Tensor
    labels: Tensor
    targets: Tensor
    ious: Tensor


def draw_batch(n_positives: int, n_logits: int, stage: str, seed: int = 0) -> DrawnBatch:
    """Draws logits that are typical of a stage of training (a key of `STAGES`)."""
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
    return DrawnBatch(logits, labels, targets, ious)


def ours(name: str, batch: DrawnBatch, max_positives: int | None = None) -> tuple[Tensor, Tensor]:
    """Runs a forward and backward pass of our loss (of `NAMES`); returns total loss and gradient.

    The loop of APE Loss computes the official form.
    """
    logits = batch.logits.detach().requires_grad_()
    bound: dict[str, Any] = {"max_positives": max_positives}
    if name == "ap":
        loss = functional.ap_loss(logits, batch.labels, **bound)
    elif name == "alrp":
        loss = functional.alrp_loss(logits, batch.labels, 1 - batch.ious, **bound)[0]
    elif name == "rank_sort":
        loss = torch.stack(functional.rank_sort_loss(logits, batch.targets, **bound)).sum()
    else:
        bound["numerics"] = "official" if name == OFFICIAL else "stable"
        loss = functional.ape_loss(logits, batch.labels, batch.ious, **bound)
    (gradient,) = torch.autograd.grad(loss, logits)
    return loss.detach(), gradient


def looped(name: str, batch: DrawnBatch) -> tuple[Tensor, ...]:
    """Runs the loop over positives; returns its losses and, last, the gradient."""
    name = "ape" if name == OFFICIAL else name
    second = batch.targets if name == "rank_sort" else batch.labels
    third = {"alrp": (1 - batch.ious,), "ape": (batch.ious,)}.get(name, ())
    return LOOPED[name](batch.logits, second, *third)


def bytes_per_logit(name: str, batch: DrawnBatch) -> float | None:
    """Returns the peak extra memory of a pass per logit; None if the system cannot measure it."""
    try:
        before = memory.reset_peak()
        ours(name, batch)
        return max(0.0, (memory.read("VmHWM") - before) / len(batch.logits))
    except (OSError, AttributeError):
        return None


def measure(
    losses: Sequence[str] = LOSSES,
    sizes: Sequence[tuple[int, int]] = SIZES,
    stages: Sequence[str] = tuple(STAGES),
    rounds: int = turns.ROUNDS,
    threads: int = 1,
) -> Iterator[dict[str, Any]]:
    """Yields one row per loss, size and stage. Times are in ms, forward and backward together.

    Both times are the best of `rounds` calls in turns; the row has their number, which is smaller
    for slow loops (`turns.best`).
    """
    clock = turns.CLOCKS[turns.clock_name(threads)]
    for name in losses:
        for n_positives, n_logits in sizes:
            for stage in stages:
                batch = draw_batch(n_positives, n_logits, stage)
                ours(name, batch)  # warm up
                calls = (partial(looped, name, batch), partial(ours, name, batch))
                (loop, own), made = turns.best(calls, rounds, clock)
                yield {
                    "loss": name,
                    "positives": n_positives,
                    "logits": n_logits,
                    "stage": stage,
                    "ms": own * 1e3,
                    "looped_ms": loop * 1e3,
                    "ratio": loop / own,
                    "rounds": made,
                    "bytes_per_logit": bytes_per_logit(name, batch),
                }


def geometric_mean(values: Sequence[float]) -> float:
    """Returns the geometric mean of positive values (the mean for ratios)."""
    return math.exp(sum(map(math.log, values)) / len(values))


def growth(name: str, stage: str = "early", rounds: int = 7, threads: int = 1) -> dict[str, float]:
    """Returns the factor in time when the number of logits (``n``) or positives (``p``) doubles."""
    calls = [partial(ours, name, draw_batch(p, n, stage)) for p, n in GROWTH_SIZES]
    clock = turns.CLOCKS[turns.clock_name(threads)]
    (small, wide, deep), _ = turns.best(calls, rounds, clock)
    return {"n": wide / small, "p": deep / small}
