"""The losses as modules, for any trainer and as the classification part of a criterion."""

from torch import Tensor, nn

from rankdet.losses.alrp import alrp_loss
from rankdet.losses.ap import ap_loss
from rankdet.losses.ape import ape_loss_and_count
from rankdet.losses.dr import NEGATIVE_SCALE, dr_loss
from rankdet.losses.flat_problem import QUALITIES, FlatProblem
from rankdet.losses.pairwise import pairwise_error_loss
from rankdet.losses.rank_sort import rank_sort_loss


class RankingLoss(nn.Module):
    """Base class of the ranking losses.

    Args:
        per_image: in a criterion, whether to rank within each image instead of the whole batch.

    Attributes:
        mean_of_positives: Whether the loss is divided by the number of positives, or by the
            ``divisor`` that `terms` sets in the problem.
    """

    mean_of_positives = True

    def __init__(self, per_image: bool = False) -> None:
        super().__init__()
        self.per_image = per_image

    def _group(self, problem: FlatProblem) -> Tensor | None:
        return problem.flat_images if self.per_image else None

    def terms(self, problem: FlatProblem) -> dict[str, Tensor]:
        """Returns the losses of a criterion's batch: ``loss_cls``."""
        return {"loss_cls": self(problem.flat_logits, problem.flat_labels, self._group(problem))}


class APLoss(RankingLoss):
    """AP Loss. `rankdet.losses.functional.ap_loss` documents the arguments."""

    def __init__(
        self, delta: float = 1.0, interpolate: bool = True, per_image: bool = False
    ) -> None:
        super().__init__(per_image)
        self.delta, self.interpolate = delta, interpolate

    def forward(
        self,
        logits: Tensor,
        labels: Tensor,
        group: Tensor | None = None,
        max_positives: int | None = None,
    ) -> Tensor:
        """Returns the loss (a scalar)."""
        return ap_loss(
            logits,
            labels,
            delta=self.delta,
            interpolate=self.interpolate,
            group=group,
            max_positives=max_positives,
        )

    def terms(self, problem: FlatProblem) -> dict[str, Tensor]:
        """Returns ``loss_cls``. The host does not wait for a GPU: the problem knows P."""
        flat = (problem.flat_logits, problem.flat_labels)
        return {"loss_cls": self(*flat, self._group(problem), problem.n_positives)}


class ALRPLoss(RankingLoss):
    """aLRP Loss. `rankdet.losses.functional.alrp_loss` documents the other arguments.

    Args:
        tau: τ in [0, 1). In a criterion, the localisation error of a positive is its box error
            divided by ``(1 - tau)`` and by the largest possible box error. The paper uses .5, and
            .7 in an RPN.
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
        """Returns ``loss_cls`` and ``loss_bbox``.

        Raises:
            ValueError: The box error has no upper bound.
        """
        if problem.error_range is None:
            raise ValueError("aLRP Loss needs a bounded box error: use box type 'iou' or 'giou'")
        errors = problem.box_errors / (problem.error_range * (1 - self.tau))
        flat = (problem.flat_logits, problem.flat_labels)
        loss_cls, loss_loc = self(*flat, errors, self._group(problem))
        return {"loss_cls": loss_cls, "loss_bbox": loss_loc}


class RankSortLoss(RankingLoss):
    """Rank & Sort Loss. `rankdet.losses.functional.rank_sort_loss` documents the other arguments.

    Args:
        labels: in a criterion, the continuous labels of the positives (supplement, Table S6): "iou"
            of the boxes, "dice" of the masks, "mean" of both, or "binary" (1: no sorting).

    Raises:
        ValueError: `labels` is unknown.
    """

    def __init__(self, delta: float = 0.5, labels: str = "iou", per_image: bool = False) -> None:
        super().__init__(per_image)
        if labels not in QUALITIES:
            raise ValueError(f"labels are {labels!r}; known are {', '.join(QUALITIES)}")
        self.delta, self.labels = delta, labels

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        group: Tensor | None = None,
        max_positives: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Returns the ranking and the sorting loss (scalars)."""
        return rank_sort_loss(
            logits, targets, delta=self.delta, group=group, max_positives=max_positives
        )

    def terms(self, problem: FlatProblem) -> dict[str, Tensor]:
        """Returns ``loss_rank`` and ``loss_sort``."""
        flat = (problem.flat_logits, problem.flat_quality_targets(self.labels))
        ranking, sorting = self(*flat, self._group(problem), problem.n_positives)
        return {"loss_rank": ranking, "loss_sort": sorting}


class APELoss(RankingLoss):
    """APE Loss. `rankdet.losses.functional.ape_loss` documents the arguments."""

    def __init__(
        self,
        scale: float = 8.0,
        max_negatives: int = 100_000,
        numerics: str = "stable",
        per_image: bool = False,
    ) -> None:
        super().__init__(per_image)
        self.scale, self.max_negatives, self.numerics = scale, max_negatives, numerics

    def forward(
        self, logits: Tensor, labels: Tensor, ious: Tensor, group: Tensor | None = None
    ) -> Tensor:
        """Returns the loss (a scalar)."""
        return self._loss_and_count(logits, labels, ious, group)[0]

    def _loss_and_count(
        self, logits: Tensor, labels: Tensor, ious: Tensor, group: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        return ape_loss_and_count(
            logits,
            labels,
            ious,
            scale=self.scale,
            max_negatives=self.max_negatives,
            numerics=self.numerics,
            group=group,
        )

    def terms(self, problem: FlatProblem) -> dict[str, Tensor]:
        """Returns ``loss_cls``, computed with the IoUs of the boxes. Sets ``problem.divisor``."""
        flat = (problem.flat_logits, problem.flat_labels)
        loss, problem.divisor = self._loss_and_count(*flat, problem.ious, self._group(problem))
        return {"loss_cls": loss}


class PairwiseErrorLoss(RankingLoss):
    """Pairwise error. `rankdet.losses.functional.pairwise_error_loss` documents the arguments."""

    def __init__(
        self,
        distance: str = "step",
        balance: str = "rank",
        delta: float = 0.5,
        scale: float = 8.0,
        per_image: bool = False,
    ) -> None:
        super().__init__(per_image)
        self.distance, self.balance = distance, balance
        self.delta, self.scale = delta, scale

    def forward(self, logits: Tensor, labels: Tensor, group: Tensor | None = None) -> Tensor:
        """Returns the loss (a scalar)."""
        return pairwise_error_loss(
            logits,
            labels,
            distance=self.distance,
            balance=self.balance,
            delta=self.delta,
            scale=self.scale,
            group=group,
        )


class DRLoss(RankingLoss):
    """DR Loss. `rankdet.losses.functional.dr_loss` documents the other arguments.

    Args:
        per_image: in a criterion, whether the loss is the mean over images, instead of one loss of
            the whole batch.
    """

    mean_of_positives = False

    def __init__(
        self,
        margin: float = 0.5,
        positive_scale: float = 1.0,
        negative_scale: float = NEGATIVE_SCALE,
        smoothness: float = 6.0,
        weight: float = 4.0,
        per_image: bool = False,
    ) -> None:
        super().__init__(per_image)
        self.margin, self.weight, self.smoothness = margin, weight, smoothness
        self.positive_scale, self.negative_scale = positive_scale, negative_scale

    def forward(self, logits: Tensor, labels: Tensor, group: Tensor | None = None) -> Tensor:
        """Returns the loss (a scalar)."""
        return dr_loss(
            logits,
            labels,
            margin=self.margin,
            positive_scale=self.positive_scale,
            negative_scale=self.negative_scale,
            smoothness=self.smoothness,
            weight=self.weight,
            group=group,
        )
