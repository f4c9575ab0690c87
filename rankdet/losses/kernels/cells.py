"""Triton kernels of APE Loss in O(P + N): negatives as polynomials in cells of scaled scores.

The axis of λs is divided into cells of width 1/4. Within a cell σ(z) is a polynomial of degree 4 of
the negative's position (relative error 1.4e-8, decision 055), so a cell of negatives is five sums
of Chebyshev polynomials, or five weighted nodes. The window of a positive u ends in a step at
``s_u - window / λ``. All ends together divide the cells into bins: bin ``b + c`` has the negatives
in cell c above exactly b ends. Sums are integers (fixed point), so that their order does not
matter; from their running sums any stretch of bins is known.

This module has the first steps, `cell_sums` and `cell_gradient` have the others. Values that are
not finite, or that need more than `MOST_CELLS` cells, are computed pair by pair.
"""

import triton
import triton.language as tl

from rankdet.losses.kernels.positives import lowest_score
from rankdet.losses.kernels.selection import (
    CELLS,
    FIRST,
    FITS,
    add_to_list,
    is_there,
    start_selection,
)

DEGREE = tl.constexpr(5)  # polynomials
PER_UNIT = tl.constexpr(4)  # cells in a unit of λs
MOST_CELLS = tl.constexpr(2048)
FACTORS = tl.constexpr(8)  # float32 numbers between the polynomials of two bins: one sector
NO_WINDOW = tl.constexpr(1e30)
HIGHEST = tl.constexpr(1e9)  # of a cell


@triton.jit
def largest_at_most(value):
    """Returns the largest float32 that is not above a float64."""
    near = value.to(tl.float32)
    bits = near.to(tl.int32, bitcast=True)
    bits = tl.where(near > 0, bits - 1, tl.where(near < 0, bits + 1, -2147483647))
    above = (near.to(tl.float64) > value) & (tl.abs(near) < float("inf"))
    return tl.where(above, bits.to(tl.float32, bitcast=True), near)


@triton.jit
def cell_of(value, scale):
    """Returns the place on the axis in units of a cell, and the number of the cell (float64)."""
    place = value.to(tl.float64) * scale * PER_UNIT
    return place, tl.floor(place)


@triton.jit
def end_of_window(score, scale, window):
    """Returns the score at which the window of a positive ends (float64)."""
    return (score * scale - window) / scale


@triton.jit(do_not_specialize=["bound"])
def keep_in_windows(
    logits,
    labels,
    scores,
    total,
    values,
    short,
    short_places,
    gradient,
    highest,
    counts,
    header,
    n,
    bound,
    margin,
    LIST: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Writes the negatives not below ``min(s⁺) - margin`` to `values`, and -inf for the others.

    Also writes the highest value and the number of kept negatives of each block, lists the
    negatives (if LIST: all of them are kept), and sets the gradient to 0.
    """
    pid = tl.program_id(0)
    lowest = lowest_score(scores, total, bound, BLOCK)
    at = pid * BLOCK + tl.arange(0, BLOCK)
    negative = tl.load(labels + at, mask=at < n, other=-1) == 0
    value = tl.load(logits + at, mask=negative & (at < n), other=float("-inf")).to(tl.float32)
    value = tl.where((value < lowest - margin) == 0, value, float("-inf"))  # NaN stays NaN
    tl.store(values + at, value, mask=at < n)
    tl.store(gradient + at, tl.zeros([BLOCK], tl.float32), mask=at < n)
    kept = is_there(value)
    wrong = tl.max((value != value).to(tl.int32)) > 0
    top = tl.max(tl.where(value != value, float("inf"), value))
    tl.store(highest + pid, tl.where(wrong, float("nan"), top))
    tl.store(counts + pid, tl.sum(kept.to(tl.int32)))
    if LIST:
        add_to_list(value, kept, at, short, short_places, header, n)


@triton.jit
def _sort_window_ends(
    pid, scores, order, ranks, edges, bound, scale, window,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Puts the ends of windows in ascending order: a rank is the number of lower scores."""
    i = pid * ROWS + tl.arange(0, ROWS)
    inside = i < bound
    score = tl.load(scores + i, mask=inside, other=float("inf"))
    own = score[:, None]
    earlier = tl.zeros([ROWS, COLUMNS], tl.int32)
    for start in range(0, bound, COLUMNS):
        k = (start + tl.arange(0, COLUMNS))[None, :]
        other = tl.load(scores + k, mask=k < bound, other=float("nan"))
        earlier += ((other < own) | ((other == own) & (k < i[:, None]))).to(tl.int32)
    rank = tl.sum(earlier, 1)
    edge = largest_at_most(end_of_window(score, scale, window))
    stored = inside & (rank < bound)
    tl.store(order + rank, i, mask=stored)
    tl.store(edges + rank, edge, mask=stored)
    tl.store(ranks + i, rank, mask=inside)


@triton.jit
def _write_header(
    header, top, highest, counts, lowest, last, n_positives, n_blocks, wanted, window, scale,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Writes whether the cells fit, where they begin, and how many there are."""
    lane = tl.arange(0, BLOCK)
    best = tl.full([], float("-inf"), tl.float32)
    wrong = tl.zeros([], tl.int32)
    found = tl.zeros([], tl.int32)
    for start in range(0, n_blocks, BLOCK):
        there = start + lane < n_blocks
        value = tl.load(highest + start + lane, mask=there, other=float("-inf"))
        wrong += tl.sum((value != value).to(tl.int32))
        best = tl.maximum(best, tl.max(tl.where(value != value, float("-inf"), value)))
        found += tl.sum(tl.load(counts + start + lane, mask=there, other=0))
    best = tl.where(wrong > 0, float("nan"), best)
    _low, first = cell_of(lowest, scale)
    _high, final = cell_of(tl.maximum(last, best.to(tl.float64)), scale)
    first -= window * PER_UNIT
    size = final - first + 1
    fits = (size <= MOST_CELLS) & (tl.abs(first) < HIGHEST) & (best == best) & (n_positives > 0)
    tl.store(top, best)
    tl.store(header + FITS, fits.to(tl.int64))
    tl.store(header + CELLS, tl.where(fits, size, 0.0).to(tl.int64))
    tl.store(header + FIRST, tl.where(fits, first, 0.0).to(tl.int64))
    cut = end_of_window(lowest, scale, window).to(tl.float32)
    start_selection(header, cut, best, found, wanted)


@triton.jit(do_not_specialize=["bound", "n_blocks", "wanted", "row_tiles"])
def prepare(
    scores,
    highest,
    counts,
    order,
    ranks,
    edges,
    starts,
    header,
    top,
    total,
    bound,
    n_blocks,
    wanted,
    row_tiles,
    scale,
    window,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Orders the ends of windows, counts them below each cell, and writes the header.

    Writes the ends as float32 in ascending order (`edges`: the largest float32 outside), whose they
    are (`order`), the place of each positive among them (`ranks`), and the number of ends below
    each cell (`starts`).
    """
    pid, lane = tl.program_id(0), tl.arange(0, BLOCK)
    n_positives = tl.minimum(tl.load(total), bound)
    if pid < row_tiles:
        _sort_window_ends(pid, scores, order, ranks, edges, bound, scale, window, ROWS, COLUMNS)
    else:
        lowest = tl.full([], float("inf"), tl.float64)
        last = tl.full([], float("-inf"), tl.float64)
        for start in range(0, bound, BLOCK):
            there = start + lane < n_positives
            score = tl.load(scores + start + lane, mask=there, other=float("inf"))
            lowest = tl.minimum(lowest, tl.min(score))
            last = tl.maximum(last, tl.max(tl.where(there, score, float("-inf"))))
        _low, first = cell_of(lowest, scale)
        cell = (pid - row_tiles) * ROWS + tl.arange(0, ROWS)
        _top, final = cell_of(last, scale)
        count = tl.zeros([ROWS], tl.int32) + n_positives.to(tl.int32)
        if (pid - row_tiles) * ROWS <= final - first:  # else all ends are below these cells
            below = tl.zeros([ROWS, COLUMNS], tl.int32)
            for start in range(0, bound, COLUMNS):
                k = (start + tl.arange(0, COLUMNS))[None, :]
                there = k < n_positives
                _place, own = cell_of(tl.load(scores + k, mask=there, other=0.0), scale)
                below += (there & (own - first < cell[:, None])).to(tl.int32)
            count = tl.sum(below, 1)
        tl.store(starts + cell, count, mask=cell <= MOST_CELLS)
        if pid == row_tiles:
            _write_header(
                header, top, highest, counts, lowest, last, n_positives, n_blocks, wanted,
                window, scale, BLOCK,
            )  # fmt: skip
