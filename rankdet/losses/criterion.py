"""A criterion: classification or ranking part + box part + balance, independent of the detector."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rankdet.losses.arguments import kind_of, number
from rankdet.losses.balance import Balance
from rankdet.losses.boxes import BoxLoss
from rankdet.losses.flat_problem import FlatProblem
from rankdet.losses.output_checks import check_part, checked_terms, classified
from rankdet.losses.processes import gathered, mean_over_processes, process_count
from rankdet.losses.ranks import TINY
from rankdet.losses.scope import image_groups

__all__ = ["Criterion", "FlatProblem"]


class Criterion(nn.Module):
    """Computes named losses from flat logits, labels and boxes, for any detector.

    The classification part can be any module. If it has a method ``terms(problem) -> dict``, that
    method returns its losses (those of aLRP include ``loss_bbox``). Otherwise
    ``forward(flat_logits, flat_labels)`` returns ``loss_cls``, so a new loss can be a plain module.

    Args:
        classification: the classification or ranking part.
        box: the box part. It returns ``loss_bbox`` unless the classification part does.
        balance: returns the weight of ``loss_bbox``.
        weight: multiplies every loss, after the balance (.2 in an RPN), ≥ 0.

    Raises:
        TypeError: A part is not a module (a class instead of its instance), or the classification
            part is a loss of PyTorch, which would train ignored anchors (label -1) too.
        ValueError: The weight is negative or not a number.

    Example:
        >>> from rankdet.losses import RankSortLoss, build_balance, build_box
        >>> box = build_box({"type": "giou", "weighting": "score"})
        >>> balance = build_balance({"type": "self-iteration"})
        >>> criterion = Criterion(RankSortLoss(), box, balance)
        >>> logits = torch.zeros(3, 2, requires_grad=True)  # 3 anchors, 2 classes
        >>> boxes = torch.tensor([[0.0, 0.0, 9.0, 9.0]], requires_grad=True)
        >>> labels, ignore = torch.tensor([1, 2, 2]), torch.zeros(3, dtype=torch.bool)
        >>> losses = criterion(logits, labels, ignore, boxes, torch.tensor([[0.0, 0, 8, 8]]))
        >>> sorted(losses)
        ['balance_weight', 'loss_bbox', 'loss_rank', 'loss_sort', 'num_pos']
    """

    def __init__(
        self, classification: nn.Module, box: BoxLoss, balance: Balance, weight: float = 1.0
    ) -> None:
        super().__init__()
        check_part(classification)
        for name, part, example in (
            ("classification", classification, "RankSortLoss()"),
            ("box", box, "build_box({'type': 'giou'})"),
            ("balance", balance, "build_balance({'type': 'self-iteration'})"),
        ):
            if not callable(part) or isinstance(part, type):
                raise TypeError(f"{name} is {kind_of(part)}; give a module, such as {example}")
        self.classification, self.box, self.balance = classification, box, balance
        self.weight = number("weight", weight)
        self.scope, self.images_per_group = "gpu", 0  # see `rankdet.losses.scope.set_rank_scope`

    def forward(
        self,
        logits: Tensor,
        labels: Tensor,
        ignore: Tensor,
        pred_boxes: Tensor,
        target_boxes: Tensor,
        extras: Mapping[str, Any] | None = None,
    ) -> dict[str, Tensor]:
        """Returns the losses (scalars), and ``balance_weight`` and ``num_pos`` without gradient.

        Args:
            logits: (A, C). A may be 0.
            labels: (A,) integers: class index in [0, C), or C for background. Where `ignore` is
                true, any integer.
            ignore: (A,) bool.
            pred_boxes: (P, 4) xyxy of the positives in order of appearance. P may be 0.
            target_boxes: (P, 4) xyxy.
            extras: optional tensors; `FlatProblem` lists them.

        Raises:
            TypeError: An input is not a tensor, or has a wrong dtype.
            ValueError: A shape or a device does not match, a class is out of range or a target box
                has swapped corners (on a CPU; on a GPU only with RANKDET_CHECKS=on), the number
                of boxes does not match the positive labels, or a part needs an entry of `extras`
                that is missing.
        """
        found = {} if extras is None else extras
        problem = FlatProblem(logits, labels, ignore, pred_boxes, target_boxes, found)
        if not self.images_per_group:
            return self._losses(problem)
        groups = [self._losses(part) for part in image_groups(problem, self.images_per_group)]
        found = {name: torch.stack([group[name] for group in groups]) for name in groups[0]}
        num_pos = found.pop("num_pos").sum()
        return {name: values.mean() for name, values in found.items()} | {"num_pos": num_pos}

    def _losses(self, problem: FlatProblem) -> dict[str, Tensor]:
        logits = problem.logits
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
        ranks = terms is None or hasattr(self.classification, "per_image")
        if self.scope == "batch" and ranks:
            problem = gathered(problem)
        if terms is not None:
            losses = checked_terms(terms(problem), problem.logits, problem.n_positives)
            return self._of_all_images(losses, problem) if self.scope == "image" else losses
        loss = classified(self.classification, problem.flat_logits, problem.flat_labels)
        return checked_terms({"loss_cls": loss}, problem.logits, problem.n_positives)

    def _of_all_images(self, losses: dict[str, Tensor], problem: FlatProblem) -> dict[str, Tensor]:
        """Divides by the mean divisor of all processes instead of this one's, for their mean."""
        if process_count() == 1 or not getattr(self.classification, "mean_of_positives", False):
            return losses
        device = problem.logits.device
        divisor = problem.n_positives if problem.divisor is None else problem.divisor
        own = torch.as_tensor(divisor, dtype=torch.float64, device=device)
        share = own / mean_over_processes(own).clamp(min=TINY)
        return {name: loss * share for name, loss in losses.items()}

    def extra_repr(self) -> str:
        """Returns the weight and the images that are ranked together; the parts follow."""
        return f"weight={self.weight!r}, scope={self.scope!r}"

    def end_epoch(self) -> None:
        """Ends an epoch of the balance."""
        self.balance.end_epoch()
