"""The field's usual classification losses, taken from mmdet, as parts of a criterion.

Their normaliser is mmdet's `avg_factor` (positives per batch, averaged over GPUs), which the
detector's head passes in `extras`; ranking losses normalise by their own positives instead.
"""

from collections.abc import Mapping

from mmdet.models.losses import FocalLoss
from torch import Tensor, nn

from rankdet.losses.criterion import FlatProblem


def normaliser(problem: FlatProblem) -> Tensor:
    """Returns mmdet's `avg_factor` if the head gave one, else the positives (at least 1)."""
    given = (problem.extras or {}).get("avg_factor")
    if given is not None:
        return given
    return problem.logits.new_tensor(max(len(problem.ious), 1))


class SigmoidFocalLoss(nn.Module):
    """Focal loss (Lin et al., ICCV 2017, Eq. 5), mmdet's implementation.

    Args:
        alpha: Weight of the positives, in [0, 1].
        gamma: Focusing exponent, >= 0; 0 gives the weighted cross entropy.
    """

    def __init__(self, alpha: float = 0.25, gamma: float = 2.0) -> None:
        super().__init__()
        self.loss = FocalLoss(use_sigmoid=True, gamma=gamma, alpha=alpha, loss_weight=1.0)

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


class SigmoidCrossEntropyLoss(SigmoidFocalLoss):
    """Cross entropy of every sigmoid against its label, the limit γ = 0 of focal loss.

    The unweighted sum -log p_t, written as twice the focal loss at α = .5 and γ = 0.
    """

    def __init__(self) -> None:
        super().__init__(alpha=0.5, gamma=0.0)

    def terms(self, problem: FlatProblem) -> Mapping[str, Tensor]:
        """Returns `loss_cls` = the summed cross entropy by the normaliser."""
        return {name: 2 * value for name, value in super().terms(problem).items()}


__all__ = ["SigmoidCrossEntropyLoss", "SigmoidFocalLoss"]
