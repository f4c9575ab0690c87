"""Triton kernels of APE Loss in O(P + N): negatives as polynomials in cells of scaled scores.

The axis of λs is divided into cells of width 1/4. Within a cell σ(z) is a polynomial of degree 4 of
the negative's position (relative error 1.4e-8, decision 047), so a cell of negatives is five sums
of Chebyshev polynomials, or five weighted nodes. The window of a positive u ends in a step at
``s_u - window / λ``. All ends together divide the cells into bins: bin ``b + c`` has the negatives
in cell c above exactly b ends. Sums are integers (fixed point), so that their order does not
matter; from their running sums any stretch of bins is known.

Values that are not finite, or that need more than `MOST_CELLS` cells, are computed pair by pair.
"""

import triton
import triton.language as tl

from rankdet.losses.kernels.chebyshev import A, B, coefficients, evaluate, weights_of_nodes
from rankdet.losses.kernels.selection import (
    CELLS,
    FIRST,
    FITS,
    KEPT,
    add_to_list,
    is_there,
    start_selection,
)
from rankdet.losses.kernels.sigmoid import add_up, cross_entropy, pairs_of_positives, slope_of
from rankdet.losses.kernels.sigmoid import logistic, write_positives

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
    pid, lane = tl.program_id(0), tl.arange(0, BLOCK)
    lowest = tl.full([], float("inf"), tl.float64)
    n_positives = tl.minimum(tl.load(total), bound)
    for start in range(0, bound, BLOCK):
        score = tl.load(scores + start + lane, mask=start + lane < n_positives, other=float("inf"))
        lowest = tl.minimum(lowest, tl.min(score))
    at = pid * BLOCK + lane
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
    pid, scores, order, upper, edges, bound, scale, window, ROWS: tl.constexpr, COLUMNS: tl.constexpr
):
    """Puts the ends of windows in ascending order by counting the earlier ones."""
    i = pid * ROWS + tl.arange(0, ROWS)
    inside = i < bound
    own = tl.load(scores + i, mask=inside, other=float("inf"))
    edge = largest_at_most(end_of_window(own, scale, window))
    earlier = tl.zeros([ROWS, COLUMNS], tl.int32)
    equal = tl.zeros([ROWS, COLUMNS], tl.int32)
    for start in range(0, bound, COLUMNS):
        k = (start + tl.arange(0, COLUMNS))[None, :]
        there = k < bound
        score = tl.load(scores + k, mask=there, other=float("inf"))
        other = largest_at_most(end_of_window(score, scale, window))
        same = there & (other == edge[:, None])
        before = (there & (other < edge[:, None])) | (same & (k < i[:, None]))
        earlier += before.to(tl.int32)
        equal += (same & (k >= i[:, None])).to(tl.int32)
    rank = tl.sum(earlier, 1)
    tl.store(order + rank, i, mask=inside & (rank < bound))
    tl.store(edges + rank, edge, mask=inside & (rank < bound))
    tl.store(upper + i, rank + tl.sum(equal, 1), mask=inside)


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
    upper,
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
    are (`order`), the number of ends not above that of each positive (`upper`), and the number of
    ends below each cell (`starts`).
    """
    pid, lane = tl.program_id(0), tl.arange(0, BLOCK)
    n_positives = tl.minimum(tl.load(total), bound)
    if pid < row_tiles:
        _sort_window_ends(
            pid, scores, order, upper, edges, bound, scale, window, ROWS, COLUMNS
        )
    else:
        lowest = tl.full([], float("inf"), tl.float64)
        last = tl.full([], float("-inf"), tl.float64)
        wrong = tl.zeros([], tl.int32)
        for start in range(0, bound, BLOCK):
            there = start + lane < n_positives
            score = tl.load(scores + start + lane, mask=there, other=float("inf"))
            wrong += tl.sum((score != score).to(tl.int32))
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
            last = tl.where(wrong > 0, float("inf"), last)  # then the cells do not fit
            _write_header(
                header, top, highest, counts, lowest, last, n_positives, n_blocks, wanted,
                window, scale, BLOCK,
            )  # fmt: skip


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
    TURNS: tl.constexpr,
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
        for turn in tl.static_range(TURNS):
            # Many negatives are in few bins. A bin drawn from the block is summed first, so that
            # not every element has to wait for the same number in memory.
            drawn = ((tl.arange(0, BLOCK) * 40503 + 12347 * turn) % 65536) * 32768 + bin
            heavy = tl.max(tl.where(found, drawn, -1)) % 32768
            same = found & (bin == heavy)
            any_found = tl.max(same.to(tl.int32)) > 0
            before, term = x, tl.full([BLOCK], 1.0, tl.float32)
            for degree in tl.static_range(DEGREE):
                amount = tl.sum(tl.where(same, (term * fixed_one).to(tl.int64), 0))
                tl.atomic_add(
                    target + degree * stride + heavy, amount, mask=any_found, sem="relaxed"
                )
                before, term = term, 2 * x * term - before
            found = found & (bin != heavy)
        before, term = x, tl.full([BLOCK], 1.0, tl.float32)
        for degree in tl.static_range(DEGREE):
            amount = (term * fixed_one).to(tl.int64)
            tl.atomic_add(target + degree * stride + bin, amount, mask=found, sem="relaxed")
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
    upper,
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
        limit = tl.load(upper + row, mask=inside, other=0)
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
    share = tl.where(inside, iou.to(tl.float64) / rank, 0.0)
    tl.store(shares + row, share, mask=row < bound)
    tl.store(pulls + row, pull + slopes, mask=inside)
    tl.store(losses + row, tl.where(inside, share * (loss + entropies), 0.0), mask=row < bound)
    found = inside & ((pairs > 0) | near | (rank != rank))
    tl.store(counted + row, found.to(tl.float64), mask=row < bound)


@triton.jit
def _at_nodes(r, there, order, scores, shares, header, c, scale, window):
    """Returns ``share σ(λ (s - s_u))`` at the nodes of cell c, for positives in order of ends."""
    row = tl.load(order + r, mask=there, other=0)
    share = tl.load(shares + row, mask=there, other=0.0)
    place, cell = cell_of(tl.load(scores + row, mask=there, other=0.0), scale)
    distance = (c + tl.load(header + FIRST) - cell).to(tl.float32) - (place - cell).to(tl.float32)
    middle = (distance + 0.5) / PER_UNIT
    g0, _small0 = logistic(middle + A / (2 * PER_UNIT))
    g1, _small1 = logistic(middle + B / (2 * PER_UNIT))
    g2, _small2 = logistic(middle)
    g3, _small3 = logistic(middle - B / (2 * PER_UNIT))
    g4, _small4 = logistic(middle - A / (2 * PER_UNIT))
    return share * g0, share * g1, share * g2, share * g3, share * g4


@triton.jit
def _store_factors(target, c0, c1, c2, c3, c4, mask):
    tl.store(target, c0.to(tl.float32), mask=mask)
    tl.store(target + 1, c1.to(tl.float32), mask=mask)
    tl.store(target + 2, c2.to(tl.float32), mask=mask)
    tl.store(target + 3, c3.to(tl.float32), mask=mask)
    tl.store(target + 4, c4.to(tl.float32), mask=mask)


@triton.jit(do_not_specialize=["bound"])
def make_polynomials(
    scores,
    shares,
    order,
    starts,
    counted,
    factors,
    header,
    bound,
    scale,
    window,
    BLOCK: tl.constexpr,
):
    """Writes the polynomial of each bin: the gradient ``Σ_u share_u σ(λ (s - s_u)) / M``.

    The sum is over the positives whose window ends below the bin.
    """
    n_cells = tl.load(header + CELLS).to(tl.int32)  # 0 if they do not fit
    pid, lane = tl.program_id(0), tl.arange(0, BLOCK)
    if pid < n_cells:
        normaliser = 1 / tl.maximum(add_up(counted, bound, BLOCK), 1.0)
        for c in range(pid, n_cells, tl.num_programs(0)):
            low, high = tl.load(starts + c), tl.load(starts + c + 1)
            g0 = tl.zeros([BLOCK], tl.float64)
            g1 = tl.zeros([BLOCK], tl.float64)
            g2 = tl.zeros([BLOCK], tl.float64)
            g3 = tl.zeros([BLOCK], tl.float64)
            g4 = tl.zeros([BLOCK], tl.float64)
            for start in range(0, low, BLOCK):
                r = start + lane
                a0, a1, a2, a3, a4 = _at_nodes(
                    r, r < low, order, scores, shares, header, c, scale, window
                )
                g0 += a0
                g1 += a1
                g2 += a2
                g3 += a3
                g4 += a4
            c0, c1, c2, c3, c4 = coefficients(
                tl.sum(g0) * normaliser,
                tl.sum(g1) * normaliser,
                tl.sum(g2) * normaliser,
                tl.sum(g3) * normaliser,
                tl.sum(g4) * normaliser,
            )
            lowest_bin = factors + FACTORS * (low + c)
            _store_factors(lowest_bin, c0, c1, c2, c3, c4, low >= 0)
            for start in range(low, high, BLOCK):
                r = start + lane
                a0, a1, a2, a3, a4 = _at_nodes(
                    r, r < high, order, scores, shares, header, c, scale, window
                )
                a0, a1, a2, a3, a4 = coefficients(a0, a1, a2, a3, a4)
                a0, a1, a2 = a0 * normaliser, a1 * normaliser, a2 * normaliser
                a3, a4 = a3 * normaliser, a4 * normaliser
                target = factors + FACTORS * (r + c + 1)
                _store_factors(
                    target,
                    c0 + tl.cumsum(a0, 0),
                    c1 + tl.cumsum(a1, 0),
                    c2 + tl.cumsum(a2, 0),
                    c3 + tl.cumsum(a3, 0),
                    c4 + tl.cumsum(a4, 0),
                    r < high,
                )
                c0 += tl.sum(a0)
                c1 += tl.sum(a1)
                c2 += tl.sum(a2)
                c3 += tl.sum(a3)
                c4 += tl.sum(a4)


@triton.jit
def _by_polynomial(bin, value, factors, header, scale, found):
    """Returns the gradient of negatives by the polynomials of their bins."""
    place, cell = cell_of(value, scale)
    x = (2 * (place - cell) - 1).to(tl.float32)
    source = factors + FACTORS * bin
    return evaluate(
        x,
        tl.load(source, mask=found, other=0.0),
        tl.load(source + 1, mask=found, other=0.0),
        tl.load(source + 2, mask=found, other=0.0),
        tl.load(source + 3, mask=found, other=0.0),
        tl.load(source + 4, mask=found, other=0.0),
    )


@triton.jit
def _write_pairs(
    block, values, scores, shares, counted, gradient, n_positives, n, bound, scale, window,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Writes the gradient of a block of negatives, pair by pair."""
    at = block * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(values + at, mask=at < n, other=float("-inf"))
    kept = is_there(value)
    if tl.max(kept.to(tl.int32)) > 0:
        result = tl.zeros([BLOCK], tl.float64)
        for row in range(0, n_positives):
            z = scale * (value - tl.load(scores + row).to(tl.float32))
            result += slope_of(z, window, False) * tl.load(shares + row)
        result = result / tl.maximum(add_up(counted, bound, BLOCK), 1.0)
        tl.store(gradient + at, result.to(tl.float32), mask=kept)


@triton.jit(do_not_specialize=["most", "bound", "expected", "n_lists", "n_blocks"])
def write_by_cells(
    values,
    short,
    short_places,
    bins,
    factors,
    header,
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
    n,
    most,
    bound,
    expected,
    n_lists,
    n_blocks,
    scale,
    window,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Writes the gradient, the loss, and M.

    The first `n_lists` programs write a block of the listed negatives each; the others write the
    positives.
    """
    pid = tl.program_id(0)
    if pid >= n_lists:
        write_positives(
            pid - n_lists, scores, ious, places, shares, pulls, losses, counted, gradient,
            loss_out, count_out, total, bound, expected, scale, window, False, ROWS, COLUMNS,
        )  # fmt: skip
    elif tl.load(header + FITS) > 0:
        at = pid * BLOCK + tl.arange(0, BLOCK)
        listed = at < tl.minimum(tl.load(header + KEPT), most)
        if tl.max(listed.to(tl.int32)) > 0:
            bin = tl.load(bins + at, mask=listed, other=0).to(tl.int32)
            value = tl.load(short + at, mask=listed, other=0.0)
            slope = _by_polynomial(bin, value, factors, header, scale, bin > 0)
            place = tl.load(short_places + at, mask=listed, other=0)
            tl.store(gradient + place, slope, mask=listed)
    else:
        n_positives = tl.minimum(tl.load(total), bound).to(tl.int32)
        for block in range(pid, n_blocks, n_lists):
            _write_pairs(
                block, values, scores, shares, counted, gradient, n_positives, n, bound,
                scale, window, BLOCK,
            )  # fmt: skip
