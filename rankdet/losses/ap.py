"""AP Loss (Chen et al., CVPR 2019; as released with aLRP Loss)."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rankdet.losses import kernels
from rankdet.losses.arguments import flag
from rankdet.losses.checks import check, check_labels
from rankdet.losses.error_driven import attach, ranked_groups, total
from rankdet.losses.operators import ranking_op
from rankdet.losses.tensors import check_inputs


def interpolated(scores: Tensor, errors: Tensor) -> Tensor:
    """Returns ``1 - precision`` (P,) after interpolation of the precision-recall curve.

    It is, for each positive, the smallest error among the positives of the same or a lower score.

    Args:
        scores: (P,) scores of the positives.
        errors: (P,) 1 - precision at each positive.
    """
    order = scores.argsort()
    return torch.empty_like(errors).index_copy_(0, order, errors[order].cummin(0).values)


@ranking_op("ap_loss")
def _ap(
    logits: Tensor,
    labels: Tensor,
    group: Tensor | None,
    delta: float,
    interpolate: bool,
    max_positives: int | None = None,
) -> tuple[Tensor, Tensor]:
    check(logits, labels, group, delta, max_positives)
    flag("interpolate", interpolate)
    check_labels(labels)
    made = kernels.ap(logits, labels, group, delta, interpolate, max_positives)
    if made is not None:
        return made

    def parts() -> Iterator[tuple[Tensor, Tensor]]:
        for ranks, _, n_positives in ranked_groups(logits, labels, delta, group, max_positives):
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
    max_positives: int | None = None,
) -> Tensor:
    """AP Loss: 1 - average precision, with error-driven gradients (Chen et al., CVPR 2019).

    ``L = (1/P) Σ_i FP_i / rank_i`` over the positives (aLRP paper, Eq. 4). With interpolation, as
    in the released code, the precision of a positive is the largest one at its own or a lower
    score.

    Args:
        logits: any shape, any floating dtype. Computed in float32, or float64 for float64 logits.
        labels: one per logit: 1 positive, 0 negative, -1 ignored.
        delta: half the width of the smoothed step H, ≥ 0. 0 is the hard step.
        interpolate: whether to interpolate the precision-recall curve.
        group: one integer per logit, such as an image index. Ranks are then taken within each
            group instead of the whole batch.
        max_positives: an upper bound of the number of positives. With it, the host does not wait
            for a GPU, and the loss can be captured in a CUDA graph. If there are more positives,
            the loss is NaN on a GPU, and an error on a CPU.

    Returns:
        Scalar in [0, 1), float32 (float64 for float64 logits). Without positives it is 0 and
        connected to the graph.

    Raises:
        TypeError: The logits are not of a floating dtype.
        ValueError: A label has another value than those above (on a CPU; on a GPU only with
            RANKDET_CHECKS=on).
        ValueError: delta is negative, the number of labels or groups does not match, or there are
            more positives than `max_positives`.

    Example:
        >>> logits = torch.tensor([2.0, -1.0, 0.5], requires_grad=True)
        >>> ap_loss(logits, torch.tensor([1, 0, -1])).backward()
    """
    check_inputs(logits, labels, group)
    made = _ap(logits.detach(), labels, group, delta, interpolate, max_positives)
    (loss,) = attach(logits, *made)
    return loss
