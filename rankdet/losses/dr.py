"""DR Loss: distributional ranking (Qian et al., CVPR 2020), a baseline."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from rankdet.losses.arguments import number
from rankdet.losses.checks import check, check_labels
from rankdet.losses.operators import is_compiling
from rankdet.losses.tensors import check_inputs

NEGATIVE_SCALE = 0.1 / math.log(3.5)  # as released


def dr_loss(
    logits: Tensor,
    labels: Tensor,
    *,
    margin: float = 0.5,
    positive_scale: float = 1.0,
    negative_scale: float = NEGATIVE_SCALE,
    smoothness: float = 6.0,
    weight: float = 4.0,
    group: Tensor | None = None,
) -> Tensor:
    """DR Loss: the expected score of positives exceeds that of negatives by a margin.

    ``(τ/L) log(1 + exp(L (E_neg - E_pos + γ)))`` (Qian et al., CVPR 2020). E_neg is the mean score
    p of the negatives under the distribution ``∝ exp(p / λ_neg)``, which emphasises high scores.
    E_pos is that of the positives under ``∝ exp(-p / λ_pos)``, which emphasises low scores. Without
    positives E_pos is 1, as released. The loss is differentiable.

    Args:
        logits: any shape, any floating dtype. Computed in float32, or float64 for float64 logits.
        labels: one per logit: 1 positive, 0 negative, -1 ignored.
        margin: γ.
        positive_scale: λ_pos > 0.
        negative_scale: λ_neg > 0.
        smoothness: L > 0 of the smoothed hinge.
        weight: τ.
        group: one integer per logit, such as an image index. The loss is then the mean of the
            losses of the groups.

    Returns:
        Scalar ≥ 0, float32 (float64 for float64 logits). Without positives and negatives it is 0
        and connected to the graph.

    Raises:
        TypeError: The logits are not of a floating dtype.
        ValueError: The number of labels or groups does not match, an argument is out of its range,
            or a label has another value (on a CPU; on a GPU only with RANKDET_CHECKS=on).

    Example:
        >>> logits = torch.tensor([2.0, -1.0, 0.5], requires_grad=True)
        >>> dr_loss(logits, torch.tensor([1, 0, -1])).backward()
    """
    check_inputs(logits, labels, group)
    if not is_compiling():
        _check_arguments(margin, positive_scale, negative_scale, smoothness, weight)
        check(logits, labels, group)
        check_labels(labels)
    dtype = torch.promote_types(logits.dtype, torch.float32)
    flat, labels = logits.reshape(-1).to(dtype), labels.reshape(-1)
    if group is not None:
        group = group.reshape(-1)
        owners = group[labels >= 0].unique().tolist()
        picks = [(labels, group == owner) for owner in owners]
    else:
        picks = [(labels, labels >= 0)]
    losses = []
    for own, mask in picks:
        scores, signs = flat[mask].sigmoid(), own[mask]
        negatives, positives = scores[signs == 0], scores[signs == 1]
        if not len(scores):
            continue
        low = (
            _expectation(negatives, 1 / negative_scale) if len(negatives) else scores.new_zeros(())
        )
        high = _expectation(positives, -1 / positive_scale) if len(positives) else 1.0
        losses.append(weight / smoothness * F.softplus(smoothness * (low - high + margin)))
    return torch.stack(losses).mean() if losses else flat.sum() * 0


def _check_arguments(
    margin: float, positive_scale: float, negative_scale: float, smoothness: float, weight: float
) -> None:
    number("margin", margin, least=-math.inf)
    number("positive_scale", positive_scale, above=0)
    number("negative_scale", negative_scale, above=0)
    number("smoothness", smoothness, above=0)
    number("weight", weight)


def _expectation(scores: Tensor, sharpness: float) -> Tensor:
    """Returns the mean score under the distribution ``∝ exp(sharpness · score)``."""
    return (torch.softmax(scores * sharpness, 0) * scores).sum()
