"""The field's usual classification losses, taken from mmdet, as parts of a criterion.

Their normaliser is mmdet's `avg_factor` (positives per batch, averaged over GPUs), which the
detector's head passes in `extras`; ranking losses normalise by their own positives instead.
"""

from collections.abc import Mapping

import torch
from mmdet.models import losses as mmdet_losses
from torch import Tensor, nn

from rankdet.losses.criterion import FlatProblem


def normaliser(problem: FlatProblem) -> Tensor:
    """Returns mmdet's `avg_factor` if the head gave one, else the positives (at least 1).

    A head whose classification is divided by another number than its boxes gives that as
    `cls_avg_factor` (FoveaBox: positives and images).
    """
    for name in ("cls_avg_factor", "avg_factor"):
        if problem.extras.get(name) is not None:
            return problem.extras[name]
    return problem.logits.new_tensor(max(len(problem.ious), 1))


class SigmoidFocalLoss(nn.Module):
    """Focal loss (Lin et al., ICCV 2017, Eq. 5), mmdet's implementation.

    Args:
        alpha: Weight of the positives, in [0, 1].
        gamma: Focusing exponent, >= 0; 0 gives the weighted cross entropy.
    """

    def __init__(self, alpha: float = 0.25, gamma: float = 2.0) -> None:
        super().__init__()
        self.loss = mmdet_losses.FocalLoss(
            use_sigmoid=True, gamma=gamma, alpha=alpha, loss_weight=1.0
        )

    def terms(self, problem: FlatProblem) -> Mapping[str, Tensor]:
        """Returns `loss_cls`, summed over every logit not ignored, by the normaliser."""
        if not len(problem.logits):
            return {"loss_cls": problem.logits.sum() * 0}
        weight = (~problem.ignore).to(problem.logits.dtype)
        return {
            "loss_cls": self.loss(
                problem.logits, problem.labels, weight, avg_factor=normaliser(problem)
            )
        }


class SigmoidCrossEntropyLoss(nn.Module):
    """Cross entropy of every sigmoid against its label, mmdet's implementation."""

    def __init__(self) -> None:
        super().__init__()
        self.loss = mmdet_losses.CrossEntropyLoss(use_sigmoid=True)

    def terms(self, problem: FlatProblem) -> Mapping[str, Tensor]:
        """Returns `loss_cls`, summed over every logit not ignored, by the normaliser."""
        if not len(problem.logits):
            return {"loss_cls": problem.logits.sum() * 0}
        weight = (~problem.ignore).to(problem.logits.dtype)
        factor = normaliser(problem)
        return {"loss_cls": self.loss(problem.logits, problem.labels, weight, avg_factor=factor)}


class SoftmaxCrossEntropyLoss(nn.Module):
    """Cross entropy of a softmax over the classes and the background, mmdet's implementation.

    For box heads of R-CNN alone: `extras` must have `background_logits` (A, 1).
    """

    background = True  # the head needs a logit of the background

    def __init__(self) -> None:
        super().__init__()
        self.loss = mmdet_losses.CrossEntropyLoss(use_sigmoid=False)

    def terms(self, problem: FlatProblem) -> Mapping[str, Tensor]:
        """Returns `loss_cls`, summed over every row not ignored, by the normaliser."""
        if not len(problem.logits):
            return {"loss_cls": problem.logits.sum() * 0}
        if "background_logits" not in problem.extras:
            raise ValueError("a softmax over classes and background is for box heads of R-CNN only")
        logits = torch.cat([problem.logits, problem.extras["background_logits"]], 1)
        weight = (~problem.ignore).to(logits.dtype)
        factor = normaliser(problem)
        return {"loss_cls": self.loss(logits, problem.labels, weight, avg_factor=factor)}


class QualityFocalLoss(nn.Module):
    """Quality focal loss (Li et al., NeurIPS 2020, Eq. 3), mmdet's implementation.

    A positive's label is the IoU of its predicted box, without gradient.

    Args:
        beta: Exponent of the distance of score and label, >= 0.
    """

    def __init__(self, beta: float = 2.0) -> None:
        super().__init__()
        self.loss = mmdet_losses.QualityFocalLoss(use_sigmoid=True, beta=beta)

    def terms(self, problem: FlatProblem) -> Mapping[str, Tensor]:
        """Returns `loss_cls`, summed over every logit not ignored, by the normaliser."""
        logits = problem.logits.float()
        quality = logits.new_zeros(len(logits))
        quality[problem.positives] = problem.ious.to(logits.dtype)
        weight = (~problem.ignore).to(logits.dtype)
        target, factor = (problem.labels, quality), normaliser(problem)
        return {"loss_cls": self.loss(logits, target, weight, avg_factor=factor)}


class VarifocalLoss(nn.Module):
    """Varifocal loss (Zhang et al., CVPR 2021, Eq. 2), mmdet's implementation.

    A positive's label is the IoU of its predicted box, without gradient; one whose IoU is exactly 0
    is a negative.

    Args:
        alpha: Weight of the negatives, >= 0.
        gamma: Exponent of a negative's score, >= 0.
        iou_weighted: Whether positives count by their IoU.
    """

    def __init__(self, alpha: float = 0.75, gamma: float = 2.0, iou_weighted: bool = True) -> None:
        super().__init__()
        self.loss = mmdet_losses.VarifocalLoss(alpha=alpha, gamma=gamma, iou_weighted=iou_weighted)

    def terms(self, problem: FlatProblem) -> Mapping[str, Tensor]:
        """Returns `loss_cls`, summed over every logit not ignored, by the normaliser."""
        logits = problem.logits.float()
        target = problem.flat_targets.reshape(logits.shape)
        weight = (~problem.ignore).to(logits.dtype)[:, None]
        factor = normaliser(problem)
        return {"loss_cls": self.loss(logits, target.clamp(min=0), weight, avg_factor=factor)}


class GHMCLoss(nn.Module):
    """GHM-C (Li et al., AAAI 2019, Eq. 9), mmdet's implementation: a mean over all valid logits.

    With momentum, the running number of samples per bin is a buffer: part of checkpoints, and each
    process counts its own samples, as released.

    Args:
        bins: Number of bins of the gradient's length.
        momentum: Of the running counts, in [0, 1); 0 counts each batch anew.
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
