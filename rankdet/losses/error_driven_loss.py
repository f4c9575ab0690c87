"""aLRP's Algorithm 1 as a base class: a new ranking-based loss is an error and its target."""

import sys
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from rankdet.losses.error_driven import attach, problems, total
from rankdet.losses.modules import RankingLoss
from rankdet.losses.ranks import Ranking


def _kept_eager(method: Callable[..., Any]) -> Callable[..., Any]:
    """Keeps a method out of compiled graphs, as `torch.compiler.disable` does.

    That one loads the whole compiler when it decorates, a second of every start; here it is asked
    only once something has been compiled.
    """

    @wraps(method)
    def call(*args: Any) -> Any:
        if "torch._dynamo" in sys.modules:
            return torch.compiler.disable(method)(*args)
        return method(*args)

    return call


class ErrorDrivenRankingLoss(RankingLoss):
    """``L = (1/Z) Σ_i ℓ(i)`` over the positives, optimised by error-driven update.

    Say what is wrong with a positive (`error`, ℓ) and what would be if it were ranked properly
    (`target`, ℓ*); ``Δx_ij = (ℓ*(i) - ℓ(i)) p(j|i)`` is then the gradient (aLRP, Algorithm 1), and
    positives and negatives are balanced (Theorem 2). p is ``u_j H(s_j - s_i)`` over its sum, with
    `emphasis` u; in this form it costs no more than a histogram.

    Args:
        delta: half the width of the smoothed step H.
        eps: positives with no more false positives than this get no gradient.
        per_image: as part of a criterion, rank within images instead of the whole batch.
    """

    def __init__(self, delta: float = 1.0, eps: float = 0.0, per_image: bool = False) -> None:
        super().__init__(per_image)
        self.delta, self.eps = delta, eps

    def error(self, ranks: Ranking) -> Tensor:
        """Returns ℓ(i) of each positive, float64 (P,)."""
        raise NotImplementedError(f"{type(self).__name__} does not say its error")

    def target(self, ranks: Ranking) -> Tensor:
        """Returns ℓ*(i), float64 (P,): by default 0."""
        return torch.zeros_like(ranks.false_positives)

    def normaliser(self, ranks: Ranking) -> float:
        """Returns Z: by default P."""
        return len(ranks)

    def emphasis(self, negatives: Tensor) -> Tensor:
        """Returns u_j ≥ 0 given negatives' logits: by default 1, an equal share to each."""
        return torch.ones_like(negatives)

    @_kept_eager
    @torch.no_grad()
    def _make(self, logits: Tensor, labels: Tensor, group: Tensor | None) -> list[Tensor]:
        even = type(self).emphasis is ErrorDrivenRankingLoss.emphasis

        def parts() -> Iterator[tuple[Tensor, Tensor]]:
            for ranks, _, n_positives in problems(logits, labels, self.delta, group):
                normaliser = self.normaliser(ranks) * (n_positives / len(ranks))
                error = self.error(ranks)
                excess = error - self.target(ranks)
                emphasis = None if even else self.emphasis
                gradient = ranks.distribute(excess, normaliser, self.eps, emphasis)
                yield error.sum() / normaliser, gradient

        return total(logits, parts(), 1)

    def forward(self, logits: Tensor, labels: Tensor, group: Tensor | None = None) -> Tensor:
        """Returns the loss.

        Args:
            logits: any shape, any floating dtype.
            labels: as many: 1 positive, 0 negative, -1 ignored.
            group: an integer per logit: rank within groups; each counts by its share of positives.
        """
        (loss,) = attach(logits, *self._make(logits.detach(), labels, group))
        return loss
