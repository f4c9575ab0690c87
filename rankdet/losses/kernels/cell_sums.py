"""Triton kernels of APE Loss that sum the negatives in cells (`rankdet.losses.kernels.cells`)."""

import triton
import triton.language as tl

from rankdet.losses.kernels.among_positives import pairs_of_positives, store_counted
from rankdet.losses.kernels.cells import DEGREE, NO_WINDOW, PER_UNIT, cell_of
from rankdet.losses.kernels.chebyshev import A, B, weights_of_nodes
from rankdet.losses.kernels.positives import is_wrong
from rankdet.losses.kernels.selection import CELLS, FIRST, FITS, KEPT
from rankdet.losses.kernels.sigmoid import cross_entropy


@triton.jit(do_not_specialize=["most", "bound", "copies", "stride"])
def add_to_cells(
    short,
    edges,
    bins,
    sums,
    header,
    most,
    bound,
    copies,
    stride,
    fixed_one,
    scale,
    LEVELS: tl.constexpr,
    SPAN: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Writes the bin of each listed negative, and adds ``T_l(x)`` times `fixed_one` to its bin.

    `sums` is (copies, DEGREE, stride): fewer programs then add to the same number.
    """
    pid = tl.program_id(0)
    at = pid * BLOCK + tl.arange(0, BLOCK)
    listed = at < tl.minimum(tl.load(header + KEPT), most)
    if (tl.load(header + FITS) > 0) & (tl.max(listed.to(tl.int32)) > 0):
        value = tl.load(short + at, mask=listed, other=0.0)
        ends = tl.zeros([BLOCK], tl.int32)
        for level in tl.static_range(LEVELS):
            probe = ends + (1 << (LEVELS - 1 - level))
            reached = listed & (probe <= bound)
            edge = tl.load(edges + probe - 1, mask=reached, other=float("inf"))
            ends = tl.where(reached & (edge < value), probe, ends)
        found = listed & (ends > 0)  # the others are in no window
        place, own = cell_of(tl.where(found, value, 0.0), scale)
        cell = tl.where(found, own - tl.load(header + FIRST), 0.0).to(tl.int32)
        bin = tl.where(found, ends + tl.maximum(cell, 0), 0)
        x = (2 * (place - own) - 1).to(tl.float32)
        tl.store(bins + at, bin.to(tl.int16), mask=listed)
        target = sums + (pid % copies).to(tl.int64) * DEGREE * stride
        # Many negatives are in few bins that lie together. Bins around one that is drawn from the
        # block are summed first, so that not every element has to wait for the same number.
        drawn = ((tl.arange(0, BLOCK) * 40503) % 65536) * 32768 + bin
        first = tl.max(tl.where(found, drawn, -1)) % 32768 - SPAN // 2
        column = first + tl.arange(0, SPAN)
        near = found[:, None] & (bin[:, None] == column[None, :])
        occupied = tl.max(near.to(tl.int32), 0) > 0
        found = found & ((bin < first) | (bin >= first + SPAN))
        before, term = x, tl.full([BLOCK], 1.0, tl.float32)
        for degree in tl.static_range(DEGREE):
            row = target + degree * stride
            amount = (term * fixed_one).to(tl.int64)
            near_sum = tl.sum(tl.where(near, amount[:, None], 0), 0)
            tl.atomic_add(row + column, near_sum, mask=occupied, sem="relaxed")
            tl.atomic_add(row + bin, amount, mask=found, sem="relaxed")
            before, term = term, 2 * x * term - before


@triton.jit(do_not_specialize=["bound", "copies", "stride"])
def add_bins(
    sums,
    running,
    header,
    total,
    bound,
    copies,
    stride,
    AT_ONCE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Adds the copies, and writes the sum of all bins before each bin: (DEGREE, stride)."""
    if tl.load(header + FITS) > 0:
        degree = tl.program_id(0)
        n_bins = (tl.minimum(tl.load(total), bound) + tl.load(header + CELLS)).to(tl.int32)
        carry = tl.zeros([], tl.int64)
        target = running + degree * stride
        tl.store(target, carry)
        for start in range(0, n_bins, BLOCK):
            bin = start + tl.arange(0, BLOCK)
            amount = tl.zeros([BLOCK], tl.int64)
            for first in range(0, copies, AT_ONCE):
                copy = first + tl.arange(0, AT_ONCE)[:, None]
                source = sums + (copy * DEGREE + degree) * stride + bin[None, :]
                there = (copy < copies) & (bin < n_bins)[None, :]
                amount += tl.sum(tl.load(source, mask=there, other=0), 0)
            tl.store(target + bin + 1, carry + tl.cumsum(amount, 0), mask=bin < n_bins)
            carry += tl.sum(amount)


@triton.jit
def _stretch(running, degree, stride, begin, end, there, fixed_unit):
    """Returns ``Σ T_l`` of the bins from `begin` to before `end`."""
    source = running + degree * stride
    after = tl.load(source + end, mask=there, other=0)
    amount = after - tl.load(source + begin, mask=there, other=0)
    return amount.to(tl.float64) * fixed_unit


@triton.jit
def _node(z, weight, rank, loss):
    """Adds a node: z is ``λ (s - s_u)``."""
    sigma, entropy = cross_entropy(z, NO_WINDOW, False)
    share = weight.to(tl.float32)
    return rank + (share * sigma).to(tl.float64), loss + (share * entropy).to(tl.float64)


@triton.jit
def _sum_cells(
    own, inside, limit, running, starts, header, stride, fixed_unit, scale, window,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Returns Σ σ and Σ cross entropy over the negatives in the windows of some positives."""
    n_cells = tl.load(header + CELLS).to(tl.int32)
    place, cell = cell_of(own, scale)
    rest = (place - cell).to(tl.float32)[:, None]
    home = cell - tl.load(header + FIRST) - window * PER_UNIT  # where the window ends
    home = tl.where(inside, home, 0.0).to(tl.int32)[:, None]
    rank = tl.zeros([ROWS, COLUMNS], tl.float64)
    loss = tl.zeros([ROWS, COLUMNS], tl.float64)
    for start in range(0, n_cells, COLUMNS):
        c = (start + tl.arange(0, COLUMNS))[None, :]
        there = inside[:, None] & (c >= home) & (c < n_cells)
        if tl.max(there.to(tl.int32)) > 0:
            lower = tl.load(starts + c, mask=there, other=0)
            begin = tl.where(c == home, limit[:, None], lower) + c
            end = tl.load(starts + c + 1, mask=there, other=0) + c + 1
            m0 = _stretch(running, 0, stride, begin, end, there, fixed_unit)
            m1 = _stretch(running, 1, stride, begin, end, there, fixed_unit)
            m2 = _stretch(running, 2, stride, begin, end, there, fixed_unit)
            m3 = _stretch(running, 3, stride, begin, end, there, fixed_unit)
            m4 = _stretch(running, 4, stride, begin, end, there, fixed_unit)
            w0, w1, w2, w3, w4 = weights_of_nodes(m0, m1, m2, m3, m4)
            middle = ((c - home).to(tl.float32) - rest + 0.5) / PER_UNIT - window
            rank, loss = _node(middle + A / (2 * PER_UNIT), w0, rank, loss)
            rank, loss = _node(middle + B / (2 * PER_UNIT), w1, rank, loss)
            rank, loss = _node(middle, w2, rank, loss)
            rank, loss = _node(middle - B / (2 * PER_UNIT), w3, rank, loss)
            rank, loss = _node(middle - A / (2 * PER_UNIT), w4, rank, loss)
    return tl.sum(rank, 1), tl.sum(loss, 1)


@triton.jit
def _sum_pairs(own, values, n, scale, window, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """The same pair by pair."""
    rank = tl.zeros([ROWS, COLUMNS], tl.float64)
    loss = tl.zeros([ROWS, COLUMNS], tl.float64)
    for start in range(0, n, COLUMNS):
        at = start + tl.arange(0, COLUMNS)
        value = tl.load(values + at, mask=at < n, other=float("-inf"))
        z = scale * (value[None, :] - own.to(tl.float32)[:, None])
        sigma, entropy = cross_entropy(z, window, False)
        rank += sigma.to(tl.float64)
        loss += entropy.to(tl.float64)
    return tl.sum(rank, 1), tl.sum(loss, 1)


@triton.jit(do_not_specialize=["bound", "stride"])
def rank_by_cells(
    scores,
    ious,
    ranks,
    starts,
    running,
    values,
    top,
    header,
    shares,
    pulls,
    losses,
    counted,
    total,
    n,
    bound,
    stride,
    fixed_unit,
    scale,
    window,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Sums what each positive needs.

    Writes ``share = iou / rank``, ``pull`` (the sum of derivatives), the loss of the positive, and
    whether it has any pair (`counted`).
    """
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    n_positives = tl.minimum(tl.load(total), bound)
    inside = row < n_positives
    own = tl.load(scores + row, mask=inside, other=float("inf"))
    iou = tl.load(ious + row, mask=inside, other=0.0).to(tl.float32)
    if tl.load(header + FITS) > 0:
        limit = tl.load(ranks + row, mask=inside, other=0) + 1
        rank, loss = _sum_cells(
            own, inside, limit, running, starts, header, stride, fixed_unit, scale, window,
            ROWS, COLUMNS,
        )  # fmt: skip
    else:
        rank, loss = _sum_pairs(
            own, values, tl.where(n_positives > 0, n, 0), scale, window, ROWS, COLUMNS
        )
    own = own.to(tl.float32)
    pull = rank
    sigmas, entropies, slopes, pairs = pairs_of_positives(
        own, iou, scores, ious, n_positives, bound, scale, window, False, ROWS, COLUMNS
    )
    rank += sigmas
    highest = tl.load(top)
    near = scale * (highest - own) > -window
    rank = tl.where(highest != highest, float("nan"), rank)
    rank = tl.where(is_wrong(own), float("nan"), rank)
    share = tl.where(inside, iou.to(tl.float64) / rank, 0.0)
    tl.store(shares + row, share, mask=row < bound)
    tl.store(pulls + row, pull + slopes, mask=inside)
    tl.store(losses + row, tl.where(inside, share * (loss + entropies), 0.0), mask=row < bound)
    store_counted(counted, row, inside, (pairs > 0) | near, rank, bound)
