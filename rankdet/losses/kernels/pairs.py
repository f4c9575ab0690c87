"""Triton kernels for sums of the smoothed step H over the pairs of positives.

P is small, so all P x P pairs are cheaper than a sort: a positive's breakpoints are put in order by
counting the smaller ones. All sums are in float64 and in a fixed order.

Names: i is the positive of a row, k every other one. ``s`` are scores. A score of +inf marks an
empty place.
"""

import triton
import triton.language as tl

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
        return tl.where(difference >= 0, 1.0, tl.where(difference < 0, 0.0, difference))
    half = tl.full([1], 0.5, tl.float64)
    slope = half / tl.full([1], DELTA, tl.float64)
    value = difference * slope + half
    return tl.where(value <= 0, 0.0, tl.where(value >= 1, 1.0, value))


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
    """
    i = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    n_positives = tl.load(total)
    inside = i < bound
    own = tl.load(scores + i, mask=inside, other=float("inf"))
    delta = tl.full([1], DELTA, tl.float64)
    first = tl.zeros([ROWS], tl.int64)
    second = tl.zeros([ROWS], tl.int64)
    mass = tl.zeros([ROWS], tl.float64)
    moment = tl.zeros([ROWS], tl.float64)
    low_mass = tl.zeros([ROWS], tl.float64)
    low_moment = tl.zeros([ROWS], tl.float64)
    if LOSS == RS:
        quality = tl.load(extra + i, mask=inside, other=0).to(tl.float64)
    for start in range(0, bound, COLUMNS):
        k = start + tl.arange(0, COLUMNS)
        there = (k < bound)[None, :]
        other = tl.load(scores + k, mask=k < bound, other=float("inf"))[None, :]
        earlier = (other < own[:, None]) | ((other == own[:, None]) & (k[None, :] < i[:, None]))
        earlier = tl.sum((earlier & there).to(tl.int64), 1)
        first += earlier
        if DELTA > 0:
            below = there & (other + delta[None, :] < own[:, None] - delta[None, :])
            first += tl.sum(below.to(tl.int64), 1)
            below = there & (other - delta[None, :] <= own[:, None] + delta[None, :])
            second += earlier + tl.sum(below.to(tl.int64), 1)
        real = (k < n_positives)[None, :]
        h = tl.where(real, step(other - own[:, None], DELTA), 0.0)
        if LOSS == RS:
            value = tl.load(extra + k, mask=k < bound, other=0).to(tl.float64)[None, :]
            worse = tl.where(value < quality[:, None], h, 0.0)
            mass += tl.sum(h, 1)
            moment += tl.sum(h * (1 - value), 1)
            low_mass += tl.sum(worse, 1)
            low_moment += tl.sum(worse * (1 - value), 1)
        else:
            h = tl.where(k[None, :] == i[:, None], 0.0, h)
            mass += tl.sum(h, 1)
            if LOSS >= ALRP:
                value = tl.load(extra + k, mask=k < n_positives, other=0).to(tl.float64)[None, :]
                moment += tl.sum(tl.where(real, h * value, 0.0), 1)
    tl.store(lower + i, first, mask=inside)
    tl.store(edges + first, (own - delta).to(tl.float32), mask=inside & (first < 2 * bound))
    if DELTA > 0:
        tl.store(upper + i, second, mask=inside)
        tl.store(edges + second, (own + delta).to(tl.float32), mask=inside & (second < 2 * bound))
    if LOSS == RS:
        excess = moment / mass - (moment - low_moment) / (mass - low_mass)
        moment = tl.where(low_mass <= EPS, 0.0, excess)
        tl.store(bad + i, low_mass, mask=inside)
        mass = mass - (0.5 if DELTA > 0 else 1.0)
    tl.store(above + i, mass, mask=inside)
    tl.store(weighted + i, moment, mask=inside)


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
    inside = i < tl.minimum(n_positives, bound)
    own = tl.load(scores + i, mask=inside, other=float("inf"))
    if LOSS == AP:
        best = tl.load(errors + i, mask=inside, other=0.0)
        before = best
    else:
        best = tl.zeros([ROWS], tl.float64)
    if LOSS == RS:
        quality = tl.load(extra + i, mask=inside, other=0).to(tl.float64)
    for start in range(0, bound, COLUMNS):
        k = start + tl.arange(0, COLUMNS)
        there = k < tl.minimum(n_positives, bound)
        other = tl.load(scores + k, mask=there, other=float("inf"))
        real = there[None, :]
        if LOSS == AP:
            error = tl.load(errors + k, mask=there, other=float("inf"))
            lower = real & (other[None, :] <= own[:, None])
            best = tl.minimum(best, tl.min(tl.where(lower, error[None, :], float("inf")), 1))
        elif LOSS == RS:
            value = tl.load(extra + k, mask=there, other=0).to(tl.float64)
            blame = tl.load(excess + k, mask=there, other=0.0)
            blame = blame / tl.maximum(tl.load(bad + k, mask=there, other=1.0), EPS)
            h = step(own[:, None] - other[None, :], DELTA) * blame[None, :]
            worse = real & (quality[:, None] < value[None, :])
            best += tl.sum(tl.where(worse, h, 0.0), 1)
        else:
            after = (other[None, :] < own[:, None]) | (
                (other[None, :] == own[:, None]) & (k[None, :] >= i[:, None])
            )
            share = 1 / tl.load(rank + k, mask=there, other=1.0)
            best += tl.sum(tl.where(after & real, share[None, :], 0.0), 1)
    best = tl.where(inside, best, 0.0)
    if LOSS == AP:
        best = tl.where(before != before, before, best)  # a NaN stays NaN
        ratio = tl.where(before > 0, best / before, before)
        tl.store(weights + i, tl.load(weights + i, mask=inside, other=0.0) * ratio, mask=inside)
        tl.store(result + i, best, mask=inside)
    else:
        if LOSS == RS:
            best -= tl.load(excess + i, mask=inside, other=0.0)
        best = best / tl.maximum(n_positives, 1).to(tl.float64)
        tl.store(result + i, best, mask=i < bound)
