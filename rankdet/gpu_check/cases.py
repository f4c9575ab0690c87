"""Ranking problems on which the losses of two devices are compared."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from rankdet.losses.benchmark import STAGES, draw_batch

DELTAS = (0.0, 0.25, 0.5, 1.0)
SIZES = {"tiny": ((20, 2000),), "full": ((30, 3000), (500, 100_000))}
FAR = torch.tensor([-50.0, -49.5, 0.0, 49.0, 50.0])


class Problem(NamedTuple):
    """Logits (N,), labels (N,) 1, 0 or -1, and the IoUs (P,) of the positives, on the host."""

    name: str
    logits: Tensor
    labels: Tensor
    ious: Tensor


def problems(size: str) -> Iterator[Problem]:
    """Yields the problems: stages of training, ties, extremes, and missing classes.

    Args:
        size: `tiny` or `full`.
    """
    for positives, logits in SIZES[size]:
        for stage in STAGES:
            drawn = draw_batch(positives, logits, stage)
            name = f"{stage}, P {positives}, N {logits}"
            yield Problem(name, drawn.logits, drawn.labels, drawn.ious)
    yield from _unusual()


def _unusual() -> Iterator[Problem]:
    generator = torch.Generator().manual_seed(3)
    logits = 2 * torch.randn(600, generator=generator)
    labels = torch.zeros(600, dtype=torch.int64)
    labels[torch.randperm(600, generator=generator)[:25]] = 1
    labels[torch.randperm(600, generator=generator)[:40]] = -1
    ious = (8 * torch.rand(int((labels == 1).sum()), generator=generator)).ceil() / 8
    yield Problem("ignored logits", logits, labels, ious)
    yield Problem("ties", (4 * logits).round() / 4, labels, ious)
    yield Problem("all equal", torch.zeros(600), labels, ious)
    yield Problem("perfect ranking", logits + 30 * (labels == 1), labels, ious)
    far = FAR[torch.randint(0, len(FAR), (600,), generator=generator)]
    yield Problem("far logits", far, labels, ious)
    yield Problem("no negatives", logits, labels.where(labels == 1, -1), ious)
    yield Problem("no positives", logits, labels.where(labels != 1, 0), ious[:0])
    first = (labels == 1).nonzero()[0]
    alone = labels.where((labels != 1) | (torch.arange(600) == first), 0)
    yield Problem("one positive", logits, alone, ious[:1])
