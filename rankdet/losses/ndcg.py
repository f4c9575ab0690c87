"""NDCG Loss (aLRP paper, appendix D): what a ranking loss of one's own takes."""

import torch
from torch import Tensor

from rankdet.losses.error_driven_loss import ErrorDrivenRankingLoss
from rankdet.losses.ranks import Ranking


class NDCGLoss(ErrorDrivenRankingLoss):
    """``1 - Σ_i G_i / G_max`` with ``G_i = 1 / log2(1 + rank_i)``; arguments as the base class.

    Two slips of the paper are set right: ``G_max`` is ``Σ_{i=1..P} 1 / log2(1 + i)``, and the
    update is ``-(1 - G_i) / G_max``, so that the gradient descends (A.41-A.42 flip its sign).
    """

    def error(self, ranks: Ranking) -> Tensor:
        """Each positive's share of the largest gain, less its own gain (A.38)."""
        return 1 / len(ranks) - 1 / torch.log2(1 + ranks.rank) / self._largest_gain(ranks)

    def target(self, ranks: Ranking) -> Tensor:
        """The same at rank 1, where the gain is 1 (A.39)."""
        return (1 / len(ranks) - 1 / self._largest_gain(ranks)).expand(len(ranks))

    def normaliser(self, ranks: Ranking) -> float:
        """NDCG is normalised by definition."""
        return 1.0

    def _largest_gain(self, ranks: Ranking) -> Tensor:
        places = torch.arange(1, len(ranks) + 1, device=ranks.scores.device).double()
        return (1 / torch.log2(1 + places)).sum()


def ndcg_loss(
    logits: Tensor, labels: Tensor, *, delta: float = 1.0, group: Tensor | None = None
) -> Tensor:
    """NDCG Loss: 1 - normalised discounted cumulative gain, with error-driven gradients.

    Args:
        logits: any shape, any floating dtype; the mathematics is float32 (float64 for float64).
        labels: same number of elements: 1 positive, 0 negative, -1 ignored.
        delta: half the width of the smoothed step H; 0 is the hard step.
        group: an integer per logit: rank within a group (an image) instead of the whole batch;
            each group counts by its share of the positives.

    Returns:
        Scalar in [0, 1), float32 (float64 for float64); 0, connected to the graph, if no positive.
    """
    return NDCGLoss(delta)(logits, labels, group)
