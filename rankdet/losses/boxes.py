"""Localisation losses (smooth L1, L1, IoU, GIoU) and the weighting of positives in them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rankdet.losses.arguments import arguments_of, kind_of, number, one_of
from rankdet.losses.box_errors import BOX_ERRORS, EPS
from rankdet.losses.box_weightings import WEIGHTINGS
from rankdet.losses.flat_problem import FlatProblem, require_problem
from rankdet.losses.processes import mean_over_processes


class BoxLoss(nn.Module):
    """A localisation loss: an error and a weight for each positive, and a weight for the sum.

    With weighting "none" the sum of the errors is divided by ``avg_factor`` (the number of
    positives). With any other weighting the loss is the weighted mean ``Σ w_i e_i / Σ w_i``, in
    which the weights are constants (Rank & Sort, Eq. S18).

    Args:
        type: "giou" and "iou" compare boxes (errors in [0, 2] and [0, 1]). "l1" and "smooth_l1"
            compare encoded deltas (``extras["pred_deltas"]``), summed over the four coordinates.
            "dice" is the error of the mask, for detectors without boxes
            (``extras["mask_errors"]``).
        weighting: "none", "centerness" (``extras["centerness_targets"]``), "score" (the largest
            score over all classes), "iou", or "ranking" (Eq. S21).
        weight: multiplies the loss.
        beta: the error at which smooth L1 changes from quadratic to linear.
        delta: for "ranking": half the width of the ramp of H in the ranks.
        delta_loc: for "ranking": the same in the numerator (Table S3). None is the hard step, the
            default of the paper.

    Raises:
        ValueError: The type or the weighting is unknown, or a number is negative or NaN.

    Example:
        >>> from rankdet.losses import FlatProblem
        >>> boxes = torch.tensor([[0.0, 0.0, 8.0, 8.0]], requires_grad=True)
        >>> targets = torch.tensor([[0.0, 0.0, 8.0, 4.0]])
        >>> logits, ignore = torch.zeros(1, 2), torch.zeros(1, dtype=torch.bool)
        >>> problem = FlatProblem(logits, torch.tensor([1]), ignore, boxes, targets)
        >>> box = BoxLoss("iou", weight=2.0)
        >>> problem.ious, problem.box_errors = box.quality(problem), box.errors(problem)
        >>> box(problem).item()  # 2 (1 - 1/2)
        1.0
    """

    def __init__(
        self,
        type: str = "giou",
        weighting: str = "none",
        weight: float = 1.0,
        beta: float = 1.0 / 9.0,
        delta: float = 0.5,
        delta_loc: float | None = None,
    ) -> None:
        super().__init__()
        one_of("box type", type, BOX_ERRORS)
        one_of("box weighting", weighting, WEIGHTINGS)
        number("box weight", weight)
        number("beta", beta)
        number("delta", delta)
        if delta_loc is not None:
            number("delta_loc", delta_loc)
        self.kind, self.error = type, BOX_ERRORS[type]()
        self.weighting, self.weight = weighting, weight
        self.beta, self.delta, self.delta_loc = beta, delta, delta_loc
        self.synchronise = False  # of weights: divide by their mean sum over all processes

    def extra_repr(self) -> str:
        """Returns the type and the arguments, as they were given when the module was made."""
        return f"type={self.kind!r}, {arguments_of(self)}"

    @property
    def error_range(self) -> float | None:
        """The largest possible error: 2 for GIoU, 1 for IoU and Dice, None if unbounded."""
        return self.error.largest

    @torch.no_grad()
    def quality(self, problem: FlatProblem) -> Tensor:
        """Returns the IoU of each positive's box, or the Dice coefficient of its mask: (P,)."""
        require_problem(problem)
        return self.error.quality(problem)

    def errors(self, problem: FlatProblem) -> Tensor:
        """Returns the differentiable, unweighted error of each positive: (P,)."""
        require_problem(problem)
        return self.error.errors(problem, self.beta)

    @torch.no_grad()
    def weights(self, problem: FlatProblem) -> Tensor:
        """Returns the weight of each positive: (P,). All are 1 with weighting "none"."""
        require_problem(problem)
        return WEIGHTINGS[self.weighting](problem, self.delta, self.delta_loc)

    def forward(self, problem: FlatProblem) -> Tensor:
        """Returns the loss (a scalar). ``problem.box_errors`` must be the result of `errors`."""
        require_problem(problem)
        errors = problem.of_positives("box_errors")
        if self.weighting == "none":
            return self.weight * errors.sum() / problem.avg_factor
        weights = self.weights(problem)
        total = weights.sum()
        total = mean_over_processes(total) if self.synchronise else total
        return self.weight * (weights * errors).sum() / total.clamp(min=EPS)


def build_box(config: Mapping[str, Any]) -> BoxLoss:
    """Makes a box part from a plain mapping, such as ``{"type": "giou", "weight": 2.0}``.

    Raises:
        ValueError: The type, the weighting or a key is unknown, or the config is not a mapping.
    """
    if not isinstance(config, Mapping):
        raise ValueError(
            f"box part is {kind_of(config)}; give a mapping, such as {{'type': 'giou'}}"
        )
    try:
        return BoxLoss(**config)
    except TypeError as error:
        raise ValueError(f"box part {dict(config)}: {error}") from None
