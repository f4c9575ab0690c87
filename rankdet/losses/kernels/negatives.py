"""Triton kernels that read the negatives: pass 1 of two, as docs/losses.md describes.

It puts each negative in its bin between the breakpoints and adds it to a histogram. The sums are
integers (fixed point), so they do not depend on the order of additions.
"""

import triton
import triton.language as tl

from rankdet.losses.kernels.pairs import ALRP, ALRP_ZERO, RS
from rankdet.losses.kernels.positives import is_positive

NOT_NEGATIVE = tl.constexpr(-1)  # in the place of a bin: an ignored element
POSITIVE = tl.constexpr(-2)


@triton.jit(do_not_specialize=["n_edges", "copies"])
def bin_negatives(
    logits,
    labels,
    edges,
    bins,
    counts,
    offsets,
    has_nan,
    n,
    n_edges,
    copies,
    fixed_one,
    SOFT: tl.constexpr,
    LEVELS: tl.constexpr,
    TURNS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Pass 1: writes the bin of each negative, and counts and offsets per bin.

    An offset is the distance from the bin's start in units of the bin's width, times `fixed_one`.
    A negative below the first edge, whose gradient is 0, is in bin 0. There are several copies of
    the histogram, so that fewer programs add to the same number.
    """
    pid = tl.program_id(0)
    at = pid * BLOCK + tl.arange(0, BLOCK)
    label = tl.load(labels + at, mask=at < n, other=-1)
    negative = (label == 0) & (at < n)
    value = tl.load(logits + at, mask=negative, other=0).to(tl.float32)
    relevant = negative & ((value < tl.load(edges)) == 0)  # true for NaN
    place = tl.zeros([BLOCK], tl.int32)
    if tl.max(relevant.to(tl.int32)) > 0:
        for level in tl.static_range(LEVELS):
            probe = place + (1 << (LEVELS - 1 - level))
            reached = relevant & (probe <= n_edges)
            edge = tl.load(edges + probe - 1, mask=reached, other=float("inf"))
            place = tl.where(reached & (edge <= value), probe, place)
        tl.store(has_nan, tl.full([], 1, tl.int64), mask=tl.max((value != value).to(tl.int32)) > 0)
        found = relevant & (place > 0)
        start = tl.load(edges + place - 1, mask=found, other=0.0)
        end = tl.load(edges + place, mask=found & (place < n_edges), other=float("inf"))
        # Wider bins are in no ramp. What becomes an integer is between 0 and `fixed_one`, even
        # beside values that are not finite: their conversion is not defined on a GPU.
        bounded = found & (end - start < float("inf"))
        share = tl.where(bounded, (value - start) / tl.where(bounded, end - start, 1.0), 0.0)
        fixed = (share * fixed_one).to(tl.int64)
        histogram = (pid % copies).to(tl.int64) * (n_edges + 1)
        for turn in tl.static_range(TURNS):
            # Many negatives are in few bins. A bin drawn from the block is summed first, so that
            # not every element has to wait for the same number in memory.
            drawn = ((tl.arange(0, BLOCK) * 40503 + 12347 * turn) % 65536) * 32768 + place
            heavy = tl.max(tl.where(found, drawn, -1)) % 32768
            same = found & (place == heavy)
            count = tl.sum(same.to(tl.int32)).to(tl.int64)
            offset = tl.sum(tl.where(same, fixed, 0))
            tl.atomic_add(counts + histogram + heavy, count, mask=count > 0, sem="relaxed")
            tl.atomic_add(offsets + histogram + heavy, offset, mask=count > 0, sem="relaxed")
            found = found & (place != heavy)
        target = histogram + place
        tl.atomic_add(counts + target, tl.full([BLOCK], 1, tl.int64), mask=found, sem="relaxed")
        tl.atomic_add(offsets + target, fixed, mask=found & (fixed > 0), sem="relaxed")
    code = tl.where(is_positive(label, SOFT), POSITIVE, NOT_NEGATIVE)
    tl.store(bins + at, tl.where(negative, place, code).to(tl.int16), mask=at < n)


@triton.jit(do_not_specialize=["n_edges", "copies"])
def add_copies(
    counts,
    offsets,
    edges,
    mass,
    moment,
    n_edges,
    copies,
    fixed_unit,
    AT_ONCE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Adds the copies of the histogram, as float64: counts, and distances from the bin's start."""
    bin = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = bin <= n_edges
    count = tl.zeros([BLOCK], tl.int64)
    offset = tl.zeros([BLOCK], tl.int64)
    for first in range(0, copies, AT_ONCE):
        copy = first + tl.arange(0, AT_ONCE)[:, None]
        source = copy * (n_edges + 1) + bin[None, :]
        found = (copy < copies) & there[None, :]
        count += tl.sum(tl.load(counts + source, mask=found, other=0), 0)
        offset += tl.sum(tl.load(offsets + source, mask=found, other=0), 0)
    start = tl.load(edges + bin - 1, mask=there & (bin > 0), other=0.0).to(tl.float64)
    end = tl.load(edges + bin, mask=bin < n_edges, other=0.0).to(tl.float64)
    distance = tl.where(offset > 0, offset.to(tl.float64) * fixed_unit * (end - start), 0.0)
    tl.store(mass + bin, count.to(tl.float64), mask=there)
    tl.store(moment + bin, distance, mask=there)


@triton.jit(do_not_specialize=["bound", "n_edges"])
def rank_among_negatives(
    scores,
    extra,
    lower,
    upper,
    edges,
    mass,
    moment,
    has_nan,
    above,
    weighted,
    rank,
    errors,
    weights,
    by_positive,
    total,
    bound,
    n_edges,
    eps,
    DELTA: tl.constexpr,
    LOSS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Sums the histogram to ``FP_i``, and makes rank, error and gradient of each positive.

    `errors` are ``FP_i / rank_i``, `weights` the factors w of a negative's gradient
    ``Σ_i w_i H(s_j - s_i)``, `by_positive` the gradients of the positives.
    """
    i = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    n_positives = tl.load(total)
    inside = i < tl.minimum(n_positives, bound)
    low = tl.load(lower + i, mask=inside, other=0)[:, None]
    if DELTA > 0:
        high = tl.load(upper + i, mask=inside, other=0)[:, None]
        own = tl.load(scores + i, mask=inside, other=0.0)[:, None]
        delta = tl.full([1, 1], DELTA, tl.float64)
    sums = tl.zeros([ROWS, COLUMNS], tl.float64)
    for start in range(0, n_edges, COLUMNS):
        edge = (start + tl.arange(0, COLUMNS))[None, :]  # bin `edge + 1` starts at it
        there = edge < n_edges
        count = tl.load(mass + edge + 1, mask=there, other=0.0)
        if DELTA == 0:
            sums += tl.where(low <= edge, count, 0.0)
        else:
            height = tl.load(edges + edge, mask=there, other=0.0).to(tl.float64) - own + delta
            ramp = count * height + tl.load(moment + edge + 1, mask=there, other=0.0)
            ramp = tl.where(count > 0, ramp * tl.full([1, 1], 0.5 / DELTA, tl.float64), 0.0)
            sums += tl.where(high <= edge, count, tl.where(low <= edge, ramp, 0.0))
    false = tl.sum(sums, 1)
    wrong = tl.load(has_nan) > 0  # then every error and every weight is NaN
    false = tl.where(wrong, float("nan"), tl.maximum(false, 0.0))
    others = tl.load(above + i, mask=inside, other=0.0)
    normaliser = tl.maximum(n_positives, 1).to(tl.float64)
    position = others + false + (1.0 if LOSS != RS or DELTA == 0 else 0.5)  # H(0) of itself
    error = false / position
    smallest = tl.full([1], 1e-300, tl.float64)
    if (LOSS == ALRP) | (LOSS == ALRP_ZERO):
        excess = false + tl.load(weighted + i, mask=inside, other=0.0)
        if LOSS == ALRP_ZERO:
            excess += tl.load(extra + i, mask=inside, other=0).to(tl.float64)
        excess = excess / position / normaliser
    else:
        excess = error / normaliser
    weight = tl.where(false <= eps, 0.0, excess / tl.maximum(false, smallest))
    if LOSS != ALRP_ZERO:
        excess = tl.where(false <= eps, 0.0, excess)
    if LOSS == RS:
        sorting = tl.load(weighted + i, mask=inside, other=0.0)
        tl.store(weighted + i, tl.where(wrong, float("nan"), sorting), mask=inside)
    tl.store(rank + i, position, mask=inside)
    tl.store(errors + i, tl.where(inside, error, 0.0), mask=i < bound)
    tl.store(weights + i, tl.where(inside, weight, 0.0), mask=i < bound)
    tl.store(by_positive + i, -excess, mask=inside)
