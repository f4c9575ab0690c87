"""The aLRP Loss: average Localisation-Recall-Precision (Oksuz et al., NeurIPS 2020)."""

import torch
from torch import Tensor

from rankdet.losses.error_driven import attach, problems, total
from rankdet.losses.ranks import TINY, Ranking, gradient_dtype

TARGETS = ("localisation", "zero")


def _gradient(ranks: Ranking, errors: Tensor, n_positives: int, eps: float, zero: bool) -> Tensor:
    """Eq. 13: what is left to do at i is its false positives and the other positives' errors."""
    left = ranks.false_positives + ranks.positives_above(errors)
    if not zero:
        return ranks.distribute(left / ranks.rank, n_positives, eps)
    # The wrong target of G.3: a positive is pushed even if no negative is above it.
    left = (left + errors.double()) / (ranks.rank * n_positives)
    fp = ranks.false_positives
    return ranks.gradient(-left, torch.where(fp <= eps, 0.0, left / fp.clamp(min=TINY)))


def _soft_sampling(ranks: Ranking, n_positives: int) -> Tensor:
    """Eq. A.46: the weight of each positive's localisation error (hard order, as released)."""
    order = ranks.scores.argsort(descending=True, stable=True)
    share = (1 / ranks.rank[order]).flip(0).cumsum(0).flip(0) / n_positives
    return torch.empty_like(share).index_copy_(0, order, share)


@torch.library.custom_op("rankdet::alrp_loss", mutates_args=())
def _alrp(
    logits: Tensor,
    labels: Tensor,
    loc_errors: Tensor,
    group: Tensor | None,
    delta: float,
    eps: float,
    zero: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    weights = torch.zeros_like(loc_errors, dtype=gradient_dtype(loc_errors))
    parts, n_seen = [], 0
    for problem in problems(logits, labels, delta, group):
        ranks, _, n_positives = problem
        n_seen += len(ranks)
        if len(loc_errors) != n_positives:
            raise ValueError(f"{len(loc_errors)} localisation errors for {n_positives} positives")
        gradient = _gradient(ranks, problem.of(loc_errors), n_positives, eps, zero)
        parts.append(((ranks.false_positives / ranks.rank).sum() / n_positives, gradient))
        soft = _soft_sampling(ranks, n_positives).to(weights.dtype)
        weights[... if problem.members is None else problem.members] = soft
    if len(loc_errors) != n_seen:
        raise ValueError(f"{len(loc_errors)} localisation errors for {n_seen} positives")
    loss, gradient = total(logits, parts, 1)
    return loss, gradient, weights


@_alrp.register_fake
def _(logits: Tensor, labels: Tensor, loc_errors: Tensor, *rest: object) -> tuple[Tensor, ...]:
    dtype = gradient_dtype(logits)
    weights = torch.empty_like(loc_errors, dtype=gradient_dtype(loc_errors))
    return logits.new_empty((), dtype=dtype), torch.empty_like(logits, dtype=dtype), weights


def alrp_loss(
    logits: Tensor,
    labels: Tensor,
    loc_errors: Tensor,
    *,
    delta: float = 1.0,
    eps: float = 1e-5,
    target: str = "localisation",
    group: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Average LRP (aLRP) Loss in its two parts, Eq. 11; their sum is the loss.

    ``L_cls = mean FP_i / rank_i`` has error-driven gradients in the logits, in which the
    localisation errors are constants. ``L_loc = mean_i (Σ_{k: s_k >= s_i} E_k) / rank_i`` is
    differentiable in E, and its ranks are constants.

    Args:
        logits: any shape, any floating dtype; the mathematics is float32 (float64 for float64).
        labels: same number of elements: 1 positive, 0 negative, -1 ignored.
        loc_errors: (P,) E of the positives in order of appearance, ≥ 0: ``(1 - IoU) / (1 - τ)`` or
            ``(1 - GIoU) / (2 (1 - τ))``.
        delta: half the width of the smoothed step H; 0 is the hard step.
        eps: positives with no more false positives than this get no gradient.
        target: the error of a positive that is ranked properly: its own localisation error
            (Eq. 12), or "zero", the wrong target of appendix G.3 (Fig. A.7).
        group: an integer per logit: rank within a group (an image) instead of the whole batch.

    Returns:
        loss_cls in [0, 1) and loss_loc ≥ 0, scalars; zeros, connected, if there is no positive.

    Raises:
        ValueError: the number of errors is not the number of positives, or an unknown target.
    """
    if target not in TARGETS:
        raise ValueError(f"target is {target!r}; known are {', '.join(TARGETS)}")
    loss, gradient, weights = _alrp(
        logits.detach(), labels, loc_errors.detach(), group, delta, eps, target == "zero"
    )
    (loss_cls,) = attach(logits, loss, gradient)
    return loss_cls, (loc_errors.to(weights.dtype) * weights).sum()
