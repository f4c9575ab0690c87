"""Localisation losses (smooth L1, L1, IoU, GIoU) and the weighting of positives in them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rankdet.losses.flat_problem import FlatProblem
from rankdet.losses.processes import mean_over_processes
from rankdet.losses.ranks import Ranking

TYPES = ("giou", "iou", "l1", "smooth_l1", "dice")
WEIGHTINGS = ("none", "centerness", "score", "iou", "ranking")
EPS = 1e-7


def _area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1)


def pairwise_iou(boxes: Tensor, targets: Tensor, generalised: bool = False) -> Tensor:
    """IoU or GIoU (Rezatofighi et al., CVPR 2019) of each box with its own target.

    Args:
        boxes: (P, 4) xyxy, any floating dtype. Computed in float32 at least.
        targets: (P, 4) xyxy.
        generalised: whether to return GIoU in [-1, 1] instead of IoU in [0, 1].

    Returns:
        (P,) float32 (float64 if one input is), differentiable in both inputs.
    """
    dtype = torch.promote_types(torch.promote_types(boxes.dtype, targets.dtype), torch.float32)
    boxes, targets = boxes.to(dtype), targets.to(dtype)
    low, high = (
        torch.maximum(boxes[:, :2], targets[:, :2]),
        torch.minimum(boxes[:, 2:], targets[:, 2:]),
    )
    overlap = (high - low).clamp(min=0).prod(1)
    union = (_area(boxes) + _area(targets) - overlap).clamp(min=EPS)
    iou = overlap / union
    if not generalised:
        return iou
    low, high = (
        torch.minimum(boxes[:, :2], targets[:, :2]),
        torch.maximum(boxes[:, 2:], targets[:, 2:]),
    )
    hull = (high - low).clamp(min=0).prod(1).clamp(min=EPS)
    return iou - (hull - union) / hull


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
        ValueError: The type or the weighting is unknown.
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
        for name, value, known in (("type", type, TYPES), ("weighting", weighting, WEIGHTINGS)):
            if value not in known:
                raise ValueError(f"box {name} is {value!r}; known are {', '.join(known)}")
        self.kind, self.weighting, self.weight = type, weighting, weight
        self.beta, self.delta, self.delta_loc = beta, delta, delta_loc
        self.synchronise = False  # of weights: divide by their mean sum over all processes

    @property
    def error_range(self) -> float | None:
        """The largest possible error: 2 for GIoU, 1 for IoU and Dice, None if unbounded."""
        return {"giou": 2.0, "iou": 1.0, "dice": 1.0}.get(self.kind)

    @torch.no_grad()
    def quality(self, problem: FlatProblem) -> Tensor:
        """Returns the IoU of each positive's box, or the Dice coefficient of its mask: (P,)."""
        if self.kind == "dice":
            return _extra(problem, "dice", self.kind).float()
        return pairwise_iou(problem.pred_boxes, problem.target_boxes)

    def errors(self, problem: FlatProblem) -> Tensor:
        """Returns the differentiable, unweighted error of each positive: (P,)."""
        if self.kind in ("giou", "iou"):
            boxes, targets = problem.pred_boxes, problem.target_boxes
            return 1 - pairwise_iou(boxes, targets, generalised=self.kind == "giou")
        if self.kind == "dice":
            return _extra(problem, "mask_errors", self.kind).float()
        deltas, targets = (
            _extra(problem, name, self.kind) for name in ("pred_deltas", "target_deltas")
        )
        if self.kind == "l1":
            return (deltas.float() - targets.float()).abs().sum(1)
        return F.smooth_l1_loss(
            deltas.float(), targets.float(), beta=self.beta, reduction="none"
        ).sum(1)

    @torch.no_grad()
    def weights(self, problem: FlatProblem) -> Tensor:
        """Returns the weight of each positive: (P,). All are 1 with weighting "none"."""
        if self.weighting == "centerness":
            return _extra(problem, "centerness_targets", "centerness weighting").float()
        if self.weighting == "score":
            return problem.logits[problem.positives].float().sigmoid().amax(1)
        if self.weighting == "iou":
            return problem.ious
        if self.weighting == "ranking":
            return self._ranking_weights(problem)
        return torch.ones_like(problem.ious)

    def _ranking_weights(self, problem: FlatProblem) -> Tensor:
        """Eq. S21: ``w_i = (1/P) Σ_{k ∈ P} H(s_i - s_k) / rank_k``."""
        ranks = Ranking(problem.flat_logits, problem.flat_labels, self.delta)
        if not len(ranks):
            return torch.zeros_like(problem.ious)
        smooth = self.delta_loc or 0.0
        return ranks.rank_sums_below(1 / ranks.rank, smooth).float() / len(ranks)

    def forward(self, problem: FlatProblem) -> Tensor:
        """Returns the loss (a scalar). ``problem.box_errors`` must be the result of `errors`."""
        errors = problem.box_errors
        if self.weighting == "none":
            return self.weight * errors.sum() / problem.avg_factor
        weights = self.weights(problem)
        total = weights.sum()
        total = mean_over_processes(total) if self.synchronise else total
        return self.weight * (weights * errors).sum() / total.clamp(min=EPS)


def _extra(problem: FlatProblem, name: str, needed_by: str) -> Tensor:
    if problem.extras.get(name) is None:
        raise ValueError(
            f"{needed_by} needs extras[{name!r}], which this detector does not provide"
        )
    return problem.extras[name]


def build_box(config: Mapping[str, Any]) -> BoxLoss:
    """Makes a box part from a plain mapping, such as ``{"type": "giou", "weight": 2.0}``.

    Raises:
        ValueError: The type, the weighting or a key is unknown.
    """
    try:
        return BoxLoss(**config)
    except TypeError as error:
        raise ValueError(f"box part {dict(config)}: {error}") from None
