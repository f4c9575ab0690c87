"""Correlation of score and IoU over true positives: Pearson, Spearman and Kendall's τ-b.

True positives are the detections matched at IoU .5, over all areas. The aLRP paper (Oksuz et al.,
NeurIPS 2020, §6.2) speaks of the correlation of rankings, so its ρ is Spearman's.
Each coefficient is computed for many weightings of the data at once, which is what a bootstrap
over images needs; an element of weight 2 counts as if it occurred twice.
"""

import numpy as np

from analysis.coco_io import Bools, Floats, Ints
from analysis.measures.matches import Matches

KINDS = ("pearson", "spearman", "kendall")


def weighted_correlations(x: Floats, y: Floats, weights: Floats | None = None) -> Floats:
    """Returns Pearson's, Spearman's and Kendall's (τ-b) coefficients.

    Args:
        x: (N,) finite.
        y: (N,) finite.
        weights: (B, N) whole numbers >= 0: how often each pair counts; by default once, B = 1.

    Returns:
        (B, 3) in [−1, 1]; NaN where fewer than two pairs count or one side is constant.
    """
    if weights is None:
        weights = np.ones((1, len(x)))
    if len(x) < 2:
        return np.full((len(weights), 3), np.nan)
    count = weights.sum(axis=1)
    x_group, x_sums = _groups(x, weights)
    y_group, y_sums = _groups(y, weights)
    pairs = count * (count - 1) / 2
    x_free, y_free = pairs - _tied(x_sums), pairs - _tied(y_sums)
    out = np.stack(
        [
            _pearson(x[None], y[None], weights),
            _pearson(_ranks(x_sums)[:, x_group], _ranks(y_sums)[:, y_group], weights),
            _kendall(x_group, y_group, weights, pairs, x_free, y_free),
        ],
        axis=1,
    )
    out[(x_free <= 0) | (y_free <= 0)] = np.nan
    return np.clip(out, -1.0, 1.0)


def _groups(values: Floats | Ints, weights: Floats) -> tuple[Ints, Floats]:
    """Returns each value's place among the distinct ones (N,), and their weights (B, U)."""
    _, inverse = np.unique(values, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(inverse[order]) > 0])
    return inverse, np.add.reduceat(weights[:, order], starts, axis=1)


def _tied(sums: Floats) -> Floats:
    return np.asarray((sums * (sums - 1) / 2).sum(axis=1))


def _ranks(sums: Floats) -> Floats:
    return np.asarray(np.cumsum(sums, axis=1) - (sums - 1) / 2)


def _pearson(x: Floats, y: Floats, weights: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        count = weights.sum(axis=1, keepdims=True)
        x = x - (weights * x).sum(axis=1, keepdims=True) / count
        y = y - (weights * y).sum(axis=1, keepdims=True) / count
        # Scaled first, so that tiny deviations do not vanish when squared.
        x = x / np.abs(np.where(weights > 0, x, 0)).max(axis=1, keepdims=True)
        y = y / np.abs(np.where(weights > 0, y, 0)).max(axis=1, keepdims=True)
        norm = np.sqrt((weights * x * x).sum(axis=1)) * np.sqrt((weights * y * y).sum(axis=1))
        return np.asarray((weights * x * y).sum(axis=1) / norm)


def _kendall(
    x: Ints, y: Ints, weights: Floats, pairs: Floats, x_free: Floats, y_free: Floats
) -> Floats:
    both = _tied(_groups(x * (y.max() + 1) + y, weights)[1])
    order = np.lexsort((y, x))
    discordant = inversions(y[order], weights[:, order])
    # Concordant − discordant, of the pairs that are tied on neither side.
    difference = (x_free + y_free - pairs + both) - 2 * discordant
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(difference / np.sqrt(x_free) / np.sqrt(y_free))


def inversions(values: Ints, weights: Floats) -> Floats:
    """Returns the weighted number of pairs i < j with values[i] > values[j].

    A merge sort's count, level by level, for all weightings at once: O(B N log N).

    Args:
        values: (N,).
        weights: (B, N); a pair counts the product of its weights.

    Returns:
        (B,).
    """
    place = np.arange(len(values))
    total = np.zeros(len(weights))
    size = 1
    while size < len(values):
        block, left = place // (2 * size), (place // size) % 2 == 0
        # Descending within a block; of equal values the right half first, so it sees none of them.
        order = np.lexsort((left, -values, block))
        part = weights[:, order]
        from_left = np.where(left[order], part, 0.0)
        before = np.cumsum(from_left, axis=1)
        starts = np.flatnonzero(np.r_[True, np.diff(block[order]) > 0])
        offset = before[:, starts] - from_left[:, starts]
        before -= np.repeat(offset, np.diff(np.r_[starts, len(values)]), axis=1)
        total += np.where(left[order], 0.0, part * before).sum(axis=1)
        size *= 2
    return total


def correlations(
    matches: Matches,
) -> tuple[dict[str, float | None], dict[int, dict[str, float | None]], int]:
    """Returns the correlation of score and IoU.

    Args:
        matches: the matches.

    Returns:
        Means over the classes where defined (`pearson`, `spearman`, `kendall`), over all true
        positives together (`<kind>_pooled`), and over every detection whose best IoU with a ground
        truth of its class exceeds .5, duplicates included (`<kind>_pooled_duplicates`); the same
        kinds with `n_tp` for each category id; and the number of classes in the means. None where
        undefined.
    """
    frame = matches.detections
    score, iou = frame["score"].to_numpy(), frame["iou"].to_numpy()
    true = true_positives(matches)
    per_class: dict[int, dict[str, float | None]] = {}
    values = []
    for one in matches.per_class():
        hit = one.true()
        row = weighted_correlations(one.score[hit], one.iou[hit])[0]
        values.append(row)
        per_class[one.category_id] = {**_named(row), "n_tp": int(hit.sum())}
    table = np.array(values).reshape(-1, 3)
    defined = table[~np.isnan(table[:, 0])]
    mean = defined.mean(axis=0) if len(defined) else np.full(3, np.nan)
    near = frame["best_iou"].to_numpy() > 0.5
    metrics = {
        **_named(mean),
        **_named(weighted_correlations(score[true], iou[true])[0], "_pooled"),
        **_named(
            weighted_correlations(score[near], frame["best_iou"].to_numpy()[near])[0],
            "_pooled_duplicates",
        ),
    }
    return metrics, per_class, len(defined)


def true_positives(matches: Matches) -> Bools:
    """Returns (D,) which rows of `matches.detections` are true positives at IoU .5."""
    return np.asarray(matches.detections["true_all"].to_numpy() & 1 == 1)


def _named(values: Floats, suffix: str = "") -> dict[str, float | None]:
    return {
        kind + suffix: None if np.isnan(v) else float(v)
        for kind, v in zip(KINDS, values, strict=True)
    }
