"""Rank & Sort Loss (Oksuz et al., ICCV 2021)."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rankdet.losses import device, kernels
from rankdet.losses.checks import check, check_labels
from rankdet.losses.error_driven import attach, ranked_groups, total
from rankdet.losses.operators import ranking_op
from rankdet.losses.ranks import Ranking
from rankdet.losses.step_bins import StepBins
from rankdet.losses.tensors import check_inputs

EPS = 1e-10
TILE = 1 << 15  # elements of P x P in a tile on a CPU (as float64 they fit in its cache)
ROWS = 32  # at most so many rows, so that few positives take little memory
TILE_ON_GPU = 1 << 23


def _sort(ranks: Ranking, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the sorting error of each positive above its target, and the gradient of the sum.

    ``ℓ_S(i)`` is the mean of ``1 - y`` over all positives ranked above i. Its target ``ℓ*_S(i)`` is
    the mean over those of them with a label of at least y_i. The difference is distributed over the
    positives above i with a smaller label (S14-S16). This is a sum over pairs of positives. With
    the positives sorted by label it needs half of P x P, which is computed in tiles.

    Args:
        ranks: the ranks of the positives.
        labels: (P,) continuous labels y in (0, 1].

    Returns:
        ``ℓ_S - ℓ*_S`` and the gradient, both (P,) float64 in order of appearance.
    """
    labels, order = labels.double().sort()
    scores, errors = ranks.scores[order].double(), 1 - labels
    bins = StepBins(scores, ranks.delta)
    terms = torch.stack([torch.ones_like(errors), errors], 1)
    everyone = torch.stack([bins.sums(scores, term) for term in terms.T], 1)
    losses, gradient = torch.zeros_like(scores), torch.zeros_like(scores)
    cpu = device.on_cpu(scores)
    rows = max(1, min(ROWS, TILE // len(scores)) if cpu else TILE_ON_GPU // len(scores))
    for start in range(0, len(scores), rows):
        own = slice(start, start + rows)
        lower = slice(0, min(own.stop, len(scores)))  # later positives have no smaller label
        worse = bins.step(scores[lower] - scores[own, None])
        first = int(torch.searchsorted(labels, labels[start])) if cpu else 0
        worse[:, first:] *= labels[first : lower.stop] < labels[own, None]
        blamed = worse @ terms[lower]
        better = everyone[own] - blamed
        excess = everyone[own, 1] / everyone[own, 0] - better[:, 1] / better[:, 0]
        excess = torch.where(blamed[:, 0] <= EPS, 0.0, excess)  # a NaN stays NaN
        losses[own] = excess
        gradient[own] -= excess
        gradient[lower] += (excess / blamed[:, 0].clamp(min=EPS)) @ worse
    back = torch.empty_like(order)
    back[order] = torch.arange(len(order), device=order.device)
    return losses[back], gradient[back]


@ranking_op("rank_sort_loss", n_losses=2)
def _rank_sort(
    logits: Tensor,
    targets: Tensor,
    group: Tensor | None,
    delta: float,
    max_positives: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    check(logits, targets, group, delta, max_positives, "targets")
    check_labels(targets, soft=True)
    made = kernels.rank_sort(logits, targets, group, delta, EPS, max_positives)
    if made is not None:
        return made
    labels = targets.reshape(-1).sign().to(torch.int8)  # a positive with IoU 0 becomes a negative

    def parts() -> Iterator[tuple[Tensor, ...]]:
        for ranks, _, n in ranked_groups(logits, labels, delta, group, max_positives):
            # In the released code a positive adds H(0) to its own rank⁺, not 1.
            rank = ranks.rank - 1 + ranks.bins.self_step
            ranking = ranks.false_positives / rank
            by_ranking = ranks.distribute(ranking, n, EPS)
            ranks.forget_negatives()  # sorting needs only the positives: this lowers the peak
            sorting, gradient = _sort(ranks, targets.reshape(-1)[ranks.positives])
            wrong = ranking.isnan()  # NaN among the logits: then both parts are NaN
            sorting, gradient = (part.masked_fill(wrong, torch.nan) for part in (sorting, gradient))
            by_sorting = ranks.gradient(gradient / n, None)
            yield ranking.sum() / n, sorting.sum() / n, by_ranking, by_sorting

    ranking, sorting, by_ranking, by_sorting = total(logits, parts(), 2)
    return ranking, sorting, by_ranking, by_sorting


def rank_sort_loss(
    logits: Tensor,
    targets: Tensor,
    *,
    delta: float = 0.5,
    group: Tensor | None = None,
    max_positives: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Rank & Sort Loss: ranks positives above negatives, and sorts positives by their quality.

    Oksuz et al., ICCV 2021. ``ℓ_R(i) = FP_i / rank_i`` and
    ``ℓ_S(i) = Σ_k H(s_k - s_i)(1 - y_k) / rank⁺_i``, minus its target (S4-S16). As released,
    ``rank⁺_i = Σ_k H(s_k - s_i)`` includes the positive itself as ``H(0) = 1/2``. The value .24 of
    the supplement's Fig. S1 therefore appears at delta 0, where ``H(0) = 1``.

    Args:
        logits: any shape, any floating dtype. Computed in float32, or float64 for float64 logits.
        targets: one per logit: the quality (IoU) of a positive in (0, 1], 0 negative, -1 ignored.
            A positive whose quality is exactly 0 is a negative.
        delta: half the width of the smoothed step H, ≥ 0. 0 is the hard step.
        group: one integer per logit, such as an image index. Ranks are then taken within each
            group instead of the whole batch.
        max_positives: an upper bound of the number of positives. With it, the host does not wait
            for a GPU, and the loss can be captured in a CUDA graph. If there are more positives,
            the loss is NaN on a GPU, and an error on a CPU.

    Returns:
        The ranking loss and the sorting loss: scalars, float32 (float64 for float64 logits). Each
        has its own gradient; the gradient of the sum is that of the released code. Without
        positives both are 0 and connected to the graph.

    Raises:
        TypeError: The logits are not of a floating dtype.
        ValueError: A target has another value than those above (on a CPU; on a GPU only with
            RANKDET_CHECKS=on).
        ValueError: delta is negative, the number of targets or groups does not match, or there are
            more positives than `max_positives`.

    Example:
        >>> logits = torch.tensor([2.0, 1.0, -1.0], requires_grad=True)
        >>> ranking, sorting = rank_sort_loss(logits, torch.tensor([0.6, 0.8, 0.0]))
        >>> (ranking + sorting).backward()
    """
    check_inputs(logits, targets, group, soft=True)
    made = _rank_sort(logits.detach(), targets.detach(), group, delta, max_positives)
    ranking, sorting = attach(logits, *made)
    return ranking, sorting
