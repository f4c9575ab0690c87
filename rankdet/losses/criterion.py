"""A criterion: classification (or ranking) part + box part + balance, separate from detectors."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rankdet.losses.balance import Balance
from rankdet.losses.boxes import BoxLoss
from rankdet.losses.problem import FlatProblem

__all__ = ["Criterion", "FlatProblem"]


class Criterion(nn.Module):
    """Turns a flat problem into named losses, for any detector.

    A classification part is any module. If it has ``terms(problem) -> dict`` that gives its losses
    (aLRP's include ``loss_bbox``); otherwise its ``forward(flat_logits, flat_labels)`` is
    ``loss_cls``, and so a loss of one's own is an ordinary module of ten lines.

    Args:
        classification: the classification or ranking part.
        box: the box part; it makes ``loss_bbox`` unless the classification part does.
        balance: weights ``loss_bbox``.
        weight: multiplies every loss, after the balance (.2 in an RPN).
    """

    def __init__(
        self, classification: nn.Module, box: BoxLoss, balance: Balance, weight: float = 1.0
    ) -> None:
        super().__init__()
        self.classification, self.box, self.balance = classification, box, balance
        self.weight = weight

    def forward(
        self,
        logits: Tensor,
        labels: Tensor,
        ignore: Tensor,
        pred_boxes: Tensor,
        target_boxes: Tensor,
        extras: Mapping[str, Any] | None = None,
    ) -> dict[str, Tensor]:
        """Returns the losses, and detached ``balance_weight`` and ``num_pos``.

        Args:
            logits: (A, C); A may be 0.
            labels: (A,) int64, class index, or C for background.
            ignore: (A,) bool.
            pred_boxes: (P, 4) xyxy of the positives in order of appearance; P may be 0.
            target_boxes: (P, 4) xyxy.
            extras: see `FlatProblem`.
        """
        problem = FlatProblem(logits, labels, ignore, pred_boxes, target_boxes, extras or {})
        problem.ious = self.box.quality(problem)
        problem.box_errors = self.box.errors(problem)
        problem.error_range = self.box.error_range
        losses = self._terms(problem)
        if "loss_bbox" not in losses:
            losses["loss_bbox"] = self.box(problem)
        rest = sum((v for k, v in losses.items() if k != "loss_bbox"), logits.new_zeros(()))
        weight = self.balance(rest, losses["loss_bbox"], problem).detach()
        losses["loss_bbox"] = losses["loss_bbox"] * weight
        if self.weight != 1:
            losses = {name: loss * self.weight for name, loss in losses.items()}
        num_pos = torch.full((), problem.n_positives, device=logits.device)
        return losses | {"balance_weight": weight, "num_pos": num_pos}

    def _terms(self, problem: FlatProblem) -> dict[str, Tensor]:
        terms = getattr(self.classification, "terms", None)
        if terms is not None:
            return dict(terms(problem))
        return {"loss_cls": self.classification(problem.flat_logits, problem.flat_labels)}

    def end_epoch(self) -> None:
        """Tells the balance that an epoch has ended."""
        self.balance.end_epoch()
