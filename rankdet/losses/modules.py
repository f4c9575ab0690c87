"""The losses as modules: usable in any trainer, and as classification parts of a criterion."""

from torch import Tensor, nn

from rankdet.losses.alrp import alrp_loss
from rankdet.losses.ap import ap_loss
from rankdet.losses.problem import FlatProblem


class RankingLoss(nn.Module):
    """What the ranking losses share.

    Args:
        per_image: as part of a criterion, rank within images instead of the whole batch.
    """

    def __init__(self, per_image: bool = False) -> None:
        super().__init__()
        self.per_image = per_image

    def _group(self, problem: FlatProblem) -> Tensor | None:
        return problem.flat_images if self.per_image else None


class APLoss(RankingLoss):
    """AP Loss; see `rankdet.losses.functional.ap_loss` for the arguments."""

    def __init__(
        self, delta: float = 1.0, interpolate: bool = True, per_image: bool = False
    ) -> None:
        super().__init__(per_image)
        self.delta, self.interpolate = delta, interpolate

    def forward(self, logits: Tensor, labels: Tensor, group: Tensor | None = None) -> Tensor:
        """Returns the loss (a scalar)."""
        return ap_loss(logits, labels, delta=self.delta, interpolate=self.interpolate, group=group)

    def terms(self, problem: FlatProblem) -> dict[str, Tensor]:
        """Returns ``loss_cls``."""
        return {"loss_cls": self(problem.flat_logits, problem.flat_labels, self._group(problem))}


class ALRPLoss(RankingLoss):
    """aLRP Loss; see `rankdet.losses.functional.alrp_loss` for the arguments.

    Args:
        tau: in a criterion, a positive's localisation error is its box error over
            ``range (1 - tau)``: .5, or .7 in an RPN.
    """

    def __init__(
        self,
        delta: float = 1.0,
        eps: float = 1e-5,
        target: str = "localisation",
        tau: float = 0.5,
        per_image: bool = False,
    ) -> None:
        super().__init__(per_image)
        self.delta, self.eps, self.target, self.tau = delta, eps, target, tau

    def forward(
        self, logits: Tensor, labels: Tensor, loc_errors: Tensor, group: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Returns loss_cls and loss_loc (scalars)."""
        return alrp_loss(
            logits,
            labels,
            loc_errors,
            delta=self.delta,
            eps=self.eps,
            target=self.target,
            group=group,
        )

    def terms(self, problem: FlatProblem) -> dict[str, Tensor]:
        """Returns ``loss_cls`` and ``loss_bbox``."""
        if problem.error_range is None:
            raise ValueError("aLRP Loss needs a bounded box error: use box type 'iou' or 'giou'")
        errors = problem.box_errors / (problem.error_range * (1 - self.tau))
        flat = (problem.flat_logits, problem.flat_labels)
        loss_cls, loss_loc = self(*flat, errors, self._group(problem))
        return {"loss_cls": loss_cls, "loss_bbox": loss_loc}
