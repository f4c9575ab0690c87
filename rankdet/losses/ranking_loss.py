"""The base class of the ranking losses as modules."""

from collections.abc import Callable

from torch import Tensor, nn

from rankdet.losses.arguments import arguments_of, flag, number, one_of
from rankdet.losses.flat_problem import FlatProblem, require_problem

REDUCTIONS = ("mean", "sum")


class RankingLoss(nn.Module):
    """Base class of the ranking losses.

    Args:
        per_image: in a criterion, whether to rank within each image instead of the whole batch.
        loss_weight: multiplies the loss, ≥ 0.
        reduction: "mean" over the positives, as in the papers; "sum": the same loss, multiplied by
            the number of positives (APE Loss: by its M), for trainers that divide by a number of
            their own. "none" does not exist: the gradient is that of the whole loss.

    Attributes:
        mean_of_positives: Whether the loss is divided by the number of positives, or by the
            ``divisor`` that `terms` sets in the problem.

    Raises:
        ValueError: The weight is negative or not a number, the reduction is unknown, or per_image
            is not true or false.
    """

    mean_of_positives = True

    def __init__(
        self, per_image: bool = False, *, loss_weight: float = 1.0, reduction: str = "mean"
    ) -> None:
        super().__init__()
        self.per_image = flag("per_image", per_image)
        self.loss_weight = number("loss_weight", loss_weight)
        self.reduction = one_of("reduction", reduction, REDUCTIONS)
        if reduction == "sum":
            self.mean_of_positives = False

    def scaled(self, loss: Tensor, count: Callable[[], Tensor] | None = None) -> Tensor:
        """Returns a loss after reduction and weight; with the defaults the loss itself.

        Args:
            loss: a scalar, divided by `count`.
            count: returns what the loss was divided by; None if there is no such number.
        """
        if self.reduction == "sum" and count is not None:
            loss = loss * count().to(loss.dtype)
        return loss if self.loss_weight == 1 else loss * self.loss_weight

    def _group(self, problem: FlatProblem) -> Tensor | None:
        require_problem(problem)
        return problem.flat_images if self.per_image else None

    def terms(self, problem: FlatProblem) -> dict[str, Tensor]:
        """Returns the losses of a criterion's batch: ``loss_cls``.

        Override it in a loss that needs more than logits and labels: `FlatProblem` has the boxes,
        the IoUs and the box errors of the positives.
        """
        group = self._group(problem)
        return {"loss_cls": self(problem.flat_logits, problem.flat_labels, group)}

    def extra_repr(self) -> str:
        """Returns the arguments, as they were given when the module was made."""
        return arguments_of(self)


def of_labels(labels: Tensor) -> Callable[[], Tensor]:
    """Returns a function that counts the positives: labels (or qualities) above 0."""
    return lambda: (labels > 0).sum()
