"""AP, aLRP and Rank & Sort Loss as modules, for any trainer and as part of a criterion."""

from torch import Tensor

from rankdet.losses.alrp import TARGETS, alrp_within
from rankdet.losses.ap import ap_loss
from rankdet.losses.arguments import flag, number, one_of
from rankdet.losses.flat_problem import QUALITIES, FlatProblem
from rankdet.losses.rank_sort import rank_sort_loss
from rankdet.losses.ranking_loss import RankingLoss, of_labels


class APLoss(RankingLoss):
    """AP Loss: 1 - average precision (Chen et al., CVPR 2019), for the gradient in logits.

    Args:
        delta: half the width of the smoothed step H in logits, ≥ 0. 0 is the hard step.
        interpolate: whether to interpolate the precision-recall curve, as in the released code.
        per_image: in a criterion, whether to rank within each image instead of the whole batch.
        loss_weight: multiplies the loss, ≥ 0.
        reduction: "mean" (of the positives) or "sum" (as `RankingLoss`).

    Raises:
        ValueError: An argument is negative, not a number, or unknown.

    Example:
        >>> import torch
        >>> loss = APLoss(delta=0.5, loss_weight=2.0)
        >>> loss
        APLoss(delta=0.5, interpolate=True, per_image=False, loss_weight=2.0, reduction='mean')
        >>> logits = torch.tensor([2.0, 3.0, 0.5], requires_grad=True)
        >>> value = loss(logits, torch.tensor([1, 0, -1]))  # positive, negative, ignored
        >>> value.backward()
        >>> value.item()  # a negative is above the positive: the precision is 1/2
        1.0
    """

    def __init__(
        self,
        delta: float = 1.0,
        interpolate: bool = True,
        per_image: bool = False,
        *,
        loss_weight: float = 1.0,
        reduction: str = "mean",
    ) -> None:
        super().__init__(per_image, loss_weight=loss_weight, reduction=reduction)
        self.delta, self.interpolate = number("delta", delta), flag("interpolate", interpolate)

    def forward(
        self,
        logits: Tensor,
        labels: Tensor,
        group: Tensor | None = None,
        max_positives: int | None = None,
    ) -> Tensor:
        """Returns the loss: a scalar in [0, 1) before reduction and weight, float32 or float64.

        Shapes, dtypes and errors as in `rankdet.losses.functional.ap_loss`.

        Args:
            logits: any shape, any floating dtype.
            labels: one per logit: 1 positive, 0 negative, -1 ignored; bool, integer or floating.
            group: one integer per logit, or None.
            max_positives: an upper bound of the number of positives; with it the host
                does not wait for a GPU.
        """
        loss = ap_loss(
            logits,
            labels,
            delta=self.delta,
            interpolate=self.interpolate,
            group=group,
            max_positives=max_positives,
        )
        return self.scaled(loss, of_labels(labels))

    def terms(self, problem: FlatProblem) -> dict[str, Tensor]:
        """Returns ``loss_cls``. The problem knows P, so the host does not wait for a GPU."""
        group = self._group(problem)
        flat = (problem.flat_logits, problem.flat_labels)
        return {"loss_cls": self(*flat, group, problem.n_positives)}


class ALRPLoss(RankingLoss):
    """Average LRP (aLRP) Loss in two parts (Oksuz et al., NeurIPS 2020).

    Args:
        delta: half the width of the smoothed step H in logits, ≥ 0. 0 is the hard step.
        eps: a positive whose sum FP is at most this gets no gradient, ≥ 0.
        target: "localisation" (Eq. 12), or "zero", the wrong target that appendix G.3 studies.
        tau: τ in [0, 1). A localisation error is a box error divided by ``1 - tau`` and by the
            largest possible box error, so it is at most ``1 / (1 - tau)``. A criterion computes it
            in this way. The paper uses .5, and .7 in an RPN.
        per_image: in a criterion, whether to rank within each image instead of the whole batch.
        loss_weight: multiplies both parts, ≥ 0.
        reduction: "mean" (of the positives) or "sum" (as `RankingLoss`).

    Raises:
        ValueError: An argument is out of its range, not a number, or unknown.

    Example:
        >>> import torch
        >>> logits = torch.tensor([2.0, 1.0, -1.0], requires_grad=True)
        >>> iou = torch.tensor([0.8, 0.9], requires_grad=True)  # of the two positives
        >>> loss_cls, loss_loc = ALRPLoss()(logits, torch.tensor([1, 1, 0]), (1 - iou) / (1 - 0.5))
        >>> (loss_cls + loss_loc).backward()
        >>> round(loss_loc.item(), 2)  # (0.4 + (0.4 + 0.2) / 2) / 2
        0.35
    """

    def __init__(
        self,
        delta: float = 1.0,
        eps: float = 1e-5,
        target: str = "localisation",
        tau: float = 0.5,
        per_image: bool = False,
        *,
        loss_weight: float = 1.0,
        reduction: str = "mean",
    ) -> None:
        super().__init__(per_image, loss_weight=loss_weight, reduction=reduction)
        self.delta, self.eps = number("delta", delta), number("eps", eps)
        self.target, self.tau = one_of("target", target, TARGETS), number("tau", tau)
        if tau >= 1:
            raise ValueError(f"tau is {tau!r}; give a number in [0, 1)")

    def forward(
        self, logits: Tensor, labels: Tensor, loc_errors: Tensor, group: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Returns loss_cls and loss_loc (scalars, float32 or float64).

        Shapes, dtypes and errors as in `rankdet.losses.functional.alrp_loss`.

        Args:
            logits: any shape, any floating dtype.
            labels: one per logit: 1 positive, 0 negative, -1 ignored; bool, integer or floating.
            loc_errors: (P,) of the positives in order of appearance, in [0, 1 / (1 - tau)].
            group: one integer per logit, or None.

        Raises:
            ValueError: Also: a localisation error is NaN or outside its range (on a CPU).
        """
        return self._losses(logits, labels, loc_errors, group, 1 / (1 - self.tau))

    def _losses(
        self,
        logits: Tensor,
        labels: Tensor,
        loc_errors: Tensor,
        group: Tensor | None,
        largest: float | None = None,
    ) -> tuple[Tensor, Tensor]:
        loss_cls, loss_loc = alrp_within(
            logits,
            labels,
            loc_errors,
            delta=self.delta,
            eps=self.eps,
            target=self.target,
            group=group,
            largest=largest,
        )
        count = of_labels(labels)
        return self.scaled(loss_cls, count), self.scaled(loss_loc, count)

    def terms(self, problem: FlatProblem) -> dict[str, Tensor]:
        """Returns ``loss_cls`` and ``loss_bbox``.

        Raises:
            ValueError: The box error has no upper bound.
        """
        group = self._group(problem)
        if problem.error_range is None:
            raise ValueError("aLRP Loss needs a bounded box error: use box type 'iou' or 'giou'")
        errors = problem.of_positives("box_errors") / (problem.error_range * (1 - self.tau))
        flat = (problem.flat_logits, problem.flat_labels)
        loss_cls, loss_loc = self._losses(*flat, errors, group)
        return {"loss_cls": loss_cls, "loss_bbox": loss_loc}


class RankSortLoss(RankingLoss):
    """Rank & Sort Loss in two parts (Oksuz et al., ICCV 2021).

    Args:
        delta: half the width of the smoothed step H in logits, ≥ 0. 0 is the hard step.
        labels: in a criterion, the continuous labels of the positives (supplement, Table S6): "iou"
            of the boxes, "dice" of the masks, "mean" of both, or "binary" (1: no sorting).
        per_image: in a criterion, whether to rank within each image instead of the whole batch.
        loss_weight: multiplies both parts, ≥ 0.
        reduction: "mean" (of the positives) or "sum" (as `RankingLoss`).

    Raises:
        ValueError: An argument is negative, not a number, or unknown.

    Example:
        >>> import torch
        >>> logits = torch.tensor([2.0, 1.0, -1.0], requires_grad=True)
        >>> targets = torch.tensor([0.6, 0.8, 0.0])  # the lower positive has the better box
        >>> ranking, sorting = RankSortLoss()(logits, targets)
        >>> (ranking + sorting).backward()
        >>> ranking.item(), sorting.item() > 0
        (0.0, True)
    """

    def __init__(
        self,
        delta: float = 0.5,
        labels: str = "iou",
        per_image: bool = False,
        *,
        loss_weight: float = 1.0,
        reduction: str = "mean",
    ) -> None:
        super().__init__(per_image, loss_weight=loss_weight, reduction=reduction)
        self.delta, self.labels = number("delta", delta), one_of("labels", labels, QUALITIES)

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        group: Tensor | None = None,
        max_positives: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Returns the ranking and the sorting loss (scalars, float32 or float64).

        Shapes, dtypes and errors as in `rankdet.losses.functional.rank_sort_loss`.

        Args:
            logits: any shape, any floating dtype.
            targets: one per logit: the quality (IoU) of a positive in (0, 1], 0 negative, -1
                ignored.
            group: one integer per logit, or None.
            max_positives: an upper bound of the number of positives; with it the host
                does not wait for a GPU.
        """
        ranking, sorting = rank_sort_loss(
            logits, targets, delta=self.delta, group=group, max_positives=max_positives
        )
        count = of_labels(targets)
        return self.scaled(ranking, count), self.scaled(sorting, count)

    def terms(self, problem: FlatProblem) -> dict[str, Tensor]:
        """Returns ``loss_rank`` and ``loss_sort``."""
        group = self._group(problem)
        flat = (problem.flat_logits, problem.flat_quality_targets(self.labels))
        ranking, sorting = self(*flat, group, problem.n_positives)
        return {"loss_rank": ranking, "loss_sort": sorting}
