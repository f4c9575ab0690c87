"""What APE Loss needs of the pairs of positives: P x P sigmoids, in tiles.

Names as in `rankdet.losses.kernels.pair_tiles`.
"""

import triton
import triton.language as tl

from rankdet.losses.kernels.sigmoid import cross_entropy, slope_of


@triton.jit
def pairs_of_positives(
    own, iou, scores, ious, n_positives, bound, scale, window,
    OFFICIAL: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Returns what the other positives add to some positives.

    Σ σ over all of them; Σ of cross entropies, Σ of their derivatives, and the number of pairs over
    those of smaller IoU.
    """
    rank = tl.zeros([ROWS, COLUMNS], tl.float64)
    loss = tl.zeros([ROWS, COLUMNS], tl.float64)
    pull = tl.zeros([ROWS, COLUMNS], tl.float64)
    pairs = tl.zeros([ROWS, COLUMNS], tl.int32)
    for start in range(0, bound, COLUMNS):
        k = start + tl.arange(0, COLUMNS)
        there = k < n_positives
        other = tl.load(scores + k, mask=there, other=float("-inf")).to(tl.float32)
        value = tl.load(ious + k, mask=there, other=2.0).to(tl.float32)
        z = scale * (other[None, :] - own[:, None])
        sigma, entropy = cross_entropy(z, window, OFFICIAL)
        slope = slope_of(z, window, OFFICIAL)
        worse = there[None, :] & (value[None, :] < iou[:, None])
        rank += sigma.to(tl.float64)
        loss += tl.where(worse, entropy, 0.0).to(tl.float64)
        pull += tl.where(worse, slope, 0.0).to(tl.float64)
        pairs += (worse & (z > -window)).to(tl.int32)
    return tl.sum(rank, 1), tl.sum(loss, 1), tl.sum(pull, 1), tl.sum(pairs, 1)


@triton.jit
def add_up(values, bound, BLOCK: tl.constexpr):
    """Returns the sum of `bound` values, in a fixed order."""
    total = tl.zeros([BLOCK], tl.float64)
    for start in range(0, bound, BLOCK):
        k = start + tl.arange(0, BLOCK)
        total += tl.load(values + k, mask=k < bound, other=0.0)
    return tl.sum(total)


@triton.jit
def store_counted(counted, row, inside, found, rank, bound):
    """Writes whether positives have a pair: 1 or 0.

    NaN if the rank is: then M is NaN, and so are the loss and all gradients, which M divides.
    """
    value = tl.where(rank != rank, float("nan"), found.to(tl.float64))
    tl.store(counted + row, tl.where(inside, value, 0.0), mask=row < bound)


@triton.jit
def divisor(counted, bound, BLOCK: tl.constexpr):
    """Returns M, the number of positives with a pair, and at least 1; a NaN stays NaN."""
    count = add_up(counted, bound, BLOCK)
    return tl.where(count < 1, 1.0, count)


@triton.jit
def write_positives(
    tile, scores, ious, places, shares, pulls, losses, counted, gradient,
    loss_out, count_out, total, bound, expected, scale, window,
    OFFICIAL: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Writes the gradients of a tile of positives; the first tile also writes loss and M."""
    row = tile * ROWS + tl.arange(0, ROWS)
    everyone = tl.load(total)
    n_positives = tl.minimum(everyone, bound)
    inside = row < n_positives
    own = tl.load(scores + row, mask=inside, other=float("-inf")).to(tl.float32)
    iou = tl.load(ious + row, mask=inside, other=2.0).to(tl.float32)
    wrong = (everyone > bound) | ((expected >= 0) & (everyone != expected))
    count = tl.where(wrong, float("nan"), divisor(counted, bound, COLUMNS))
    share = tl.load(shares + row, mask=inside, other=0.0)
    blame = tl.zeros([ROWS, COLUMNS], tl.float64)
    for start in range(0, bound, COLUMNS):
        k = start + tl.arange(0, COLUMNS)
        there = k < n_positives
        other = tl.load(scores + k, mask=there, other=float("inf")).to(tl.float32)
        value = tl.load(ious + k, mask=there, other=-1.0).to(tl.float32)
        weight = tl.load(shares + k, mask=there, other=0.0).to(tl.float32)
        z = scale * (own[:, None] - other[None, :])
        slope = slope_of(z, window, OFFICIAL)
        blamed = iou[:, None] < value[None, :]
        blame += tl.where(blamed, slope * weight[None, :], 0.0).to(tl.float64)
    result = tl.sum(blame, 1) - share * tl.load(pulls + row, mask=inside, other=0.0)
    place = tl.load(places + row, mask=inside, other=0)
    tl.store(gradient + place, (result / count).to(tl.float32), mask=inside)
    if tile == 0:
        tl.store(count_out, add_up(counted, bound, COLUMNS))
        loss = add_up(losses, bound, COLUMNS) / count / scale
        tl.store(loss_out, loss.to(tl.float32))
