"""Triton kernels of APE Loss that compute every pair, in tiles: for the "official" numerics.

u is the positive of a row, v a negative or another positive, and ``z = λ (s_v - s_u)``. Pairs with
``z <= -window`` are left out. Elements are float32, sums are float64 and in a fixed order.
"""

import triton
import triton.language as tl

from rankdet.losses.kernels.among_positives import (
    divisor,
    pairs_of_positives,
    store_counted,
    write_positives,
)
from rankdet.losses.kernels.positives import is_wrong, lowest_score
from rankdet.losses.kernels.sigmoid import cross_entropy, slope_of


@triton.jit(do_not_specialize=["bound"])
def keep_negatives(logits, labels, scores, total, values, n, bound, margin, BLOCK: tl.constexpr):
    """Writes the logits of negatives not below ``min(s⁺) - margin``, and -inf for the others."""
    lowest = lowest_score(scores, total, bound, BLOCK)
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    negative = tl.load(labels + at, mask=at < n, other=-1) == 0
    value = tl.load(logits + at, mask=negative & (at < n), other=float("-inf")).to(tl.float32)
    kept = (value < lowest - margin) == 0  # true for NaN
    tl.store(values + at, tl.where(kept, value, float("-inf")), mask=at < n)


@triton.jit(do_not_specialize=["bound", "n_negatives", "width"])
def sum_over_negatives(
    scores,
    negatives,
    sums,
    total,
    bound,
    n_negatives,
    width,
    scale,
    window,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    STEPS: tl.constexpr,
):
    """Sums σ, cross entropy and its derivative over a part of the negatives, for each positive.

    Program (r, c) handles ROWS positives and the c-th `width` negatives. `sums` is
    (parts, 3, bound). The negatives are in descending order.
    """
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside = row < tl.minimum(tl.load(total), bound)
    own = tl.load(scores + row, mask=inside, other=float("inf")).to(tl.float32)
    lowest = tl.min(own)
    ranks = tl.zeros([ROWS, COLUMNS], tl.float64)
    losses = tl.zeros([ROWS, COLUMNS], tl.float64)
    pulls = tl.zeros([ROWS, COLUMNS], tl.float64)
    begin = tl.program_id(1) * width
    for start in range(begin, tl.minimum(begin + width, n_negatives), COLUMNS * STEPS):
        highest = tl.load(negatives + start)
        if (scale * (highest - lowest) <= -window) == 0:
            rank = tl.zeros([ROWS, COLUMNS], tl.float32)  # few terms, then float64
            loss = tl.zeros([ROWS, COLUMNS], tl.float32)
            pull = tl.zeros([ROWS, COLUMNS], tl.float32)
            for turn in tl.static_range(STEPS):
                column = start + turn * COLUMNS + tl.arange(0, COLUMNS)
                there = column < tl.minimum(begin + width, n_negatives)
                value = tl.load(negatives + column, mask=there, other=float("-inf"))
                z = scale * (value[None, :] - own[:, None])
                sigma, entropy = cross_entropy(z, window, True)
                rank += sigma
                loss += entropy
                pull += slope_of(z, window, True)
            ranks += rank.to(tl.float64)
            losses += loss.to(tl.float64)
            pulls += pull.to(tl.float64)
    target = sums + tl.program_id(1) * 3 * bound + row
    tl.store(target, tl.sum(ranks, 1), mask=inside)
    tl.store(target + bound, tl.sum(losses, 1), mask=inside)
    tl.store(target + 2 * bound, tl.sum(pulls, 1), mask=inside)


@triton.jit(do_not_specialize=["bound", "n_parts"])
def sum_over_positives(
    scores,
    ious,
    negatives,
    sums,
    shares,
    pulls,
    losses,
    counted,
    score_out,
    share_out,
    total,
    bound,
    n_parts,
    scale,
    window,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Adds the parts, and the pairs of positives, to what each positive needs.

    Writes ``share = iou / rank``, ``pull`` (the sum of derivatives), the loss of the positive, and
    whether it has any pair (`counted`); scores and shares as float32, too.
    """
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    n_positives = tl.minimum(tl.load(total), bound)
    inside = row < n_positives
    own = tl.load(scores + row, mask=inside, other=float("inf")).to(tl.float32)
    iou = tl.load(ious + row, mask=inside, other=0.0).to(tl.float32)
    rank = tl.zeros([ROWS], tl.float64)
    loss = tl.zeros([ROWS], tl.float64)
    pull = tl.zeros([ROWS], tl.float64)
    for part in range(0, n_parts):
        source = sums + part * 3 * bound + row
        rank += tl.load(source, mask=inside, other=0.0)
        loss += tl.load(source + bound, mask=inside, other=0.0)
        pull += tl.load(source + 2 * bound, mask=inside, other=0.0)
    sigmas, entropies, slopes, pairs = pairs_of_positives(
        own, iou, scores, ious, n_positives, bound, scale, window, True, ROWS, COLUMNS
    )
    rank, loss, pull = rank + sigmas, loss + entropies, pull + slopes
    highest = tl.load(negatives)
    near = scale * (highest - own) > -window
    rank = tl.where(highest != highest, float("nan"), rank)
    rank = tl.where(is_wrong(own), float("nan"), rank)
    share = tl.where(inside, iou.to(tl.float64) / rank, 0.0)
    tl.store(shares + row, share, mask=row < bound)
    tl.store(score_out + row, own, mask=row < bound)
    tl.store(share_out + row, share.to(tl.float32), mask=row < bound)
    tl.store(pulls + row, pull, mask=inside)
    tl.store(losses + row, tl.where(inside, share * loss, 0.0), mask=row < bound)
    store_counted(counted, row, inside, (pairs > 0) | near, rank, bound)


@triton.jit(do_not_specialize=["bound", "n_negatives"])
def spread_over_negatives(
    scores,
    shares,
    negatives,
    places,
    counted,
    gradient,
    total,
    bound,
    n_negatives,
    scale,
    window,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    STEPS: tl.constexpr,
):
    """Writes the gradient of each negative, ``Σ_u share_u · slope / M``, to its place."""
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    value = tl.load(negatives + column, mask=column < n_negatives, other=float("-inf"))
    count = divisor(counted, bound, COLUMNS)
    n_positives = tl.minimum(tl.load(total), bound)
    results = tl.zeros([ROWS, COLUMNS], tl.float64)
    if tl.max(value) > float("-inf"):
        for start in range(0, bound, ROWS * STEPS):
            part = tl.zeros([ROWS, COLUMNS], tl.float32)  # few terms, then float64
            for turn in tl.static_range(STEPS):
                row = start + turn * ROWS + tl.arange(0, ROWS)
                there = row < n_positives
                own = tl.load(scores + row, mask=there, other=0.0)
                share = tl.load(shares + row, mask=there, other=0.0)
                # No test whether the tile matters: it cost more than it saved (data/measured).
                z = scale * (value[None, :] - own[:, None])
                part += slope_of(z, window, True) * share[:, None]
            results += part.to(tl.float64)
    result = tl.sum(results, 0)
    kept = (column < n_negatives) & (value > float("-inf"))
    place = tl.load(places + column, mask=kept, other=0)
    tl.store(gradient + place, (result / count).to(tl.float32), mask=kept)


@triton.jit(do_not_specialize=["bound", "expected"])
def spread_over_positives(
    scores,
    ious,
    places,
    shares,
    pulls,
    losses,
    counted,
    gradient,
    loss_out,
    count_out,
    total,
    bound,
    expected,
    scale,
    window,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Writes the gradient of each positive to its place, the loss, and M.

    The loss and the gradients of positives are NaN if there are more positives than `bound`, or not
    as many as `expected` (-1: any number).
    """
    write_positives(
        tl.program_id(0), scores, ious, places, shares, pulls, losses, counted, gradient,
        loss_out, count_out, total, bound, expected, scale, window, True, ROWS, COLUMNS,
    )  # fmt: skip
