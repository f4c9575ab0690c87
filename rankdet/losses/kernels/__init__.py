"""Fused kernels of the ranking losses for GPUs, in Triton.

The functions here return None for a problem that the kernels do not compute: the caller then takes
plain PyTorch. `rankdet.losses.device.fused` says when they are used.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from rankdet.losses import device
from rankdet.losses.kernels.launch import number_of_positives
from rankdet.losses.ranks import FINE_DELTA

MOST_POSITIVES = 16_000  # bins are int16
MOST_LOGITS = 1 << 30


def _on_its_device(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(logits: Tensor, *args: Any) -> Any:
        if not device.fused(logits) or logits.numel() > MOST_LOGITS:
            return None
        if not logits.is_cuda or logits.device.index == torch.cuda.current_device():
            return function(logits, *args)
        with torch.cuda.device(logits.device):  # Triton launches on the current device
            return function(logits, *args)

    return call


def _launch(
    logits: Tensor,
    labels: Tensor,
    group: Tensor | None,
    delta: float,
    bound: int | None,
    loss: str,
    **options: Any,
) -> tuple[Tensor, Tensor, Tensor, Tensor] | None:
    if group is not None or not (delta == 0 or delta >= FINE_DELTA):
        return None
    if bound is None:
        bound = number_of_positives(labels, loss == "RS")
    if not 0 < bound <= MOST_POSITIVES:
        return None
    from rankdet.losses.kernels import step_losses  # needs Triton

    kind = getattr(step_losses, loss)
    return step_losses.StepLoss(logits, labels, bound, delta, kind, **options).run()


@_on_its_device
def ap(
    logits: Tensor,
    labels: Tensor,
    group: Tensor | None,
    delta: float,
    interpolate: bool,
    max_positives: int | None,
) -> tuple[Tensor, Tensor] | None:
    """AP Loss: returns the loss and its gradient."""
    kind = "AP" if interpolate else "WITHOUT_INTERPOLATION"
    made = _launch(logits, labels, group, delta, max_positives, kind)
    return None if made is None else (made[0], made[2])


@_on_its_device
def alrp(
    logits: Tensor,
    labels: Tensor,
    loc_errors: Tensor,
    group: Tensor | None,
    delta: float,
    eps: float,
    zero: bool,
    max_positives: int | None,
) -> tuple[Tensor, Tensor, Tensor] | None:
    """ALRP Loss: returns the classification loss, its gradient, and the weights of the errors."""
    if loc_errors.dtype == torch.float64:
        return None
    options: dict[str, Any] = {"eps": eps, "extra": loc_errors}
    if max_positives is None:
        options["expected"] = len(loc_errors)
    kind = "ALRP_ZERO" if zero else "ALRP"
    made = _launch(logits, labels, group, delta, len(loc_errors), kind, **options)
    return None if made is None else (made[0], made[2], made[3])


@_on_its_device
def rank_sort(
    logits: Tensor,
    targets: Tensor,
    group: Tensor | None,
    delta: float,
    eps: float,
    max_positives: int | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor] | None:
    """Rank & Sort Loss: returns the ranking loss, the sorting loss, and the gradient of each."""
    return _launch(logits, targets, group, delta, max_positives, "RS", eps=eps)


@_on_its_device
def ape(
    logits: Tensor,
    labels: Tensor,
    ious: Tensor,
    group: Tensor | None,
    scale: float,
    window: float,
    max_negatives: int,
    official: bool,
    max_positives: int | None,
) -> tuple[Tensor, Tensor, Tensor] | None:
    """APE Loss: returns the loss, its gradient, and M."""
    if group is not None or not 0 < len(ious) <= MOST_POSITIVES or ious.dtype == torch.float64:
        return None
    from rankdet.losses.kernels import ape_loss  # needs Triton

    expected = len(ious) if max_positives is None else None
    options = (scale, window, max_negatives, official, expected)
    return ape_loss.run(logits, labels, ious, *options)
