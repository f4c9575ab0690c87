"""Triton kernels for sums of the smoothed step H over the pairs of positives.

P is small, so all P x P pairs are cheaper than a sort: a positive's breakpoints are put in order by
counting the smaller ones. All sums are in float64 and in a fixed order.

Names: i is the positive of a row, k every other one. ``s`` are scores. A score of +inf marks an
empty place.
"""

import triton
import triton.language as tl

from rankdet.losses.kernels.positives import is_wrong

NONE = tl.constexpr(0)  # AP Loss without interpolation
AP = tl.constexpr(1)
ALRP = tl.constexpr(2)
ALRP_ZERO = tl.constexpr(3)  # aLRP Loss with the wrong target of appendix G.3
RS = tl.constexpr(4)
EPS = tl.constexpr(1e-10)  # Rank & Sort Loss: smallest sum that an error is distributed over


@triton.jit
def step(difference, DELTA: tl.constexpr):
    """H(x); a NaN stays NaN."""
    if DELTA == 0:
        value = tl.where(difference >= 0, 1.0, tl.where(difference < 0, 0.0, difference))
    else:
        value = difference * tl.full([1, 1], 0.5 / DELTA, tl.float64) + 0.5
        value = tl.where(value <= 0, 0.0, tl.where(value >= 1, 1.0, value))
    return value


@triton.jit
def smallest_at_least(value, rest):
    """Returns the smallest float32 that is not below ``value + rest`` (float64; rest is tiny).

    With it, a comparison of a float32 logit with an edge has the result of exact arithmetic.
    """
    near = value.to(tl.float32)
    low = (near.to(tl.float64) < value) | ((near.to(tl.float64) == value) & (rest > 0))
    bits = near.to(tl.int32, bitcast=True)
    bits = tl.where(near > 0, bits + 1, tl.where(near < 0, bits - 1, 1))
    return tl.where(low & (tl.abs(near) < float("inf")), bits.to(tl.float32, bitcast=True), near)


@triton.jit(do_not_specialize=["bound"])
def rank_positives(
    scores,
    extra,
    lower,
    upper,
    edges,
    above,
    weighted,
    bad,
    has_nan,
    total,
    bound,
    DELTA: tl.constexpr,
    LOSS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Puts the breakpoints ``s_i ± δ`` in order, and sums H over the other positives.

    Writes for each positive the place of both breakpoints, the sorted breakpoints as float32
    (`edges`), and sums of ``H(s_k - s_i)``:

    - `above`: over all k ≠ i;
    - `weighted`: aLRP Loss: the same times ``E_k`` (`extra`). Rank & Sort Loss: the sorting error
      minus its target;
    - `bad`: Rank & Sort Loss: over the k of smaller quality (`extra`).

    It also sets `has_nan` if the logit of a positive is not finite.
    """
    i = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    n_positives = tl.load(total)
    inside = i < bound
    own = tl.load(scores + i, mask=inside, other=float("inf"))[:, None]
    delta = tl.full([1, 1], DELTA, tl.float64)
    first = tl.zeros([ROWS, COLUMNS], tl.int32)
    second = tl.zeros([ROWS, COLUMNS], tl.int32)
    mass = tl.zeros([ROWS, COLUMNS], tl.float64)
    moment = tl.zeros([ROWS, COLUMNS], tl.float64)
    low_mass = tl.zeros([ROWS, COLUMNS], tl.float64)
    low_moment = tl.zeros([ROWS, COLUMNS], tl.float64)
    if LOSS == RS:
        quality = tl.load(extra + i, mask=inside, other=0).to(tl.float64)[:, None]
    for start in range(0, bound, COLUMNS):
        k = (start + tl.arange(0, COLUMNS))[None, :]
        there = k < bound
        other = tl.load(scores + k, mask=there, other=float("inf"))
        earlier = there & ((other < own) | ((other == own) & (k < i[:, None])))
        first += earlier.to(tl.int32)
        if DELTA > 0:
            first += (there & (other + delta < own - delta)).to(tl.int32)
            second += earlier.to(tl.int32)
            second += (there & (other - delta <= own + delta)).to(tl.int32)
        real = k < n_positives
        h = tl.where(real, step(other - own, DELTA), 0.0)
        if LOSS == RS:
            value = tl.load(extra + k, mask=there, other=0).to(tl.float64)
            worse = tl.where(value < quality, h, 0.0)
            mass += h
            moment += h * (1 - value)
            low_mass += worse
            low_moment += worse * (1 - value)
        else:
            h = tl.where(k == i[:, None], 0.0, h)
            mass += h
            if LOSS >= ALRP:
                value = tl.load(extra + k, mask=real, other=0).to(tl.float64)
                moment += tl.where(real, h * value, 0.0)
    low, high = tl.sum(first, 1), tl.sum(second, 1)
    own_score = tl.load(scores + i, mask=inside, other=float("inf"))
    edge = tl.full([1], DELTA, tl.float64)
    wrong = tl.max((is_wrong(own_score) & (i < n_positives) & inside).to(tl.int32))
    tl.store(has_nan, tl.full([], 1, tl.int64), mask=wrong > 0)
    tl.store(lower + i, low, mask=inside)
    begin = own_score - edge
    first_edge = smallest_at_least(begin, (own_score - begin) - edge)
    tl.store(edges + low, first_edge, mask=inside & (low < 2 * bound))
    if DELTA > 0:
        tl.store(upper + i, high, mask=inside)
        end = own_score + edge
        last_edge = smallest_at_least(end, edge - (end - own_score))
        tl.store(edges + high, last_edge, mask=inside & (high < 2 * bound))
    above_it, weighted_sum = tl.sum(mass, 1), tl.sum(moment, 1)
    if LOSS == RS:
        blamed = tl.sum(low_mass, 1)
        excess = weighted_sum / above_it
        excess -= (weighted_sum - tl.sum(low_moment, 1)) / (above_it - blamed)
        weighted_sum = tl.where(blamed <= EPS, 0.0, excess)
        tl.store(bad + i, blamed, mask=inside)
        above_it -= 0.5 if DELTA > 0 else 1.0
    tl.store(above + i, above_it, mask=inside)
    tl.store(weighted + i, weighted_sum, mask=inside)


@triton.jit(do_not_specialize=["bound"])
def finish_positives(
    scores,
    extra,
    errors,
    weights,
    rank,
    excess,
    bad,
    result,
    total,
    bound,
    DELTA: tl.constexpr,
    LOSS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Sums that need the finished value of every positive.

    - AP Loss: interpolates `errors`, the smallest error at the same or a lower score, and changes
      the `weights` of negatives with them.
    - aLRP Loss: `result` is the weight of each localisation error (Eq. A.46).
    - Rank & Sort Loss: `result` is the gradient of the sorting loss (S14-S16).
    """
    i = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    n_positives = tl.load(total)
    last = tl.minimum(n_positives, bound)
    inside = i < last
    own = tl.load(scores + i, mask=inside, other=float("inf"))[:, None]
    best = tl.zeros([ROWS, COLUMNS], tl.float64)
    if LOSS == AP:
        best += float("inf")
    if LOSS == RS:
        quality = tl.load(extra + i, mask=inside, other=0).to(tl.float64)[:, None]
    for start in range(0, bound, COLUMNS):
        k = (start + tl.arange(0, COLUMNS))[None, :]
        there = k < last
        other = tl.load(scores + k, mask=there, other=float("inf"))
        if LOSS == AP:
            error = tl.load(errors + k, mask=there, other=float("inf"))
            best = tl.minimum(best, tl.where(there & (other <= own), error, float("inf")))
        elif LOSS == RS:
            value = tl.load(extra + k, mask=there, other=0).to(tl.float64)
            blame = tl.load(excess + k, mask=there, other=0.0)
            blame = blame / tl.maximum(tl.load(bad + k, mask=there, other=1.0), EPS)
            h = step(own - other, DELTA) * blame
            best += tl.where(there & (quality < value), h, 0.0)
        else:
            after = (other < own) | ((other == own) & (k >= i[:, None]))
            share = 1 / tl.load(rank + k, mask=there, other=1.0)
            best += tl.where(after & there, share, 0.0)
    if LOSS == AP:
        before = tl.load(errors + i, mask=inside, other=0.0)
        value = tl.minimum(before, tl.min(best, 1))
        value = tl.where(before != before, before, tl.where(inside, value, 0.0))  # NaN stays NaN
        ratio = tl.where(before > 0, value / before, before)
        tl.store(weights + i, tl.load(weights + i, mask=inside, other=0.0) * ratio, mask=inside)
        tl.store(result + i, value, mask=inside)
    else:
        value = tl.where(inside, tl.sum(best, 1), 0.0)
        if LOSS == RS:
            value -= tl.load(excess + i, mask=inside, other=0.0)
        value = value / tl.maximum(n_positives, 1).to(tl.float64)
        tl.store(result + i, value, mask=i < bound)
