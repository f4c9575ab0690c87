"""Triton kernels that collect the positives in order of appearance; the host never waits.

Two launches: the first counts the positives of each block, the second writes them. The order does
not depend on the timing of blocks, so results are the same in every call.
"""

import triton
import triton.language as tl


@triton.jit
def is_positive(label, SOFT: tl.constexpr):
    """Whether an element is a positive: a label of 1, or a soft target above 0."""
    if SOFT:
        return label > 0
    return label == 1


@triton.jit
def is_wrong(score):
    """Whether the score of a positive is infinite: its logit was, or was NaN."""
    return tl.abs(score) == float("inf")


@triton.jit
def lowest_score(scores, total, bound, BLOCK: tl.constexpr):
    """Returns the lowest score of the positives, +inf if there is none."""
    lane = tl.arange(0, BLOCK)
    lowest = tl.full([], float("inf"), tl.float64)
    n_positives = tl.minimum(tl.load(total), bound)
    for start in range(0, bound, BLOCK):
        score = tl.load(scores + start + lane, mask=start + lane < n_positives, other=float("inf"))
        lowest = tl.minimum(lowest, tl.min(score))
    return lowest


@triton.jit
def count_positives(labels, counts, n, SOFT: tl.constexpr, BLOCK: tl.constexpr):
    """Writes the number of positives of each block to `counts`."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    label = tl.load(labels + at, mask=at < n, other=0)
    tl.store(counts + tl.program_id(0), tl.sum(is_positive(label, SOFT).to(tl.int32)))


@triton.jit(do_not_specialize=["bound", "n_zeroed", "n_blocks"])
def collect_positives(
    logits,
    labels,
    counts,
    total,
    places,
    scores,
    qualities,
    zeroed,
    n,
    bound,
    n_zeroed,
    n_blocks,
    SOFT: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Writes index, score and (for soft targets) quality of each positive.

    A score of NaN becomes +inf; the loss of both is NaN (`is_wrong`).
    Places after the last positive get index -1 and score +inf: their breakpoints are then sorted
    behind all others. Positives beyond `bound` are counted in `total`, but not written.
    It also sets the histogram of the negatives (`zeroed`) to 0.
    """
    pid = tl.program_id(0)
    lane = tl.arange(0, BLOCK)
    before = tl.zeros([], tl.int32)
    everyone = tl.zeros([], tl.int32)
    if (tl.load(counts + pid) > 0) | (pid == 0):  # most blocks have no positive
        for start in range(0, n_blocks, BLOCK):
            block = start + lane
            count = tl.load(counts + block, mask=block < n_blocks, other=0)
            before += tl.sum(tl.where(block < pid, count, 0))
            everyone += tl.sum(count)
        at = pid * BLOCK + lane
        label = tl.load(labels + at, mask=at < n, other=0)
        mine = is_positive(label, SOFT)
        place = before + tl.cumsum(mine.to(tl.int32), 0) - 1
        kept = mine & (place < bound)
        logit = tl.load(logits + at, mask=kept, other=0).to(tl.float64)
        logit = tl.where(logit != logit, float("inf"), logit)  # NaN has no place in an order
        tl.store(places + place, at.to(tl.int64), mask=kept)
        tl.store(scores + place, logit, mask=kept)
        if SOFT:
            tl.store(qualities + place, label.to(tl.float64), mask=kept)
    if pid == 0:
        tl.store(total, everyone.to(tl.int64))
        for start in range(0, bound, BLOCK):
            empty = (start + lane >= everyone) & (start + lane < bound)
            tl.store(places + start + lane, tl.full([BLOCK], -1, tl.int64), mask=empty)
            tl.store(scores + start + lane, tl.full([BLOCK], float("inf"), tl.float64), mask=empty)
            if SOFT:
                tl.store(qualities + start + lane, tl.zeros([BLOCK], tl.float64), mask=empty)
    for start in range(pid * BLOCK, n_zeroed, n_blocks * BLOCK):
        tl.store(zeroed + start + lane, tl.zeros([BLOCK], tl.int64), mask=start + lane < n_zeroed)
