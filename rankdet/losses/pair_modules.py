"""APE Loss, the pairwise errors and DR Loss as modules, for any trainer and in a criterion."""

from torch import Tensor

from rankdet.losses.ape import NUMERICS, ape_loss_and_count
from rankdet.losses.arguments import number, one_of, whole
from rankdet.losses.dr import NEGATIVE_SCALE, dr_loss
from rankdet.losses.flat_problem import FlatProblem
from rankdet.losses.pairwise import BALANCES, DISTANCES, pairwise_error_loss
from rankdet.losses.ranking_loss import RankingLoss, of_labels


class APELoss(RankingLoss):
    """Adaptive Pairwise Error (APE) Loss (Xu et al., CVPR 2022).

    Args:
        scale: λ > 0, multiplies the differences of logits.
        max_negatives: Q ≥ 1, the number of highest negatives to keep.
        numerics: "stable" is exact; "official" saturates as the released code does.
        per_image: in a criterion, whether to rank within each image instead of the whole batch.
        loss_weight: multiplies the loss, ≥ 0.
        reduction: "mean" or "sum" (as `RankingLoss`): of the M positives that have a pair.

    Raises:
        ValueError: An argument is out of its range, not a number, or unknown.

    Example:
        >>> import torch
        >>> logits = torch.tensor([2.0, 1.0, -1.0], requires_grad=True)
        >>> ious = torch.tensor([0.6, 0.8])  # of the two positives
        >>> APELoss()(logits, torch.tensor([1, 1, 0]), ious).backward()
        >>> bool(logits.grad[0] > 0)  # the positive with the worse box is too high
        True
    """

    def __init__(
        self,
        scale: float = 8.0,
        max_negatives: int = 100_000,
        numerics: str = "stable",
        per_image: bool = False,
        *,
        loss_weight: float = 1.0,
        reduction: str = "mean",
    ) -> None:
        super().__init__(per_image, loss_weight=loss_weight, reduction=reduction)
        self.scale = number("scale", scale, above=0)
        self.max_negatives = whole("max_negatives", max_negatives, 1)
        self.numerics = one_of("numerics", numerics, NUMERICS)

    def forward(
        self, logits: Tensor, labels: Tensor, ious: Tensor, group: Tensor | None = None
    ) -> Tensor:
        """Returns the loss: a scalar ≥ 0, float32 or float64.

        Shapes, dtypes and errors as in `rankdet.losses.functional.ape_loss`.

        Args:
            logits: any shape, any floating dtype.
            labels: one per logit: 1 positive, 0 negative, -1 ignored; bool, integer or floating.
            ious: (P,) in [0, 1], of the positives in order of appearance.
            group: one integer per logit, or None.
        """
        return self._loss_and_count(logits, labels, ious, group, True)[0]

    def _loss_and_count(
        self,
        logits: Tensor,
        labels: Tensor,
        ious: Tensor,
        group: Tensor | None,
        checked: bool = False,
    ) -> tuple[Tensor, Tensor]:
        loss, count = ape_loss_and_count(
            logits,
            labels,
            ious,
            scale=self.scale,
            max_negatives=self.max_negatives,
            numerics=self.numerics,
            group=group,
            checked=checked,
        )
        return self.scaled(loss, lambda: count), count

    def terms(self, problem: FlatProblem) -> dict[str, Tensor]:
        """Returns ``loss_cls``, computed with the IoUs of the boxes. Sets ``problem.divisor``."""
        group, ious = self._group(problem), problem.of_positives("ious")
        flat = (problem.flat_logits, problem.flat_labels)
        loss, problem.divisor = self._loss_and_count(*flat, ious, group)
        return {"loss_cls": loss}


class PairwiseErrorLoss(RankingLoss):
    """The pairwise errors of the APE paper's Tables 1-2 (Xu et al., CVPR 2022, Eq. 8).

    Args:
        distance: "step", "sigmoid" or "cross_entropy".
        balance: "rank" or "negatives".
        delta: half the width of the step in logits, ≥ 0.
        scale: λ > 0 of the sigmoid.
        per_image: in a criterion, whether to rank within each image instead of the whole batch.
        loss_weight: multiplies the loss, ≥ 0.
        reduction: "mean" (of the positives) or "sum" (as `RankingLoss`).

    Raises:
        ValueError: An argument is out of its range, not a number, or unknown.

    Example:
        >>> import torch
        >>> logits = torch.tensor([2.0, 3.0, 0.5], requires_grad=True)
        >>> loss = PairwiseErrorLoss(distance="sigmoid", balance="negatives", reduction="sum")
        >>> loss(logits, torch.tensor([1, 0, -1])).backward()
        >>> bool(logits.grad[0] < 0 < logits.grad[1])
        True
    """

    def __init__(
        self,
        distance: str = "step",
        balance: str = "rank",
        delta: float = 0.5,
        scale: float = 8.0,
        per_image: bool = False,
        *,
        loss_weight: float = 1.0,
        reduction: str = "mean",
    ) -> None:
        super().__init__(per_image, loss_weight=loss_weight, reduction=reduction)
        self.distance = one_of("distance", distance, DISTANCES)
        self.balance = one_of("balance", balance, BALANCES)
        self.delta, self.scale = number("delta", delta), number("scale", scale, above=0)

    def forward(self, logits: Tensor, labels: Tensor, group: Tensor | None = None) -> Tensor:
        """Returns the loss: a scalar ≥ 0, float32 or float64.

        Shapes, dtypes and errors as in `rankdet.losses.functional.pairwise_error_loss`.

        Args:
            logits: any shape, any floating dtype.
            labels: one per logit: 1 positive, 0 negative, -1 ignored; bool, integer or floating.
            group: one integer per logit, or None.
        """
        loss = pairwise_error_loss(
            logits,
            labels,
            distance=self.distance,
            balance=self.balance,
            delta=self.delta,
            scale=self.scale,
            group=group,
        )
        return self.scaled(loss, of_labels(labels))


class DRLoss(RankingLoss):
    """DR Loss: distributional ranking, a baseline (Qian et al., CVPR 2020).

    It compares two expected scores, so it is not a mean over positives and has no `reduction`.

    Args:
        margin: γ.
        positive_scale: λ_pos > 0.
        negative_scale: λ_neg > 0.
        smoothness: L > 0 of the smoothed hinge.
        weight: τ ≥ 0 of the paper.
        per_image: in a criterion, whether the loss is the mean over images, instead of one loss of
            the whole batch.
        loss_weight: multiplies the loss, ≥ 0.

    Raises:
        ValueError: An argument is out of its range or not a number.

    Example:
        >>> import torch
        >>> logits = torch.tensor([2.0, -1.0, 0.5], requires_grad=True)
        >>> DRLoss(margin=0.5)(logits, torch.tensor([1, 0, -1])).backward()
        >>> bool(logits.grad[0] < 0 < logits.grad[1])
        True
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
        *,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(per_image, loss_weight=loss_weight)
        self.margin = number("margin", margin, least=-float("inf"))
        self.positive_scale = number("positive_scale", positive_scale, above=0)
        self.negative_scale = number("negative_scale", negative_scale, above=0)
        self.smoothness = number("smoothness", smoothness, above=0)
        self.weight = number("weight", weight)

    def forward(self, logits: Tensor, labels: Tensor, group: Tensor | None = None) -> Tensor:
        """Returns the loss: a scalar ≥ 0, float32 or float64.

        Shapes, dtypes and errors as in `rankdet.losses.functional.dr_loss`.

        Args:
            logits: any shape, any floating dtype.
            labels: one per logit: 1 positive, 0 negative, -1 ignored; bool, integer or floating.
            group: one integer per logit, or None.
        """
        loss = dr_loss(
            logits,
            labels,
            margin=self.margin,
            positive_scale=self.positive_scale,
            negative_scale=self.negative_scale,
            smoothness=self.smoothness,
            weight=self.weight,
            group=group,
        )
        return self.scaled(loss)
