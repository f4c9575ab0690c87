"""AP Loss (Chen et al., CVPR 2019; as released with aLRP Loss)."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rankdet.losses.error_driven import attach, problems, ranking_op, total


def interpolated(scores: Tensor, errors: Tensor) -> Tensor:
    """``1 - precision`` after interpolation: the least error at a positive's score or below it.

    Args:
        scores: (P,).
        errors: (P,) 1 - precision at each positive.
    """
    order = scores.argsort()
    return torch.empty_like(errors).index_copy_(0, order, errors[order].cummin(0).values)


@ranking_op("ap_loss")
def _ap(
    logits: Tensor, labels: Tensor, group: Tensor | None, delta: float, interpolate: bool
) -> tuple[Tensor, Tensor]:
    def parts() -> Iterator[tuple[Tensor, Tensor]]:
        for ranks, _, n_positives in problems(logits, labels, delta, group):
            errors = ranks.false_positives / ranks.rank  # 1 - precision
            if interpolate:
                errors = interpolated(ranks.scores, errors)
            yield errors.sum() / n_positives, ranks.distribute(errors, n_positives)

    loss, gradient = total(logits, parts(), 1)
    return loss, gradient


def ap_loss(
    logits: Tensor,
    labels: Tensor,
    *,
    delta: float = 1.0,
    interpolate: bool = True,
    group: Tensor | None = None,
) -> Tensor:
    """AP Loss: 1 - average precision, with error-driven gradients.

    ``L = (1/P) Σ_i FP_i / rank_i`` over the positives (aLRP paper, Eq. 4). With interpolation (the
    released behaviour) a positive's precision is the largest one at its own or a lower score.

    Args:
        logits: any shape, any floating dtype; the mathematics is float32 (float64 for float64).
        labels: same number of elements: 1 positive, 0 negative, -1 ignored.
        delta: half the width of the smoothed step H; 0 is the hard step.
        interpolate: interpolate the precision-recall curve.
        group: an integer per logit: rank within a group (an image) instead of the whole batch.

    Returns:
        Scalar in [0, 1), float32 (float64 for float64); 0, connected to the graph, if no positive.
    """
    (loss,) = attach(logits, *_ap(logits.detach(), labels, group, delta, interpolate))
    return loss
