"""Triton kernels that find the highest negatives, without a sort; the host never waits.

The order of float32 numbers is that of integers (`key_of`). Two rounds of a histogram of 65,536
bins find the key of the last negative to keep: the first over the range of the keys, the second
over the keys of one bin. Of negatives with equal logits at that place the first ones are kept.
"""

import triton
import triton.language as tl

BINS = tl.constexpr(65536)
# Places in the header, int64.
FITS, CELLS, FIRST = tl.constexpr(0), tl.constexpr(1), tl.constexpr(2)  # see kernels/cells.py
ACTIVE = tl.constexpr(3)  # whether there are more negatives than are kept
LOW = tl.constexpr(4)  # the lowest key
SHIFT = tl.constexpr(5)  # keys of a bin of the first round, as a power of 2
CHOSEN = tl.constexpr(6)  # the bin of the last negative in the first round
LEFT = tl.constexpr(7)  # how many are to be kept in the bin, and in the end of those with the key
KEY = tl.constexpr(8)  # the key of the last negative to keep
TIES = tl.constexpr(9)  # number of negatives with that key
KEPT = tl.constexpr(10)  # number of negatives in the short list
HEADER = 16
LOWEST_KEY = tl.constexpr(-(1 << 40))


@triton.jit
def key_of(value):
    """Returns an int64 that orders as the float32 does."""
    bits = value.to(tl.int32, bitcast=True)
    return tl.where(bits >= 0, bits, bits ^ 0x7FFFFFFF).to(tl.int64)


@triton.jit
def is_there(value):
    """Whether an element is a negative in the window: the others are -inf."""
    return (value > float("-inf")) | (value != value)


@triton.jit
def start_selection(header, lowest, highest, found, wanted):
    """Writes the range of the keys to the header.

    Args:
        header: int64 numbers.
        lowest: float32, not above any negative (it may be above by rounding: see below).
        highest: the highest negative, float32.
        found: the number of negatives.
        wanted: the number to keep.
    """
    low = key_of(lowest) - 1  # the cut was rounded to float32
    span = key_of(highest) - low
    shift = tl.zeros([], tl.int64)
    for _ in tl.static_range(17):
        shift += ((span >> shift) >= BINS).to(tl.int64)
    tl.store(header + ACTIVE, ((found > wanted) & (highest == highest)).to(tl.int64))
    tl.store(header + LOW, low)
    tl.store(header + SHIFT, shift)
    tl.store(header + LEFT, tl.zeros([], tl.int64) + wanted)
    tl.store(header + KEY, tl.full([], LOWEST_KEY, tl.int64))
    tl.store(header + TIES, tl.zeros([], tl.int64))


@triton.jit
def count_keys(values, histogram, header, n, ROUND: tl.constexpr, BLOCK: tl.constexpr):
    """Adds the negatives to the histogram of the first (0) or second (1) round."""
    shift = tl.load(header + SHIFT)
    if (tl.load(header + ACTIVE) > 0) & ((ROUND == 0) | (shift > 0)):
        at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        value = tl.load(values + at, mask=at < n, other=float("-inf"))
        found = is_there(value)
        offset = tl.maximum(key_of(value) - tl.load(header + LOW), 0)
        bin = offset >> shift
        if ROUND == 1:
            chosen = tl.load(header + CHOSEN)
            found = found & (bin == chosen)
            bin = offset - (chosen << shift)
        bin = tl.minimum(tl.maximum(bin, 0), BINS - 1).to(tl.int32)
        # Equal logits, as at the start of a training, would all wait for one number in memory.
        drawn = ((tl.arange(0, BLOCK) * 40503) % 32768) * 65536 + bin
        heavy = tl.max(tl.where(found, drawn, -1)) % 65536
        same = found & (bin == heavy)
        count = tl.sum(same.to(tl.int32))
        histogram += ROUND * BINS
        tl.atomic_add(histogram + heavy, count, mask=count > 0, sem="relaxed")
        one = tl.full([BLOCK], 1, tl.int32)
        tl.atomic_add(histogram + bin, one, mask=found & (bin != heavy), sem="relaxed")


@triton.jit
def _last_from_above(counts, left):
    """Returns which count reaches `left` from the highest index down, and the sum above it."""
    above = tl.sum(counts) - tl.cumsum(counts, 0)
    here = (above < left) & (left <= above + counts)
    index = tl.sum(tl.where(here, tl.arange(0, counts.shape[0]), 0))
    return index, tl.sum(tl.where(here, above, 0)), tl.sum(tl.where(here, counts, 0))


@triton.jit
def choose_bin(histogram, header, ROUND: tl.constexpr, ROWS: tl.constexpr):
    """Finds the bin of the last negative to keep; one program."""
    shift = tl.load(header + SHIFT)
    if (tl.load(header + ACTIVE) > 0) & ((ROUND == 0) | (shift > 0)):
        width: tl.constexpr = BINS // ROWS
        histogram += ROUND * BINS
        lane = tl.arange(0, width)
        all_bins = tl.arange(0, ROWS)[:, None] * width + lane[None, :]
        left = tl.load(header + LEFT).to(tl.int32)
        row, above, _count = _last_from_above(tl.sum(tl.load(histogram + all_bins), 1), left)
        left -= above
        column, above, count = _last_from_above(tl.load(histogram + row * width + lane), left)
        bin = (row * width + column).to(tl.int64)
        tl.store(header + LEFT, (left - above).to(tl.int64))
        if ROUND == 0:
            tl.store(header + CHOSEN, bin)
            tl.store(header + KEY, tl.load(header + LOW) + (bin << shift))
        else:
            tl.store(header + KEY, tl.load(header + KEY) + bin)
        if (ROUND == 1) | (shift == 0):
            tl.store(header + TIES, count.to(tl.int64))


@triton.jit
def count_ties(values, counts, header, n, BLOCK: tl.constexpr):
    """Writes the number of negatives with the last key of each block, if not all are kept."""
    if tl.load(header + TIES) > tl.load(header + LEFT):
        at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        value = tl.load(values + at, mask=at < n, other=float("-inf"))
        tied = is_there(value) & (key_of(value) == tl.load(header + KEY))
        tl.store(counts + tl.program_id(0), tl.sum(tied.to(tl.int32)))


@triton.jit
def is_kept(value, counts, header, pid, BLOCK: tl.constexpr):
    """Whether negatives are among the highest; `value` has one block of them."""
    key, limit = key_of(value), tl.load(header + KEY)
    tied = is_there(value) & (key == limit)
    left = tl.load(header + LEFT)
    if tl.load(header + TIES) > left:
        before = tl.zeros([], tl.int32)
        if tl.max(tied.to(tl.int32)) > 0:
            for start in range(0, pid, BLOCK):
                block = start + tl.arange(0, BLOCK)
                before += tl.sum(tl.load(counts + block, mask=block < pid, other=0))
        place = before + tl.cumsum(tied.to(tl.int32), 0) - 1
        tied = tied & (place < left)
    return is_there(value) & ((key > limit) | tied | (value != value))


@triton.jit
def add_to_list(value, kept, at, values, places, header, most):
    """Appends negatives of a block to the short list, whose order does not matter."""
    count = tl.sum(kept.to(tl.int32))
    if count > 0:
        base = tl.atomic_add(header + KEPT, count.to(tl.int64), sem="relaxed")
        place = base + tl.cumsum(kept.to(tl.int32), 0) - 1
        stored = kept & (place < most)  # more only beside a NaN
        tl.store(values + place, value, mask=stored)
        tl.store(places + place, at, mask=stored)


@triton.jit(do_not_specialize=["most"])
def list_highest(values, counts, short, short_places, header, n, most, BLOCK: tl.constexpr):
    """Lists the highest negatives, and makes the others -inf."""
    pid = tl.program_id(0)
    at = pid * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(values + at, mask=at < n, other=float("-inf"))
    kept = is_kept(value, counts, header, pid, BLOCK)
    add_to_list(value, kept, at, short, short_places, header, most)
    if tl.load(header + FITS) == 0:
        tl.store(values + at, tl.where(kept, value, float("-inf")), mask=at < n)
