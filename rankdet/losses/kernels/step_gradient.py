"""Triton kernels that write the gradient of the losses of the smoothed step, and the loss.

Pass 2 over the logits (`rankdet.losses.kernels.negatives` has pass 1): the gradient of a negative
is linear in the logit within a bin.
"""

import triton
import triton.language as tl

from rankdet.losses.kernels.negatives import NOT_NEGATIVE, POSITIVE
from rankdet.losses.kernels.pairs import ALRP, ALRP_ZERO, AP, RS


@triton.jit(do_not_specialize=["bound", "n_edges"])
def make_field(
    scores,
    lower,
    upper,
    edges,
    weights,
    field,
    total,
    bound,
    n_edges,
    DELTA: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Writes value at the start and slope of ``v -> Σ_i w_i H(v - s_i)`` in each bin."""
    bin = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    last = tl.minimum(tl.load(total), bound)
    inside = (bin >= 1) & (bin <= n_edges)
    own_edge = (bin - 1)[:, None]
    edge = tl.load(edges + bin - 1, mask=inside, other=0.0).to(tl.float64)[:, None]
    values = tl.zeros([ROWS, COLUMNS], tl.float64)
    slopes = tl.zeros([ROWS, COLUMNS], tl.float64)
    for start in range(0, bound, COLUMNS):
        i = (start + tl.arange(0, COLUMNS))[None, :]
        there = i < last
        weight = tl.load(weights + i, mask=there, other=0.0)
        begun = there & (tl.load(lower + i, mask=there, other=0) <= own_edge)
        if DELTA == 0:
            values += tl.where(begun, weight, 0.0)
        else:
            ended = tl.load(upper + i, mask=there, other=0) <= own_edge
            own = tl.load(scores + i, mask=there, other=0.0)
            height = edge - own + tl.full([1, 1], DELTA, tl.float64)
            steep = weight * tl.full([1, 1], 0.5 / DELTA, tl.float64)
            inside_ramp = begun & (ended == 0)
            values += tl.where(begun & ended, weight, 0.0)
            values += tl.where(inside_ramp, steep * height, 0.0)
            slopes += tl.where(inside_ramp, steep, 0.0)
    value, slope = tl.sum(values, 1), tl.sum(slopes, 1)
    tl.store(field + 2 * bin, tl.where(inside, value, 0.0).to(tl.float32), mask=bin <= n_edges)
    tl.store(field + 2 * bin + 1, tl.where(inside, slope, 0.0).to(tl.float32), mask=bin <= n_edges)


@triton.jit(do_not_specialize=["bound", "expected", "n_blocks"])
def write_gradient(
    logits,
    bins,
    edges,
    field,
    places,
    errors,
    by_positive,
    result,
    excess,
    gradient,
    second_gradient,
    loss_out,
    second_loss_out,
    total,
    n,
    bound,
    expected,
    n_blocks,
    LOSS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Pass 2: writes the gradient, and the loss.

    The first `n_blocks` programs write a block of the logits each, all but the positives. The
    others write the positives, and the first of them sums the loss. The loss and the gradients of
    positives are NaN if there are more positives than `bound`, or not as many as `expected` (-1:
    any number).

    `second_gradient` is the gradient of the sorting loss (Rank & Sort Loss), or the weight of each
    localisation error (aLRP Loss).
    """
    pid = tl.program_id(0)
    lane = tl.arange(0, BLOCK)
    n_positives = tl.load(total)
    wrong = (n_positives > bound) | ((expected >= 0) & (n_positives != expected))
    if pid < n_blocks:
        at = pid * BLOCK + lane
        bin = tl.load(bins + at, mask=at < n, other=NOT_NEGATIVE).to(tl.int32)
        mine = (at < n) & (bin != POSITIVE)
        slope = tl.zeros([BLOCK], tl.float32)
        if tl.max(bin) > 0:
            found = bin > 0
            value = tl.load(logits + at, mask=found, other=0).to(tl.float32)
            base = tl.load(field + 2 * bin, mask=found, other=0.0)
            slope = tl.load(field + 2 * bin + 1, mask=found, other=0.0)
            edge = tl.load(edges + bin - 1, mask=found, other=0.0)
            slope = base + tl.where(slope != 0, slope * (value - edge), 0.0)
        tl.store(gradient + at, slope, mask=mine)
        if LOSS == RS:
            tl.store(second_gradient + at, tl.zeros([BLOCK], tl.float32), mask=mine)
    else:
        i = (pid - n_blocks) * BLOCK + lane
        inside = i < tl.minimum(n_positives, bound)
        place = tl.load(places + i, mask=inside, other=0)
        normaliser = tl.maximum(n_positives, 1).to(tl.float64)
        own = tl.load(result + i, mask=inside, other=0.0)
        own = tl.where(wrong, float("nan"), own)
        if LOSS == AP:
            tl.store(gradient + place, (-own / normaliser).to(tl.float32), mask=inside)
        else:
            own_gradient = tl.load(by_positive + i, mask=inside, other=0.0)
            own_gradient = tl.where(wrong, float("nan"), own_gradient)
            tl.store(gradient + place, own_gradient.to(tl.float32), mask=inside)
        if LOSS == RS:
            tl.store(second_gradient + place, own.to(tl.float32), mask=inside)
        if (LOSS == ALRP) | (LOSS == ALRP_ZERO):
            tl.store(second_gradient + i, own.to(tl.float32), mask=i < bound)
        if pid == n_blocks:
            first = tl.zeros([BLOCK], tl.float64)
            second = tl.zeros([BLOCK], tl.float64)
            for start in range(0, bound, BLOCK):
                k = start + lane
                there = k < tl.minimum(n_positives, bound)
                if LOSS == AP:
                    first += tl.load(result + k, mask=there, other=0.0)
                else:
                    first += tl.load(errors + k, mask=there, other=0.0)
                if LOSS == RS:
                    second += tl.load(excess + k, mask=there, other=0.0)
            loss = tl.where(wrong, float("nan"), tl.sum(first) / normaliser)
            tl.store(loss_out, loss.to(tl.float32))
            if LOSS == RS:
                loss = tl.where(wrong, float("nan"), tl.sum(second) / normaliser)
                tl.store(second_loss_out, loss.to(tl.float32))
