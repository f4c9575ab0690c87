"""Common classification losses of mmdet, as parts of a criterion.

They are divided by mmdet's `avg_factor` (positives per batch, averaged over GPUs), which the
detector's head passes in `extras`. Ranking losses are divided by their number of positives instead.
"""

from collections.abc import Mapping

import torch
from mmdet.models import losses as mmdet_losses
from torch import Tensor, nn

from rankdet.losses.criterion import FlatProblem


def normaliser(problem: FlatProblem) -> Tensor:
    """Returns the divisor of the classification loss.

    It is `cls_avg_factor` if the head provides one (FoveaBox: positives + images), otherwise
    `avg_factor`, otherwise the number of positives (at least 1).
    """
    for name in ("cls_avg_factor", "avg_factor"):
        if problem.extras.get(name) is not None:
            return problem.extras[name]
    return problem.logits.new_tensor(max(len(problem.ious), 1))


class SigmoidLoss(nn.Module):
    """Base class: an mmdet loss of one sigmoid per class.

    Args:
        loss: mmdet's loss; called with logits, labels, weights and `avg_factor`.
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def terms(self, problem: FlatProblem) -> Mapping[str, Tensor]:
        """Returns `loss_cls`: the sum over all logits that are not ignored, over the normaliser."""
        if not len(problem.logits):
            return {"loss_cls": problem.logits.sum() * 0}
        weight = (~problem.ignore).to(problem.logits.dtype)
        factor = normaliser(problem)
        return {"loss_cls": self.loss(problem.logits, problem.labels, weight, avg_factor=factor)}


class SigmoidFocalLoss(SigmoidLoss):
    """Focal loss (Lin et al., ICCV 2017, Eq. 5), mmdet's implementation.

    Args:
        alpha: Weight of the positives, in [0, 1].
        gamma: Focusing exponent, >= 0. 0 gives the weighted cross entropy.
    """

    def __init__(self, alpha: float = 0.25, gamma: float = 2.0) -> None:
        super().__init__(
            mmdet_losses.FocalLoss(use_sigmoid=True, gamma=gamma, alpha=alpha, loss_weight=1.0)
        )


class SigmoidCrossEntropyLoss(SigmoidLoss):
    """Cross entropy of one sigmoid per class, mmdet's implementation."""

    def __init__(self) -> None:
        super().__init__(mmdet_losses.CrossEntropyLoss(use_sigmoid=True))


class SoftmaxCrossEntropyLoss(nn.Module):
    """Cross entropy of a softmax over the classes and the background, mmdet's implementation.

    Only the box heads of R-CNN can use it: `extras` must have `background_logits` (A, 1).
    """

    background = True  # the head must have a logit for the background

    def __init__(self) -> None:
        super().__init__()
        self.loss = mmdet_losses.CrossEntropyLoss(use_sigmoid=False)

    def terms(self, problem: FlatProblem) -> Mapping[str, Tensor]:
        """Returns `loss_cls`: the sum over all rows that are not ignored, over the normaliser."""
        if not len(problem.logits):
            return {"loss_cls": problem.logits.sum() * 0}
        if "background_logits" not in problem.extras:
            raise ValueError(
                "SoftmaxCrossEntropyLoss needs background logits; only box heads of R-CNN have them"
            )
        logits = torch.cat([problem.logits, problem.extras["background_logits"]], 1)
        weight = (~problem.ignore).to(logits.dtype)
        factor = normaliser(problem)
        return {"loss_cls": self.loss(logits, problem.labels, weight, avg_factor=factor)}


class QualityFocalLoss(nn.Module):
    """Quality focal loss (Li et al., NeurIPS 2020, Eq. 3), mmdet's implementation.

    The label of a positive is the IoU of its predicted box, without gradient.

    Args:
        beta: Exponent of the difference of score and label, >= 0.
    """

    def __init__(self, beta: float = 2.0) -> None:
        super().__init__()
        self.loss = mmdet_losses.QualityFocalLoss(use_sigmoid=True, beta=beta)

    def terms(self, problem: FlatProblem) -> Mapping[str, Tensor]:
        """Returns `loss_cls`: the sum over all logits that are not ignored, over the normaliser."""
        logits = problem.logits.float()
        quality = logits.new_zeros(len(logits))
        quality[problem.positives] = problem.ious.to(logits.dtype)
        weight = (~problem.ignore).to(logits.dtype)
        target, factor = (problem.labels, quality), normaliser(problem)
        return {"loss_cls": self.loss(logits, target, weight, avg_factor=factor)}


class VarifocalLoss(nn.Module):
    """Varifocal loss (Zhang et al., CVPR 2021, Eq. 2), mmdet's implementation.

    The label of a positive is the IoU of its predicted box, without gradient. A positive whose IoU
    is exactly 0 is a negative.

    Args:
        alpha: Weight of the negatives, >= 0.
        gamma: Exponent of a negative's score, >= 0.
        iou_weighted: Whether positives are weighted by their IoU.
    """

    def __init__(self, alpha: float = 0.75, gamma: float = 2.0, iou_weighted: bool = True) -> None:
        super().__init__()
        self.loss = mmdet_losses.VarifocalLoss(alpha=alpha, gamma=gamma, iou_weighted=iou_weighted)

    def terms(self, problem: FlatProblem) -> Mapping[str, Tensor]:
        """Returns `loss_cls`: the sum over all logits that are not ignored, over the normaliser."""
        logits = problem.logits.float()
        target = problem.flat_targets.reshape(logits.shape)
        weight = (~problem.ignore).to(logits.dtype)[:, None]
        factor = normaliser(problem)
        return {"loss_cls": self.loss(logits, target.clamp(min=0), weight, avg_factor=factor)}


class GHMCLoss(nn.Module):
    """GHM-C (Li et al., AAAI 2019, Eq. 9), mmdet's implementation: a mean over all valid logits.

    With momentum, the running number of samples per bin is a buffer, which checkpoints contain. As
    released, each process counts its own samples.

    Args:
        bins: Number of bins of the gradient length.
        momentum: Momentum of the running counts, in [0, 1). 0: counts of the current batch only.
    """

    def __init__(self, bins: int = 30, momentum: float = 0.75) -> None:
        super().__init__()
        self.loss = mmdet_losses.GHMC(bins=bins, momentum=momentum)

    def terms(self, problem: FlatProblem) -> Mapping[str, Tensor]:
        """Returns `loss_cls`."""
        logits = problem.logits.float()
        target = problem.flat_labels.reshape(logits.shape)
        weight = (target >= 0).float()
        return {"loss_cls": self.loss(logits, target.clamp(min=0), weight)}


__all__ = [
    "GHMCLoss",
    "QualityFocalLoss",
    "SigmoidCrossEntropyLoss",
    "SigmoidFocalLoss",
    "VarifocalLoss",
]
