"""Computes all metrics that have intervals for many weightings of the images at once (bootstrap).

Efron and Tibshirani, "An Introduction to the Bootstrap", 1993. An image of weight 2 counts as two
images of the split. The best values of precision and LRP are at true positives, so counts are
computed only there: a sparse matrix sums the detections between them. The time is proportional to
detections + weightings x true positives.
"""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from rankdet.evaluation.coco.types import Floats, Ints
from rankdet.evaluation.metric import FAMILIES
from rankdet.evaluation.metrics.accumulate import running
from rankdet.evaluation.metrics.ap import RECALLS
from rankdet.evaluation.metrics.coefficients import KINDS, weighted_correlations
from rankdet.evaluation.metrics.correlation import true_positives
from rankdet.evaluation.metrics.matches import IOU_THRESHOLDS, ClassMatches, Matches
from rankdet.evaluation.metrics.olrp import KEYS as LRP_KEYS
from rankdet.evaluation.metrics.olrp import TAU

AP_KEYS = ("AP", *(f"AP{round(100 * t)}" for t in IOU_THRESHOLDS))
_CELLS = 4_000_000  # numbers in one table of weights: limits the memory
_COLUMNS = 128  # weightings computed at a time: tables have a row per true positive too


def resampled(
    matches: Matches, weights: Ints, families: Sequence[str] = FAMILIES
) -> dict[str, Floats]:
    """Returns metrics under each weighting of the images.

    Args:
        matches: The matches.
        weights: (B, I) whole numbers >= 0, how often each of `matches.image_ids` counts.
        families: What to compute: "ap" (area all, 100 detections), "olrp", "correlation".

    Returns:
        Metric name to (B,) values, NaN where undefined; names as in metrics.json.
    """
    step = max(1, min(_COLUMNS, _CELLS // max(len(matches.image_ids), 1)))
    blocks = [weights[start : start + step] for start in range(0, len(weights), step)]
    # In C order: a sparse product copies other tables each time.
    turned = (np.ascontiguousarray(block.T, dtype=np.float64) for block in blocks)
    parts = [_block(matches, block, families) for block in turned]
    out = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    if "correlation" in families:
        # Small numbers, exact in single precision; as one table, because sorting is done once.
        out.update(_correlations(matches, np.ascontiguousarray(weights.T, dtype=np.float32)))
    return out


def _block(matches: Matches, weights: Floats, families: Sequence[str]) -> dict[str, Floats]:
    """Returns AP and oLRP, where wanted, for weights (I, B)."""
    rows: dict[str, list[Floats]] = {"ap": [], "olrp": []}
    wanted = [family for family in rows if family in families]
    for one in matches.per_class() if wanted else ():
        image = np.searchsorted(matches.image_ids, one.detections["image_id"])
        counts = _Counts(matches.image_ids, one, image, weights)
        if "ap" in families:
            rows["ap"].append(counts.average_precision())
        if "olrp" in families:
            rows["olrp"].append(counts.olrp())
    out: dict[str, Floats] = {}
    for family, names in (("ap", AP_KEYS), ("olrp", LRP_KEYS[:4])):
        if family in wanted:
            out.update(_means(rows[family], names, weights.shape[1]))
    return out


def _correlations(matches: Matches, weights: Floats) -> dict[str, Floats]:
    """Returns the means of the classes' coefficients, and the pooled ones, for weights (I, B)."""
    rows = []
    for one in matches.per_class():
        hit = one.true()
        image = np.searchsorted(matches.image_ids, one.detections["image_id"][hit])
        rows.append(weighted_correlations(one.score[hit], one.iou[hit], weights, image))
    return {**_means(rows, KINDS, weights.shape[1]), **_pooled(matches, weights)}


def _means(rows: list[Floats], names: Sequence[str], draws: int) -> dict[str, Floats]:
    """Returns the means of (M, B) tables over the classes where defined, by name."""
    table = np.stack(rows) if rows else np.zeros((0, len(names), draws))
    return dict(zip(names, _mean_over_classes(table), strict=True))


def _pooled(matches: Matches, weights: Floats) -> dict[str, Floats]:
    frame = matches.detections
    image = np.searchsorted(matches.image_ids, frame["image_id"].to_numpy())
    score = frame["score"].to_numpy()
    out = {}
    best = frame["best_iou"].to_numpy()
    for suffix, iou, chosen in (
        ("_pooled", frame["iou"].to_numpy(), true_positives(matches)),
        ("_pooled_duplicates", best, best > 0.5),
    ):
        values = weighted_correlations(score[chosen], iou[chosen], weights, image[chosen])
        out.update({kind + suffix: values[i] for i, kind in enumerate(KINDS)})
    return out


def _mean_over_classes(values: Floats) -> Floats:
    """Returns the mean of (K, M, B) over the classes where defined, (M, B)."""
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(defined, values, 0).sum(axis=0) / defined.sum(axis=0))


class _Counts:
    """Weighted counts of a class at each detection that is a true positive at some threshold."""

    def __init__(self, image_ids: Ints, one: ClassMatches, image: Ints, weights: Floats) -> None:
        truth = one.ground_truth
        here = np.searchsorted(image_ids, truth["image_id"][~truth["ignored_all"]])
        self.positives = weights[here].sum(axis=0)
        bits = one.detections["true_all"]
        at = np.flatnonzero(bits)
        self.bits = bits[at]
        self.iou = one.iou[at]
        self.weights = weights[image[at]]
        # One running sum for each pattern of thresholds at which detections are left out.
        ignored = one.detections["ignored_all"]
        self.sums = []
        for pattern in np.unique(ignored).tolist():
            rows = np.flatnonzero(ignored == pattern)
            rows = rows[rows <= at[-1]] if len(at) else rows[:0]
            between = np.searchsorted(at, rows, side="left")
            table = sparse.csr_array(
                (np.ones(len(rows)), (between, image[rows])), shape=(len(at), len(weights))
            )
            self.sums.append((pattern, running(np.asarray(table @ weights))))

    def at(self, threshold: int, rows: Ints | slice) -> tuple[Floats, Floats]:
        """Returns the true positives so far, and the true and false positives so far.

        Args:
            threshold: Position of the IoU threshold.
            rows: The R detections to return; all others are false positives at this threshold.

        Returns:
            Two tables, (R, B).
        """
        true = (self.bits[rows] >> threshold & 1).astype(np.float64)
        tp = running(self.weights[rows] * true[:, None])
        both = np.zeros_like(tp)
        for pattern, sums in self.sums:
            if not pattern >> threshold & 1:
                both += sums[rows]
        return tp, both

    def average_precision(self) -> Floats:
        """Returns AP and AP at each threshold, (11, B); NaN without ground truth."""
        out = np.zeros((len(IOU_THRESHOLDS), len(self.positives)))
        positives = np.maximum(self.positives, 1)
        for t in range(len(IOU_THRESHOLDS)):
            # Precision only falls between two true positives of this threshold.
            rows = np.flatnonzero(self.bits >> t & 1)
            if len(rows) == 0:
                continue
            tp, both = self.at(t, rows)
            precision = tp / (both + np.spacing(1))
            envelope = running(precision[::-1], np.maximum)[::-1]
            # The precision of a position counts for the recalls that it is the first to reach.
            reached = _recalls_reached(tp / positives)
            reached[1:] -= reached[:-1].copy()
            out[t] = (envelope * reached).sum(axis=0) / len(RECALLS)
        out = np.concatenate([out.mean(axis=0, keepdims=True), out])
        return np.where(self.positives > 0, out, np.nan)

    def olrp(self) -> Floats:
        """Returns oLRP, Loc, FP and FN, (4, B); NaN where undefined."""
        count = self.positives
        out = np.full((4, len(count)), np.nan)
        out[[0, 3]] = 1.0
        if len(self.bits):
            tp, both = self.at(0, slice(None))
            hit = (self.bits & 1).astype(bool)
            error = np.where(hit, 1 - self.iou, 0.0)[:, None]
            loc = running(self.weights * error)
            with np.errstate(invalid="ignore", divide="ignore"):
                lrp = (loc / (1 - TAU) + (both - tp) + (count - tp)) / (count + both - tp)
                at = np.argmin(np.where(np.isnan(lrp), np.inf, lrp), axis=0)[None]
                tp, both, loc, lrp = (
                    np.take_along_axis(table, at, axis=0)[0] for table in (tp, both, loc, lrp)
                )
                best = np.stack([lrp, loc / tp, (both - tp) / both, (count - tp) / count])
            out = np.where(tp > 0, best, out)
        return np.where(count > 0, out, np.nan)


def _recalls_reached(recall: Floats) -> Floats:
    """Returns how many of the 101 recalls are at most each value, exactly."""
    last = len(RECALLS) - 1
    guess = np.clip((recall * last).astype(np.int64), 0, last)
    guess -= RECALLS[guess] > recall
    guess += RECALLS[np.minimum(guess + 1, last)] <= recall
    return np.minimum(guess, last) + 1.0
