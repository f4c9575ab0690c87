"""Sigmoid focal loss and its gradient (Lin et al. 2017, eq. 5), elementwise.

The logarithms are computed from the logits (`logsigmoid`), so they are exact for confident
mistakes. mmcv's CUDA kernel clamps a probability in float32 and returns too large a loss for
negatives with a logit above 17. The gradients are the same.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from rankdet.detectors.ops.precision import wide


def sigmoid_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Writes the unreduced loss into `output`.

    Args:
        input: Logits (N, C), any float type, any device.
        target: Class of each row (N,), int64. C or any value outside 0..C-1 is background.
        weight: Weight of each class (C,), or empty. A row gets the weight of its target class; a
            background row has weight 1.
        output: (N, C), overwritten.
        gamma: Focusing parameter, >= 0.
        alpha: Weight of a positive, in [0, 1]; a negative has `1 - alpha`.
    """
    logits = wide(input)
    loss = (alpha - 1) * logits.sigmoid().pow(gamma) * F.logsigmoid(-logits)

    def of_positives(x: Tensor) -> Tensor:
        return -alpha * x.neg().sigmoid().pow(gamma) * F.logsigmoid(x)

    output.copy_(_merged(loss, logits, of_positives, target, weight))


def sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    """Writes the derivative of each unreduced loss in its logit into `grad_input` (N, C).

    The other arguments are those of `sigmoid_focal_loss_forward`.
    """
    logits = wide(input)
    p, log_q = logits.sigmoid(), F.logsigmoid(-logits)
    grad = (1 - alpha) * p.pow(gamma) * (p - gamma * logits.neg().sigmoid() * log_q)

    def of_positives(x: Tensor) -> Tensor:
        q = x.neg().sigmoid()
        return alpha * q.pow(gamma) * (gamma * x.sigmoid() * F.logsigmoid(x) - q)

    grad_input.copy_(_merged(grad, logits, of_positives, target, weight))


def _merged(
    values: Tensor,
    logits: Tensor,
    of_positives: Callable[[Tensor], Tensor],
    target: Tensor,
    weight: Tensor,
) -> Tensor:
    """Replaces the values of positives, and weights the rows of positives."""
    # On a GPU the host would wait for the number of positives, which indexing needs.
    merge = merged_without_wait if logits.is_cuda else merged_by_index
    return merge(values, logits, of_positives, target, weight)


def merged_by_index(
    values: Tensor,
    logits: Tensor,
    of_positives: Callable[[Tensor], Tensor],
    target: Tensor,
    weight: Tensor,
) -> Tensor:
    """Replaces the values of positives at their indices: the least work, but the host waits."""
    rows = ((target >= 0) & (target < logits.shape[1])).nonzero().squeeze(1)
    classes = target[rows]
    values[rows, classes] = of_positives(logits[rows, classes])
    if weight.numel():
        values[rows] *= wide(weight)[classes].to(values.dtype)[:, None]
    return values


def merged_without_wait(
    values: Tensor,
    logits: Tensor,
    of_positives: Callable[[Tensor], Tensor],
    target: Tensor,
    weight: Tensor,
) -> Tensor:
    """As `merged_by_index`, without a number that the host must know: for GPUs."""
    n_classes = logits.shape[1]
    classes = target.clamp(0, n_classes - 1)[:, None]
    is_positive = ((target >= 0) & (target < n_classes))[:, None]
    chosen = torch.where(
        is_positive, of_positives(logits.gather(1, classes)), values.gather(1, classes)
    )
    values = values.scatter(1, classes, chosen)
    if weight.numel():
        row_weight = wide(weight)[classes].to(values.dtype)
        values = torch.where(is_positive, values * row_weight, values)
    return values
