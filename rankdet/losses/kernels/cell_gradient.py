"""Triton kernels of APE Loss that write the gradient (`rankdet.losses.kernels.cells`)."""

import triton
import triton.language as tl

from rankdet.losses.kernels.among_positives import divisor, write_positives
from rankdet.losses.kernels.cells import FACTORS, PER_UNIT, cell_of
from rankdet.losses.kernels.chebyshev import A, B, coefficients, evaluate
from rankdet.losses.kernels.selection import CELLS, FIRST, FITS, KEPT, is_there
from rankdet.losses.kernels.sigmoid import logistic, slope_of


@triton.jit
def _at_nodes(r, there, order, scores, shares, header, c, scale):
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


@triton.jit
def _make_polynomials_of_cell(
    c, low, high, scores, shares, order, factors, header, normaliser, scale, BLOCK: tl.constexpr
):
    """Writes the polynomials of the bins of cell c, whose windows' ends are `low` to `high`."""
    lane = tl.arange(0, BLOCK)
    g0 = tl.zeros([BLOCK], tl.float64)
    g1 = tl.zeros([BLOCK], tl.float64)
    g2 = tl.zeros([BLOCK], tl.float64)
    g3 = tl.zeros([BLOCK], tl.float64)
    g4 = tl.zeros([BLOCK], tl.float64)
    for start in range(0, low, BLOCK):
        r = start + lane
        a0, a1, a2, a3, a4 = _at_nodes(r, r < low, order, scores, shares, header, c, scale)
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
        a0, a1, a2, a3, a4 = _at_nodes(r, r < high, order, scores, shares, header, c, scale)
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


@triton.jit(do_not_specialize=["bound"])
def make_polynomials(
    scores,
    shares,
    order,
    starts,
    running,
    counted,
    factors,
    header,
    bound,
    scale,
    BLOCK: tl.constexpr,
):
    """Writes the polynomial of each bin: the gradient ``Σ_u share_u σ(λ (s - s_u)) / M``.

    The sum is over the positives whose window ends below the bin.
    """
    n_cells = tl.load(header + CELLS).to(tl.int32)  # 0 if they do not fit
    pid = tl.program_id(0)
    if pid < n_cells:
        normaliser = 1 / divisor(counted, bound, BLOCK)
        for c in range(pid, n_cells, tl.num_programs(0)):
            low, high = tl.load(starts + c), tl.load(starts + c + 1)
            if tl.load(running + high + c + 1) > tl.load(running + low + c):  # it has negatives
                _make_polynomials_of_cell(
                    c, low, high, scores, shares, order, factors, header, normaliser, scale, BLOCK
                )


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
        result = result / divisor(counted, bound, BLOCK)
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
