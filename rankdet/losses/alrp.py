"""The aLRP Loss: average Localisation-Recall-Precision (Oksuz et al., NeurIPS 2020)."""

import math

import torch
from torch import Tensor

from rankdet.losses import kernels
from rankdet.losses.arguments import number, one_of
from rankdet.losses.checks import check, check_bound, check_labels, check_range
from rankdet.losses.error_driven import attach, ranked_groups, total
from rankdet.losses.operators import operator
from rankdet.losses.ranks import TINY, Ranking, gradient_dtype
from rankdet.losses.tensors import check_inputs

TARGETS = ("localisation", "zero")


def _meaning(largest: float) -> str:
    span = "of 0 or more" if largest == math.inf else f"in [0, {largest:g}]"
    return f"localisation errors {span}, such as (1 - IoU) / (1 - tau)"


def _gradient(ranks: Ranking, errors: Tensor, n_positives: int, eps: float, zero: bool) -> Tensor:
    """Eq. 13: error minus target is ``(FP_i + Σ E_k of the other positives above i) / rank_i``."""
    excess = ranks.false_positives + ranks.positives_above(errors)
    if not zero:
        return ranks.distribute(excess / ranks.rank, n_positives, eps)
    # With the wrong target of G.3 a positive gets a gradient even if no negative is above it.
    excess = (excess + errors.double()) / (ranks.rank * n_positives)
    fp = ranks.false_positives
    return ranks.gradient(-excess, torch.where(fp <= eps, 0.0, excess / fp.clamp(min=TINY)))


def _soft_sampling(ranks: Ranking, n_positives: int) -> Tensor:
    """Eq. A.46: the weight of each positive's localisation error (hard step, as released)."""
    order = ranks.scores.argsort(descending=True, stable=True)
    share = (1 / ranks.rank[order]).flip(0).cumsum(0).flip(0) / n_positives
    return torch.empty_like(share).index_copy_(0, order, share)


def _alrp(
    logits: Tensor,
    labels: Tensor,
    loc_errors: Tensor,
    group: Tensor | None,
    delta: float,
    eps: float,
    zero: bool,
    max_positives: int | None = None,
    largest: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    check(logits, labels, group, delta, max_positives)
    number("eps", eps)
    check_labels(labels)
    if largest is not None:
        padded = labels if max_positives is not None else None
        check_range("loc_errors", loc_errors, largest, _meaning(largest), padded)
    check_bound("loc_errors", loc_errors, max_positives)
    made = kernels.alrp(logits, labels, loc_errors, group, delta, eps, zero, max_positives)
    if made is not None:
        return made
    weights = torch.zeros_like(loc_errors, dtype=gradient_dtype(loc_errors))
    parts, n_seen = [], 0
    for ranked in ranked_groups(logits, labels, delta, group, max_positives):
        ranks, _, n_positives = ranked
        n_seen += len(ranks)
        if max_positives is not None:
            loc_errors = loc_errors[:n_positives]
        if len(loc_errors) != n_positives:
            raise ValueError(f"{len(loc_errors)} localisation errors for {n_positives} positives")
        gradient = _gradient(ranks, ranked.select(loc_errors), n_positives, eps, zero)
        parts.append(((ranks.false_positives / ranks.rank).sum() / n_positives, gradient))
        soft = _soft_sampling(ranks, n_positives).to(weights.dtype)
        weights[slice(n_positives) if ranked.members is None else ranked.members] = soft
    if max_positives is None and len(loc_errors) != n_seen:
        raise ValueError(f"{len(loc_errors)} localisation errors for {n_seen} positives")
    loss, gradient = total(logits, parts, 1)
    return loss, gradient, weights


def _shapes(
    logits: Tensor, labels: Tensor, loc_errors: Tensor, *rest: object
) -> tuple[Tensor, ...]:
    dtype = gradient_dtype(logits)
    weights = torch.empty_like(loc_errors, dtype=gradient_dtype(loc_errors))
    return logits.new_empty((), dtype=dtype), torch.empty_like(logits, dtype=dtype), weights


_run = operator("alrp_loss", _alrp, _shapes)


def alrp_loss(
    logits: Tensor,
    labels: Tensor,
    loc_errors: Tensor,
    *,
    delta: float = 1.0,
    eps: float = 1e-5,
    target: str = "localisation",
    group: Tensor | None = None,
    max_positives: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Average LRP (aLRP) Loss as its two parts; their sum is the loss (NeurIPS 2020, Eq. 11).

    ``L_cls = mean_i FP_i / rank_i``. Its gradient in the logits is error-driven and treats the
    localisation errors as constants. ``L_loc = mean_i (Σ_{k: s_k >= s_i} E_k) / rank_i``. It is
    differentiable in E and treats the ranks as constants.

    Args:
        logits: any shape, any floating dtype. Computed in float32, or float64 for float64 logits.
        labels: one per logit: 1 positive, 0 negative, -1 ignored.
        loc_errors: (P,) localisation errors E ≥ 0 of the positives in order of appearance, such as
            ``(1 - IoU) / (1 - τ)`` or ``(1 - GIoU) / (2 (1 - τ))``. With τ = .5 they are in [0, 2].
        delta: half the width of the smoothed step H, ≥ 0. 0 is the hard step.
        eps: a positive whose FP_i is at most this gets no gradient.
        target: the target error ℓ* of a positive: "localisation" is its own localisation error
            (Eq. 12); "zero" is the wrong target that appendix G.3 studies (Fig. A.7).
        group: one integer per logit, such as an image index. Ranks are then taken within each
            group instead of the whole batch.
        max_positives: an upper bound of the number of positives. `loc_errors` must then have this
            length; only its first P values count. With it, the loss can be captured in a CUDA
            graph.

    Returns:
        loss_cls in [0, 1) and loss_loc ≥ 0: scalars, float32 (float64 for float64 logits; loss_loc
        also for float64 errors). Without positives both are 0 and connected to the graph.

    Raises:
        TypeError: The logits are not of a floating dtype.
        ValueError: A label has another value than those above (on a CPU; on a GPU only with
            RANKDET_CHECKS=on).
        ValueError: A localisation error is NaN, infinite or negative by more than rounding
            (likewise).
        ValueError: The target is unknown, delta is negative, or the number of labels, groups or
            localisation errors does not match. On a GPU the host does not wait for the number of
            positives: if the number of localisation errors does not match, the losses are NaN.

    Example:
        >>> logits = torch.tensor([2.0, 1.0, -1.0], requires_grad=True)
        >>> loc_errors = torch.tensor([0.4, 0.2], requires_grad=True)
        >>> loss_cls, loss_loc = alrp_loss(logits, torch.tensor([1, 1, 0]), loc_errors)
        >>> (loss_cls + loss_loc).backward()
    """
    return alrp_within(
        logits,
        labels,
        loc_errors,
        delta=delta,
        eps=eps,
        target=target,
        group=group,
        max_positives=max_positives,
        largest=math.inf,
    )


def alrp_within(
    logits: Tensor,
    labels: Tensor,
    loc_errors: Tensor,
    *,
    delta: float,
    eps: float,
    target: str,
    group: Tensor | None,
    max_positives: int | None = None,
    largest: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Returns aLRP Loss as `alrp_loss`, with a bound of the localisation errors.

    Args:
        logits: as in `alrp_loss`, as are all other arguments that are not listed here.
        labels: likewise.
        loc_errors: likewise.
        delta: likewise.
        eps: likewise.
        target: likewise.
        group: likewise.
        max_positives: likewise.
        largest: the largest allowed error. None: errors are not checked. In a training, a box that
            became NaN makes the loss NaN, which ends the run with a reason.
    """
    check_inputs(logits, labels, group, loc_errors=loc_errors)
    one_of("target", target, TARGETS)
    loss, gradient, weights = _run(
        logits.detach(),
        labels,
        loc_errors.detach(),
        group,
        delta,
        eps,
        target == "zero",
        max_positives,
        largest,
    )
    (loss_cls,) = attach(logits, loss, gradient)
    if max_positives is not None:  # what fills the rows after the positives may be NaN
        loc_errors = torch.where(weights == 0, torch.zeros_like(loc_errors), loc_errors)
    loss_loc = (loc_errors.to(weights.dtype) * weights).sum()
    return loss_cls, loss_loc.to(torch.promote_types(loss_loc.dtype, loss_cls.dtype))
