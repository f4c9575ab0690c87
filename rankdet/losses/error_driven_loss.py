"""aLRP's Algorithm 1 as a base class: a new ranking loss defines an error and its target."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rankdet.losses.arguments import number
from rankdet.losses.checks import check, check_labels
from rankdet.losses.error_driven import attach, ranked_groups, total
from rankdet.losses.operators import kept_eager
from rankdet.losses.ranking_loss import RankingLoss
from rankdet.losses.ranks import Ranking
from rankdet.losses.tensors import check_inputs


class ErrorDrivenRankingLoss(RankingLoss):
    """``L = (1/Z) Σ_i ℓ(i)`` over the positives, optimised by error-driven updates.

    A subclass defines the error ℓ of a positive (`error`) and the error ℓ* that it would have if it
    were ranked correctly (`target`). The gradient is ``Δx_ij = (ℓ*(i) - ℓ(i)) p(j|i)`` (aLRP,
    Algorithm 1). The gradients of positives and negatives are then balanced (Theorem 2). p(j|i) is
    proportional to ``u_j H(s_j - s_i)``, where u is `emphasis`.

    Args:
        delta: half the width of the smoothed step H, ≥ 0. 0 is the hard step.
        eps: a positive whose sum of ``u_j H(s_j - s_i)`` is at most this gets no gradient.
        per_image: in a criterion, whether to rank within each image instead of the whole batch.
        loss_weight: multiplies the loss, ≥ 0. There is no `reduction`: `normaliser` says what the
            loss is divided by.

    Raises:
        ValueError: delta, eps or the weight is negative or not a number.

    Example:
        >>> class PrecisionLoss(ErrorDrivenRankingLoss):  # AP Loss without interpolation
        ...     def error(self, ranks):
        ...         return ranks.false_positives / ranks.rank
        >>> logits = torch.tensor([2.0, -1.0], requires_grad=True)
        >>> PrecisionLoss()(logits, torch.tensor([1, 0])).backward()
    """

    def __init__(
        self,
        delta: float = 1.0,
        eps: float = 0.0,
        per_image: bool = False,
        *,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(per_image, loss_weight=loss_weight)
        self.delta, self.eps = number("delta", delta), number("eps", eps)

    def error(self, ranks: Ranking) -> Tensor:
        """Returns ℓ(i) of each positive, float64 (P,)."""
        raise NotImplementedError(f"{type(self).__name__} must define the method `error`")

    def target(self, ranks: Ranking) -> Tensor:
        """Returns ℓ*(i) of each positive, float64 (P,). The default is 0."""
        return torch.zeros_like(ranks.false_positives)

    def normaliser(self, ranks: Ranking) -> float:
        """Returns Z. The default is P."""
        return len(ranks)

    def emphasis(self, negatives: Tensor) -> Tensor:
        """Returns u_j ≥ 0 for the logits of negatives. The default is 1."""
        return torch.ones_like(negatives)

    @kept_eager
    @torch.no_grad()
    def _make(self, logits: Tensor, labels: Tensor, group: Tensor | None) -> list[Tensor]:
        check(logits, labels, group, self.delta)
        check_labels(labels)
        uniform = type(self).emphasis is ErrorDrivenRankingLoss.emphasis

        def parts() -> Iterator[tuple[Tensor, Tensor]]:
            for ranks, _, n_positives in ranked_groups(logits, labels, self.delta, group):
                normaliser = self.normaliser(ranks) * (n_positives / len(ranks))
                error = self.error(ranks)
                excess = error - self.target(ranks)
                emphasis = None if uniform else self.emphasis
                gradient = ranks.distribute(excess, normaliser, self.eps, emphasis)
                yield error.sum() / normaliser, gradient

        return total(logits, parts(), 1)

    def forward(self, logits: Tensor, labels: Tensor, group: Tensor | None = None) -> Tensor:
        """Returns the loss: a scalar, float32 (float64 for float64 logits).

        Without positives it is 0 and connected to the graph.

        Args:
            logits: any shape, any floating dtype.
            labels: one per logit: 1 positive, 0 negative, -1 ignored; bool, integer or floating.
            group: one integer per logit, such as an image index. Ranks are then taken within each
                group. A group's weight is its share of the positives.

        Raises:
            TypeError: The logits are not of a floating dtype.
            ValueError: delta is negative, the number of labels or groups does not match, or a label
                has another value (on a CPU; on a GPU only with RANKDET_CHECKS=on).
        """
        check_inputs(logits, labels, group)
        (loss,) = attach(logits, *self._make(logits.detach(), labels, group))
        return self.scaled(loss)
