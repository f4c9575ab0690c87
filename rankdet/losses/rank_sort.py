"""Rank & Sort Loss (Oksuz et al., ICCV 2021)."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rankdet.losses import lookup
from rankdet.losses.bins import StepBins
from rankdet.losses.error_driven import attach, problems, ranking_op, total
from rankdet.losses.ranks import Ranking

EPS = 1e-10
TILE = 1 << 15  # elements of P x P handled at a time on a CPU (float64: they stay in its cache)
ROWS = 32  # and no more rows than this, so that few positives take little memory
TILE_ELSEWHERE = 1 << 23


def _sort(ranks: Ranking, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Sorting error of each positive above its target, and the gradient of their sum.

    A positive i answers for the positives above it: ``ℓ_S(i)`` is the mean ``1 - y`` of all of
    them, ``ℓ*_S(i)`` the mean over those with a label at least its own (ties included). What is
    too much is laid on those with a smaller label (S14-S16). That condition makes it a sum over
    pairs, half of P x P once the positives are in rising order of label; it is taken in tiles.

    Args:
        ranks: the problem.
        labels: (P,) continuous labels y in (0, 1].

    Returns:
        float64 (P,) ``ℓ_S - ℓ*_S``, and (P,) the gradient, both in order of appearance.
    """
    labels, order = labels.double().sort()
    scores, errors = ranks.scores[order].double(), 1 - labels
    bins = StepBins(scores, ranks.delta)
    terms = torch.stack([torch.ones_like(errors), errors], 1)
    everyone = torch.stack([bins.sums(scores, term) for term in terms.T], 1)
    losses, gradient = torch.zeros_like(scores), torch.zeros_like(scores)
    cpu = lookup.on_cpu(scores)
    rows = max(1, min(ROWS, TILE // len(scores)) if cpu else TILE_ELSEWHERE // len(scores))
    for start in range(0, len(scores), rows):
        own = slice(start, start + rows)
        lower = slice(0, min(own.stop, len(scores)))  # nobody after has a smaller label
        worse = bins.step(scores[lower] - scores[own, None])
        first = int(torch.searchsorted(labels, labels[start])) if cpu else 0
        worse[:, first:] *= labels[first : lower.stop] < labels[own, None]
        blamed = worse @ terms[lower]
        better = everyone[own] - blamed
        excess = everyone[own, 1] / everyone[own, 0] - better[:, 1] / better[:, 0]
        excess = torch.where(blamed[:, 0] <= EPS, 0.0, excess)  # keeps NaN
        losses[own] = excess
        gradient[own] -= excess
        gradient[lower] += (excess / blamed[:, 0].clamp(min=EPS)) @ worse
    back = torch.empty_like(order)
    back[order] = torch.arange(len(order), device=order.device)
    return losses[back], gradient[back]


@ranking_op("rank_sort_loss", n_losses=2)
def _rank_sort(
    logits: Tensor, targets: Tensor, group: Tensor | None, delta: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    labels = targets.reshape(-1).sign().to(torch.int8)  # an IoU of exactly 0 makes a negative

    def parts() -> Iterator[tuple[Tensor, ...]]:
        for ranks, _, n in problems(logits, labels, delta, group):
            # rank⁺ of the released code counts a positive itself as H(0), not as 1.
            rank = ranks.rank - 1 + ranks.bins.self_step
            ranking = ranks.false_positives / rank
            by_ranking = ranks.distribute(ranking, n, EPS)
            ranks.forget_negatives()  # sorting is among positives: no need for both at a time
            sorting, gradient = _sort(ranks, targets.reshape(-1)[ranks.positives])
            by_sorting = ranks.gradient(gradient / n, None)
            yield ranking.sum() / n, sorting.sum() / n, by_ranking, by_sorting

    ranking, sorting, by_ranking, by_sorting = total(logits, parts(), 2)
    return ranking, sorting, by_ranking, by_sorting


def rank_sort_loss(
    logits: Tensor, targets: Tensor, *, delta: float = 0.5, group: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Rank & Sort Loss: rank positives above negatives, sort positives by their quality.

    ``ℓ_R(i) = FP_i / rank_i``; ``ℓ_S(i) = Σ_k H(s_k - s_i)(1 - y_k) / rank⁺_i`` less its target.
    As released, ``rank⁺_i = Σ_k H(s_k - s_i)`` includes the positive itself as ``H(0)`` = 1/2, so
    the .24 of the supplement's Fig. S1 appears at delta 0, where ``H(0) = 1``.

    Args:
        logits: any shape, any floating dtype; the mathematics is float32 (float64 for float64).
        targets: as many: the quality (IoU) of a positive in (0, 1], 0 negative, -1 ignored. A
            positive whose quality is exactly 0 is a negative.
        delta: half the width of the smoothed step H; 0 is the hard step.
        group: an integer per logit: rank within a group (an image) instead of the whole batch.

    Returns:
        Ranking and sorting loss, scalars; each has its own gradient, and that of the sum is the
        released one. Zeros, connected to the graph, if there is no positive.
    """
    ranking, sorting = attach(logits, *_rank_sort(logits.detach(), targets.detach(), group, delta))
    return ranking, sorting
