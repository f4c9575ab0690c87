"""NDCG Loss (aLRP paper, appendix D): an example of a new ranking loss."""

import torch
from torch import Tensor

from rankdet.losses.error_driven_loss import ErrorDrivenRankingLoss
from rankdet.losses.ranks import Ranking


class NDCGLoss(ErrorDrivenRankingLoss):
    """``1 - Σ_i G_i / G_max`` with ``G_i = 1 / log2(1 + rank_i)`` (aLRP paper, appendix D).

    The arguments, shapes and errors are those of `ErrorDrivenRankingLoss`. Two errors of the paper
    are corrected: ``G_max`` is ``Σ_{i=1..P} 1 / log2(1 + i)``, and the update is
    ``-(1 - G_i) / G_max`` (with the sign of A.41-A.42 the loss would rise).

    Example:
        >>> loss = NDCGLoss(delta=0.5)
        >>> loss
        NDCGLoss(delta=0.5, eps=0.0, per_image=False, loss_weight=1.0)
        >>> loss(torch.tensor([2.0, -1.0, 0.5]), torch.tensor([1, 0, -1])).item()
        0.0
    """

    def error(self, ranks: Ranking) -> Tensor:
        """Returns each positive's share of the loss, ``1 / P - G_i / G_max`` (A.38)."""
        return 1 / len(ranks) - 1 / torch.log2(1 + ranks.rank) / self._largest_gain(ranks)

    def target(self, ranks: Ranking) -> Tensor:
        """Returns the same at rank 1, where the gain is 1 (A.39)."""
        return (1 / len(ranks) - 1 / self._largest_gain(ranks)).expand(len(ranks))

    def normaliser(self, ranks: Ranking) -> float:
        """Returns 1, because NDCG is normalised by definition."""
        return 1.0

    def _largest_gain(self, ranks: Ranking) -> Tensor:
        best_ranks = torch.arange(1, len(ranks) + 1, device=ranks.scores.device).double()
        return (1 / torch.log2(1 + best_ranks)).sum()


def ndcg_loss(
    logits: Tensor, labels: Tensor, *, delta: float = 1.0, group: Tensor | None = None
) -> Tensor:
    """NDCG Loss: 1 - normalised discounted cumulative gain, with error-driven gradients.

    aLRP paper, appendix D; `NDCGLoss` has the equation.

    Args:
        logits: any shape, any floating dtype. Computed in float32, or float64 for float64 logits.
        labels: one per logit: 1 positive, 0 negative, -1 ignored.
        delta: half the width of the smoothed step H, ≥ 0. 0 is the hard step.
        group: one integer per logit, such as an image index. Ranks are then taken within each
            group. A group's weight is its share of the positives.

    Returns:
        Scalar in [0, 1), float32 (float64 for float64 logits). Without positives it is 0 and
        connected to the graph.

    Raises:
        TypeError: The logits are not of a floating dtype.
        ValueError: delta is negative, or the number of labels or groups does not match.

    Example:
        >>> logits = torch.tensor([2.0, -1.0, 0.5], requires_grad=True)
        >>> ndcg_loss(logits, torch.tensor([1, 0, -1])).backward()
    """
    return NDCGLoss(delta)(logits, labels, group)
