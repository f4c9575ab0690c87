"""The forms of our losses: plain PyTorch, fused kernels, and these as a CUDA graph."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rankdet.losses.device import KERNELS, has_triton
from rankdet.training.attempts import SKIPPED, Row

PLAIN, FUSED, GRAPH = "plain", "fused", "graph"
FUSED_LOSSES = (  # names of cases, of benchmarks and of loss cards
    "ap",
    "alrp",
    "rank_sort",
    "rs",
    "ape",
    "ape, official",
    "pairwise, step",
)


def forms(loss: str) -> tuple[str, ...]:
    """Returns the forms of a loss: `plain`, and `fused` if it has kernels."""
    return (PLAIN, FUSED) if loss in FUSED_LOSSES else (PLAIN,)


def missing(device: str) -> str:
    """Returns why the kernels cannot run on a device; empty if they can."""
    if not device.startswith("cuda"):
        return "fused kernels need a GPU"
    return "" if has_triton() else "fused kernels need Triton, which is not installed"


def runnable(items: Sequence[Row], device: str) -> tuple[list[Row], list[Row]]:
    """Splits the items of a part by whether their `form` can run on the device.

    Returns:
        At most one row, `skipped` with the reason, for all forms that cannot run; and the items
        that can.
    """
    reason = missing(device)
    if not reason:
        return [], list(items)
    kept = [item for item in items if item["form"] not in (FUSED, GRAPH)]
    return [{"loss": "all", "form": FUSED, "status": SKIPPED, "reason": reason}], kept


@contextmanager
def using(form: str) -> Iterator[None]:
    """Makes the losses in the block run as plain PyTorch, or (all other forms) as kernels."""
    before = os.environ.get(KERNELS)
    os.environ[KERNELS] = "off" if form == PLAIN else "on"
    try:
        yield
    finally:
        if before is None:
            del os.environ[KERNELS]
        else:
            os.environ[KERNELS] = before
