"""Sigmoid focal loss and its gradient (Lin et al. 2017, eq. 5), elementwise.

The logarithms are computed from the logits (`logsigmoid`), so they are exact for confident
mistakes. mmcv's CUDA kernel clamps a probability in float32 and returns too large a loss for
negatives with a logit above 17. The gradients are the same.
"""

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
    p = logits.sigmoid()
    loss = (alpha - 1) * p.pow(gamma) * F.logsigmoid(-logits)
    rows, classes = _positives(target, logits.shape[1])
    x = logits[rows, classes]
    loss[rows, classes] = -alpha * x.neg().sigmoid().pow(gamma) * F.logsigmoid(x)
    output.copy_(_weighted(loss, weight, rows, classes))


def sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    """Writes the derivative of each unreduced loss in its logit into `grad_input` (N, C).

    The other arguments are those of `sigmoid_focal_loss_forward`.
    """
    logits = wide(input)
    p = logits.sigmoid()
    log_q = F.logsigmoid(-logits)
    grad = (1 - alpha) * p.pow(gamma) * (p - gamma * logits.neg().sigmoid() * log_q)
    rows, classes = _positives(target, logits.shape[1])
    x = logits[rows, classes]
    q = x.neg().sigmoid()
    grad[rows, classes] = alpha * q.pow(gamma) * (gamma * x.sigmoid() * F.logsigmoid(x) - q)
    grad_input.copy_(_weighted(grad, weight, rows, classes))


def _positives(target: Tensor, n_classes: int) -> tuple[Tensor, Tensor]:
    rows = ((target >= 0) & (target < n_classes)).nonzero().squeeze(1)
    return rows, target[rows]


def _weighted(values: Tensor, weight: Tensor, rows: Tensor, classes: Tensor) -> Tensor:
    if weight.numel():
        values[rows] *= wide(weight)[classes].to(values.dtype)[:, None]
    return values
