"""Correlation of score and IoU over true positives: Pearson, Spearman and Kendall's τ-b.

True positives are the detections matched at IoU .5, over all areas. The aLRP paper (Oksuz et al.,
NeurIPS 2020, §6.2) speaks of the correlation of rankings, so its ρ is Spearman's.
Each coefficient is computed for many weightings of the data at once, which is what a bootstrap
over images needs; an element of weight 2 counts as if it occurred twice.
"""

import numpy as np
from scipy import sparse

from analysis.coco_io import Bools, Floats, Ints
from analysis.measures.matches import Matches

KINDS = ("pearson", "spearman", "kendall")
_CELLS = 4_000_000  # numbers in one table of sums: bounds the memory


def weighted_correlations(x: Floats, y: Floats, weights: Floats | None = None) -> Floats:
    """Returns Pearson's, Spearman's and Kendall's (τ-b) coefficients.

    Args:
        x: (N,) finite.
        y: (N,) finite.
        weights: (N, B) whole numbers >= 0: how often each pair counts; by default once, B = 1.

    Returns:
        (3, B) in [−1, 1]; NaN where fewer than two pairs count or one side is constant.
    """
    if weights is None:
        weights = np.ones((len(x), 1))
    if len(x) < 2:
        return np.full((3, weights.shape[1]), np.nan)
    x_ties, y_ties = _Ties(x), _Ties(y)
    both = _Ties(x_ties.group * (int(y_ties.group.max()) + 1) + y_ties.group)
    order = np.lexsort((y_ties.group, x_ties.group))
    discordant = inversions(y_ties.group[order], weights[order])
    step = max(1, _CELLS // len(x))
    parts = []
    for b in range(0, weights.shape[1], step):
        part = weights[:, b : b + step]
        count = part.sum(axis=0)
        pairs = count * (count - 1) / 2
        x_free, y_free = pairs - x_ties.pairs(part), pairs - y_ties.pairs(part)
        # Concordant − discordant, of the pairs that are tied on neither side.
        difference = (x_free + y_free - pairs + both.pairs(part)) - 2 * discordant[b : b + step]
        with np.errstate(invalid="ignore", divide="ignore"):
            tau = difference / np.sqrt(x_free) / np.sqrt(y_free)
            defined = (x_free > 0) & (y_free > 0)
            rho = _spearman(x_ties, y_ties, part)
            parts.append(np.stack([_pearson(x, y, part, defined), rho, tau]))
        parts[-1][:, ~defined] = np.nan
    return np.clip(np.concatenate(parts, axis=1), -1.0, 1.0)


class _Ties:
    """Equal values as groups.

    Attributes:
        group: (N,) each value's place among the U distinct ones.
    """

    def __init__(self, values: Floats | Ints) -> None:
        distinct, self.group, size = np.unique(values, return_inverse=True, return_counts=True)
        self.order = np.argsort(self.group, kind="stable")
        self.starts = np.cumsum(size) - size
        self.all_different = len(distinct) == len(values)
        self.shared = size[self.group] > 1

    def sums(self, weights: Floats) -> Floats:
        """Returns each group's weights, (U, B)."""
        sorted_weights = weights[self.order]
        if self.all_different:
            return sorted_weights
        return np.asarray(np.add.reduceat(sorted_weights, self.starts, axis=0))

    def pairs(self, weights: Floats) -> Floats:
        """Returns the number of tied pairs, (B,); copies of one element are tied."""
        alone = weights if self.all_different else weights[~self.shared]
        tied = (np.einsum("nb,nb->b", alone, alone) - alone.sum(axis=0)) / 2
        if not self.all_different:
            rows = self.order[self.shared[self.order]]
            starts = np.flatnonzero(np.r_[True, np.diff(self.group[rows]) > 0])
            sums = np.add.reduceat(weights[rows], starts, axis=0)
            tied += (np.einsum("ub,ub->b", sums, sums) - sums.sum(axis=0)) / 2
        return np.asarray(tied)


def _pearson(x: Floats, y: Floats, weights: Floats, defined: Bools) -> Floats:
    x, y = _scaled(x - x.mean()), _scaled(y - y.mean())
    sums = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y]) @ weights
    count, sum_x, sum_y, sum_xx, sum_yy, sum_xy = sums
    xx, yy = sum_xx - sum_x**2 / count, sum_yy - sum_y**2 / count
    out = np.asarray((sum_xy - sum_x * sum_y / count) / np.sqrt(xx) / np.sqrt(yy))
    # Where what counts is a small part of the spread, too few digits are left: centre it anew.
    for b in np.flatnonzero(defined & ((xx < 1e-6 * sum_xx) | (yy < 1e-6 * sum_yy))):
        used = np.flatnonzero(weights[:, b])
        out[b] = _pearson_of_one(x[used], y[used], weights[used, b])
    return out


def _pearson_of_one(x: Floats, y: Floats, weights: Floats) -> float:
    x = _scaled(x - np.average(x, weights=weights))
    y = _scaled(y - np.average(y, weights=weights))
    norm = np.sqrt(weights @ (x * x)) * np.sqrt(weights @ (y * y))
    return float(weights @ (x * y) / norm)


def _scaled(values: Floats) -> Floats:
    # Tiny deviations would vanish when squared.
    largest = np.abs(values).max()
    return values / largest if largest > 0 else values


def _spearman(x: _Ties, y: _Ties, weights: Floats) -> Floats:
    middle = (weights.sum(axis=0) + 1) / 2  # the mean of all ranks
    x_sums, y_sums = x.sums(weights), y.sums(weights)
    x_ranks = np.cumsum(x_sums, axis=0) - (x_sums - 1) / 2 - middle
    y_ranks = np.cumsum(y_sums, axis=0) - (y_sums - 1) / 2 - middle
    xy = np.einsum("nb,nb,nb->b", weights, x_ranks[x.group], y_ranks[y.group])
    xx = np.einsum("ub,ub,ub->b", x_sums, x_ranks, x_ranks)
    yy = np.einsum("ub,ub,ub->b", y_sums, y_ranks, y_ranks)
    return np.asarray(xy / np.sqrt(xx) / np.sqrt(yy))


def inversions(values: Ints, weights: Floats) -> Floats:
    """Returns the weighted number of pairs i < j with values[i] > values[j].

    Pairs within a run of neighbouring places, and within a run of neighbouring values, are
    compared one by one (matrix products); all others differ in both runs, and the sums of weights
    per (run of places, run of values) suffice. For all weightings at once: O(B N sqrt(N)) of the
    cheapest kind of work, several times faster than a merge sort's O(B N log N).

    Args:
        values: (N,).
        weights: (N, B); a pair counts the product of its weights.

    Returns:
        (B,).
    """
    count, runs = weights.shape
    total = np.zeros(runs)
    if count == 0:
        return total
    rank = np.empty(count, dtype=np.int64)
    by_value = np.argsort(values, kind="stable")  # of equal values the first is the smaller
    rank[by_value] = np.arange(count)
    size = max(128, int(0.7 * np.sqrt(count)))
    place_run, value_run = np.arange(count) // size, rank // size
    for start in range(0, count, size):
        total += _pairs(rank[start : start + size], weights[start : start + size])
        # By ascending values; those of one run of places have been counted.
        rows = by_value[start : start + size]
        total += _pairs(place_run[rows], weights[rows])
    cells = -(-count // size)
    cell = sparse.csr_array(
        (np.ones(count), (place_run * cells + value_run, np.arange(count))),
        shape=(cells * cells, count),
    )
    step = max(1, _CELLS // cells**2) if cells > 1 else runs
    for b in range(0, runs if cells > 1 else 0, step):
        sums = np.asarray(cell @ weights[:, b : b + step]).reshape(cells, cells, -1)
        before = np.cumsum(sums[:-1], axis=0)
        greater = np.cumsum(before[:, :0:-1], axis=1)[:, ::-1]
        total[b : b + step] += np.einsum("pvb,pvb->b", sums[1:, :-1], greater)
    return total


def _pairs(values: Ints, weights: Floats) -> Floats:
    """Returns the weighted number of pairs i < j with values[i] > values[j], pair by pair."""
    greater = np.triu(np.greater.outer(values, values), 1).astype(np.float64)
    return np.einsum("nb,nb->b", weights, greater @ weights)


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
        row = weighted_correlations(one.score[hit], one.iou[hit])[:, 0]
        values.append(row)
        per_class[one.category_id] = {**_named(row), "n_tp": int(hit.sum())}
    table = np.array(values).reshape(-1, 3)
    defined = table[~np.isnan(table[:, 0])]
    mean = defined.mean(axis=0) if len(defined) else np.full(3, np.nan)
    near = frame["best_iou"].to_numpy() > 0.5
    metrics = {
        **_named(mean),
        **_named(weighted_correlations(score[true], iou[true])[:, 0], "_pooled"),
        **_named(
            weighted_correlations(score[near], frame["best_iou"].to_numpy()[near])[:, 0],
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
