"""Part `losses`: time and peak memory of the losses, beside other forms and two references.

Forms: our `plain` and `fused` paths, the fused kernels as a CUDA `graph` (the time of the device
alone), the `bucketed` form, the `looped` form of the papers. Focal loss is what a detector pays
anyway. A copy of the logits is the least that a loss can take.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from rankdet.detectors.ops import focal
from rankdet.gpu_check import kernels
from rankdet.gpu_check.bucketed import BUCKETED, DELTAS
from rankdet.gpu_check.budget import Context, steps
from rankdet.gpu_check.clock import captured, free, timed
from rankdet.losses import benchmark
from rankdet.losses.benchmark import DrawnBatch
from rankdet.training.attempts import MEASURED, NOT_REACHED, Row

LOSSES = ("ap", "alrp", "rank_sort", "ape")
SIZES = {  # (positives, logits)
    "tiny": ((10, 1000), (20, 4000)),
    "full": (
        (50, 10_000),
        (500, 100_000),
        (500, 1_000_000),
        (2000, 1_200_000),
        (5000, 5_000_000),
    ),
}
STAGES = {"tiny": ("early",), "full": ("early", "late")}
CLASSES = 80  # logits of an anchor, for focal loss
STEP_SECONDS = 1.5  # measuring one item stops after this time
COPY, FOCAL, BUCKETS, LOOPED = "copy", "focal", "bucketed", "looped"
Size = tuple[int, int]


class Batches:
    """Drawn batches on the device; only the last one is kept, because the largest has 80 MB."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._last: tuple[tuple[int, int, str], DrawnBatch] | None = None

    def get(self, positives: int, logits: int, stage: str) -> DrawnBatch:
        """Returns a batch of these sizes; the same each time."""
        key = (positives, logits, stage)
        if self._last is None or self._last[0] != key:
            self._last = None
            drawn = benchmark.draw_batch(positives, logits, stage)
            self._last = key, DrawnBatch(*(part.to(self.device) for part in drawn))
        return self._last[1]


def items(size: str) -> list[Row]:
    """Returns what is measured, the looped forms last, because they take the longest."""
    found: list[Row] = []
    for positives, logits in SIZES[size]:
        for stage in STAGES[size]:
            at = {"positives": positives, "logits": logits, "stage": stage}
            found += [{"loss": form, "form": form, **at} for form in (COPY, FOCAL)]
            found += [
                {"loss": loss, "form": form, **at}
                for loss in LOSSES
                for form in (*kernels.forms(loss), BUCKETS)
                if form != BUCKETS or loss in BUCKETED
            ]
    graphs = [
        {"loss": loss, "form": kernels.GRAPH, "positives": p, "logits": n, "stage": stage}
        for p, n in SIZES[size]
        for stage in STAGES[size]
        for loss in (COPY, FOCAL, *LOSSES)
    ]
    stage = STAGES[size][0]
    loops = [
        {"loss": loss, "form": LOOPED, "positives": p, "logits": n, "stage": stage}
        for p, n in SIZES[size]
        for loss in LOSSES
    ]
    return graphs + found + loops


def rows(context: Context) -> Iterator[Row]:
    """Yields one row per loss, form, size and stage: `ms`, `best_ms`, `repeats`, `peak_mb`.

    Times are of forward and backward together, in milliseconds.
    """
    batches, loops = Batches(context.device), Loops()

    def measure(item: Row) -> Row:
        if item["form"] == LOOPED:
            return loops.measure(item, batches, context)
        call = _call(item, _batch(item, batches))
        fused = item["form"] in (kernels.FUSED, kernels.GRAPH)
        with kernels.using(kernels.FUSED if fused else kernels.PLAIN):
            if item["form"] == kernels.GRAPH:
                call = captured(call)
            return timed(call, context.device, seconds=STEP_SECONDS)

    skipped, runnable = kernels.runnable(items(context.size), context.device)
    yield from skipped
    yield from steps(runnable, measure, context)
    free(context.device)


def _batch(item: Row, batches: Batches) -> DrawnBatch:
    return batches.get(item["positives"], item["logits"], item["stage"])


def _call(item: Row, batch: DrawnBatch) -> Callable[[], Any]:
    if item["loss"] == COPY:
        return batch.logits.clone
    if item["loss"] == FOCAL:
        return focal_call(batch)
    if item["form"] == BUCKETS:
        return partial(BUCKETED[item["loss"]], batch, DELTAS[item["loss"]])
    if item["form"] == kernels.GRAPH:
        return partial(bounded, item["loss"], batch)
    return partial(benchmark.ours, item["loss"], batch)


def bounded(name: str, batch: DrawnBatch) -> tuple[Tensor, Tensor]:
    """Returns a loss and its gradient; the host is told the number of positives and never waits.

    Args:
        name: One of `LOSSES`.
        batch: The batch.
    """
    return benchmark.ours(name, batch, max_positives=len(batch.ious))


def focal_call(batch: DrawnBatch) -> Callable[[], tuple[Tensor, Tensor]]:
    """Returns a forward and backward pass of focal loss on the logits of whole anchors."""
    whole = len(batch.logits) // CLASSES * CLASSES
    logits = batch.logits[:whole].view(-1, CLASSES)
    places = (batch.labels[:whole] == 1).view(-1, CLASSES)
    target = torch.where(places.any(1), places.int().argmax(1), CLASSES)
    weight, loss, gradient = logits.new_empty(0), torch.empty_like(logits), torch.empty_like(logits)

    def call() -> tuple[Tensor, Tensor]:
        focal.sigmoid_focal_loss_forward(logits, target, weight, loss, 2.0, 0.25)
        focal.sigmoid_focal_loss_backward(logits, target, weight, gradient, 2.0, 0.25)
        return loss.sum(), gradient

    return call


class Loops:
    """Times the looped forms once each, unless the time before says that it would take too long."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[Size, float]] = {}

    def expected(self, loss: str, size: Size) -> float:
        """Returns the seconds that a size should take; 0 if no smaller one was measured.

        A loop makes P turns. A turn takes at most in proportion to N.
        """
        if loss not in self._before:
            return 0.0
        (positives, logits), seconds = self._before[loss]
        return seconds * size[0] / positives * max(1.0, size[1] / logits)

    def measure(self, item: Row, batches: Batches, context: Context) -> Row:
        """Returns the time of one pass, or `not reached` with the expected seconds."""
        loss, size = item["loss"], (item["positives"], item["logits"])
        expected = self.expected(loss, size)
        if expected > context.budget.left():
            return {"status": NOT_REACHED, "reason": f"would take up to {expected:.0f} s"}
        call = partial(benchmark.looped, loss, _batch(item, batches))
        warm_ups = 0 if loss in self._before else 1
        found = timed(call, context.device, warm_ups=warm_ups, repeats=1)
        self._before[loss] = size, found["ms"] / 1e3
        return {"status": MEASURED, **found}
