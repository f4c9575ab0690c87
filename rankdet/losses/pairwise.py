"""Generalised pairwise error (Xu et al., CVPR 2022, Eq. 8 and Tables 1-2)."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from rankdet.losses import kernels
from rankdet.losses.ap import interpolated
from rankdet.losses.arguments import number, one_of
from rankdet.losses.checks import check, check_labels
from rankdet.losses.error_driven import attach, group_labels, ranked_groups, total
from rankdet.losses.operators import ranking_op
from rankdet.losses.ranks import TINY
from rankdet.losses.sigmoid_cells import SigmoidCells
from rankdet.losses.sigmoid_pairs import SigmoidPairs
from rankdet.losses.tensors import check_inputs

DISTANCES = ("step", "sigmoid", "cross_entropy")
BALANCES = ("rank", "negatives")


def _step(
    logits: Tensor, labels: Tensor, group: Tensor | None, delta: float, by_rank: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    for ranks, _, n_positives in ranked_groups(logits, labels, delta, group):
        if by_rank:
            errors = interpolated(ranks.scores, ranks.false_positives / ranks.rank)
        else:
            errors = ranks.false_positives / ranks.n_relevant.clamp(min=1)
        yield errors.sum() / n_positives, ranks.distribute(errors, n_positives)


class _Tiles:
    """The sums of `SigmoidCells` by tiles: for few pairs, float64 and GPUs."""

    def __init__(self, pairs: SigmoidPairs) -> None:
        self.pairs = pairs

    def sums(self) -> tuple[Tensor, Tensor]:
        pairs = self.pairs
        false = torch.zeros_like(pairs.scores, dtype=torch.float64)
        entropy = torch.zeros_like(false)
        heights = F.pad(pairs.negatives.double().cumsum(0), (1, 0))
        for rows, columns, z in pairs.tiles():
            far, scores = columns.start, pairs.scores[rows].double()
            false[rows] = far + z.sigmoid().sum(1).double()
            near = F.softplus(z, threshold=50).sum(1).double()
            entropy[rows] = near + (heights[far] - far * scores) * pairs.scale
        return false, entropy

    def field(self, shares: Tensor) -> Tensor:
        field = torch.zeros_like(self.pairs.negatives, dtype=torch.float64)
        for rows, columns, z in self.pairs.tiles():
            field[columns] += shares[rows].to(z.dtype) @ z.sigmoid_()
            field[: columns.start] += shares[rows].sum()
        return field


def _rank_among_positives(pairs: SigmoidPairs) -> Tensor:
    among = torch.full_like(pairs.scores, 0.5, dtype=torch.float64)
    for rows in pairs.rows():
        among[rows] += pairs.among_positives(rows).sigmoid_().sum(1).double()
    return among


def _sigmoid(
    logits: Tensor,
    labels: Tensor,
    group: Tensor | None,
    options: tuple[float, float],
    by_rank: bool,
    differentiable: bool,
) -> Iterator[tuple[Tensor, Tensor]]:
    delta, scale = options
    for own, _, n_all in group_labels(logits, labels, group):
        pairs = SigmoidPairs(logits.reshape(-1), own, scale, delta)
        if not len(pairs):
            continue
        n_positives = n_all or len(pairs)
        near = SigmoidCells(pairs.scores, pairs.negatives, scale) if pairs.many() else _Tiles(pairs)
        false, entropy = near.sums()[:2]
        false = false + pairs.scores * 0  # NaN if a logit is, and 0 otherwise
        among = _rank_among_positives(pairs)
        balance = among + false if by_rank else pairs.n_relevant.clamp(min=1)
        errors = (entropy / scale if differentiable else false) / balance
        if differentiable:
            pull = false / balance
        else:
            pull = errors = interpolated(pairs.scores, errors) if by_rank else errors
        share = pull / false.clamp(min=TINY) / n_positives
        gradient = pairs.gradient(-pull / n_positives, near.field(share))
        yield errors.sum() / n_positives, gradient.reshape(logits.shape)


@ranking_op("pairwise_error_loss")
def _pairwise(
    logits: Tensor,
    labels: Tensor,
    group: Tensor | None,
    distance: str,
    by_rank: bool,
    delta: float,
    scale: float,
) -> tuple[Tensor, Tensor]:
    check(logits, labels, group, delta)
    number("scale", scale, above=0)
    check_labels(labels)
    if distance == "step" and by_rank:  # AP Loss with another δ
        made: tuple[Tensor, Tensor] | None = kernels.ap(logits, labels, group, delta, True, None)
        if made is not None:
            return made
    with torch.autocast(logits.device.type, enabled=False):
        if distance == "step":
            parts = _step(logits, labels, group, delta, by_rank)
        else:
            options, differentiable = (delta, scale), distance == "cross_entropy"
            parts = _sigmoid(logits, labels, group, options, by_rank, differentiable)
        loss, gradient = total(logits, parts, 1)
    return loss, gradient


def pairwise_error_loss(
    logits: Tensor,
    labels: Tensor,
    *,
    distance: str = "step",
    balance: str = "rank",
    delta: float = 0.5,
    scale: float = 8.0,
    group: Tensor | None = None,
) -> Tensor:
    """Generalised pairwise error ``(1/P) Σ_u (1/BC_u) Σ_{v ∈ N} D(s_v - s_u)``.

    Xu et al., CVPR 2022, Eq. 8 (its leading minus sign is an error) and Tables 1-2. With balance
    "rank", the distances "step" and "sigmoid" interpolate the precision-recall curve as AP Loss
    does; this follows the released code.

    Args:
        logits: any shape, any floating dtype. Computed in float32, or float64 for float64 logits.
        labels: one per logit: 1 positive, 0 negative, -1 ignored.
        distance: D. "step" is H with half width delta and "sigmoid" is σ(λx), both with
            error-driven gradients. "cross_entropy" is ``BCE(σ(λx), 0) / λ``, differentiated.
        balance: BC. "rank" is ``rank⁺_u + rank⁻_u`` with the same distance (σ for cross entropy), a
            constant in differentiation. "negatives" is the number of valid negatives.
        delta: half the width of the step, ≥ 0. Negatives below ``min(s⁺) - delta`` are not valid.
        scale: λ > 0.
        group: one integer per logit, such as an image index. Ranks are then taken within each
            group instead of the whole batch.

    Returns:
        Scalar ≥ 0, float32 (float64 for float64 logits). Without positives it is 0 and connected to
        the graph.

    Raises:
        TypeError: The logits are not of a floating dtype.
        ValueError: A label has another value than those above (on a CPU; on a GPU only with
            RANKDET_CHECKS=on).
        ValueError: The distance or the balance is unknown, or the number of labels or groups does
            not match.

    Example:
        >>> logits = torch.tensor([2.0, -1.0, 0.5], requires_grad=True)
        >>> pairwise_error_loss(logits, torch.tensor([1, 0, -1]), distance="sigmoid").backward()
    """
    check_inputs(logits, labels, group)
    one_of("distance", distance, DISTANCES)
    one_of("balance", balance, BALANCES)
    by_rank = balance == "rank"
    made = _pairwise(logits.detach(), labels, group, distance, by_rank, delta, scale)
    (loss,) = attach(logits, *made)
    return loss
