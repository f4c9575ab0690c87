"""Computes all metrics that have intervals for many weightings of the images at once (bootstrap).

Efron and Tibshirani, "An Introduction to the Bootstrap", 1993. An image of weight 2 counts as two
images of the split. The best values of precision and LRP are at true positives, so counts are
computed only there: a sparse matrix sums the detections between them. The time is proportional to
detections + weightings x true positives.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from rankdet.evaluation.coco.types import Floats, Ints
from rankdet.evaluation.metric import FAMILIES
from rankdet.evaluation.metrics import control
from rankdet.evaluation.metrics.accumulate import running
from rankdet.evaluation.metrics.ap import RECALLS
from rankdet.evaluation.metrics.coefficients import (
    KINDS,
    correlations_and_influence,
    weighted_correlations,
)
from rankdet.evaluation.metrics.correlation import true_positives
from rankdet.evaluation.metrics.influence import ap_influence
from rankdet.evaluation.metrics.lrp_draws import EXACT, LrpOfClass
from rankdet.evaluation.metrics.matches import IOU_THRESHOLDS, ClassMatches, Matches
from rankdet.evaluation.metrics.olrp import KEYS as LRP_KEYS

AP_KEYS = ("AP", *(f"AP{round(100 * t)}" for t in IOU_THRESHOLDS))
_CELLS = 4_000_000  # numbers in one table of weights: limits the memory
_TURNED = 80_000_000  # numbers in single precision, in all tables of weights
_COLUMNS = 128  # weightings computed at a time: tables have a row per true positive too


def drawn(
    matches: Matches, weights: NDArray[Any], families: Sequence[str] = FAMILIES
) -> dict[str, Floats]:
    """Returns metrics under the weights 1 and under draws of the images.

    Args:
        matches: The matches.
        weights: (1 + B, I) how often each of `matches.image_ids` counts; ones in the first row.
        families: What to compute, as for `resampled`.

    Returns:
        As `resampled`. For large data (`control.is_large`) only the first draws of AP and of the
        correlations are exact; the others follow from the influence of the images.
    """
    if not control.is_large(matches, len(weights) - 1):
        return resampled(matches, weights, families)
    first = weights[: 1 + control.EXACT]
    out: dict[str, Floats] = {}
    if "ap" in families:
        exact = _average_precision(matches, first)
        out.update(_completed(exact, ap_influence(matches), weights))
    if "olrp" in families:
        out.update(_olrp(matches, weights))
    if "correlation" in families:
        turned = np.ascontiguousarray(first.T, dtype=np.float32)
        exact, influence = _correlations(matches, turned, influence=True)
        out.update(_completed(exact, influence, weights))
    return out


def _completed(
    exact: dict[str, Floats], influence: Floats, weights: NDArray[Any]
) -> dict[str, Floats]:
    """Returns all rows of metrics whose first rows are known; `influence` is (M, I)."""
    step = max(1, _CELLS // weights.shape[1])
    blocks = (weights[b : b + step].T.astype(np.float64) for b in range(1, len(weights), step))
    linear = np.concatenate([influence @ block for block in blocks], axis=1)
    return {
        name: np.r_[values[0], control.completed(values[1:], of_images)]
        for (name, values), of_images in zip(exact.items(), linear, strict=True)
    }


def resampled(
    matches: Matches, weights: NDArray[Any], families: Sequence[str] = FAMILIES
) -> dict[str, Floats]:
    """Returns metrics under each weighting of the images.

    Args:
        matches: The matches.
        weights: (B, I) whole numbers >= 0, how often each of `matches.image_ids` counts.
        families: What to compute: "ap" (area all, 100 detections), "olrp", "correlation".

    Returns:
        Metric name to (B,) values, NaN where undefined; names as in metrics.json.
    """
    out: dict[str, Floats] = {}
    if "ap" in families:
        out.update(_average_precision(matches, weights))
    if "olrp" in families:
        out.update(_olrp(matches, weights))
    if "correlation" in families:
        # Small numbers, exact in single precision; as one table, because sorting is done once.
        out.update(_correlations(matches, np.ascontiguousarray(weights.T, dtype=np.float32))[0])
    return out


def _average_precision(matches: Matches, weights: NDArray[Any]) -> dict[str, Floats]:
    step = max(1, min(_COLUMNS, _CELLS // max(len(matches.image_ids), 1)))
    parts = []
    for start in range(0, len(weights), step):
        # In C order: a sparse product copies other tables each time.
        largest = max((len(one.score) for one in matches.per_class()), default=0)
        kind = np.float32 if largest < EXACT else np.float64
        block = np.ascontiguousarray(weights[start : start + step].T, dtype=kind)
        rows = [
            _Counts(matches.image_ids, one, block).average_precision()
            for one in matches.per_class()
        ]
        parts.append(_mean_over_classes(_table(rows, len(AP_KEYS), block.shape[1])))
    return dict(zip(AP_KEYS, np.concatenate(parts, axis=1), strict=True))


def _olrp(matches: Matches, weights: NDArray[Any]) -> dict[str, Floats]:
    images = len(matches.image_ids)
    names, parts = LRP_KEYS[:4], []
    step = max(_COLUMNS, _TURNED // max(images, 1))
    for start in range(0, len(weights), step):
        group = weights[start : start + step]
        # A table for some weightings: their rows are next to each other in memory.
        blocks = [
            np.ascontiguousarray(group[b : b + _COLUMNS].T, dtype=np.float32)
            for b in range(0, len(group), _COLUMNS)
        ]
        rows = []
        for one in matches.per_class():
            image = np.searchsorted(matches.image_ids, one.detections["image_id"])
            truth = _images_of_truth(matches.image_ids, one)
            of_class = LrpOfClass(one, image, truth, images)
            rows.append(np.concatenate([of_class.values(block) for block in blocks], axis=1))
        parts.append(_mean_over_classes(_table(rows, len(names), len(group))))
    return dict(zip(names, np.concatenate(parts, axis=1), strict=True))


def _images_of_truth(image_ids: Ints, one: ClassMatches) -> Ints:
    truth = one.ground_truth
    return np.searchsorted(image_ids, truth["image_id"][~truth["ignored_all"]])


def _correlations(
    matches: Matches, weights: NDArray[Any], influence: bool = False
) -> tuple[dict[str, Floats], Floats]:
    """Returns the means of the classes' coefficients, and the pooled ones, for weights (I, B).

    The second result has the influence of the images on each of them, (9, I), if it is wanted. The
    pooled ones, which take most of the time, are then computed for `control.EXACT_POOLED` draws.
    """
    images = len(matches.image_ids)
    of_images = np.zeros((3 * len(KINDS), images if influence else 0))

    def add(first: int, x: Floats, y: Floats, image: Ints, weights: NDArray[Any]) -> Floats:
        """Returns the coefficients; adds the influences from that row on."""
        if not influence:
            return weighted_correlations(x, y, weights, image)
        values, present, found = correlations_and_influence(x, y, weights, image)
        if not np.isnan(found).any():
            of_images[first : first + len(KINDS), present] += found
        return values

    rows = []
    for one in matches.per_class():
        hit = one.true()
        image = np.searchsorted(matches.image_ids, one.detections["image_id"][hit])
        rows.append(add(0, one.score[hit], one.iou[hit], image, weights))
    table = _table(rows, len(KINDS), weights.shape[1])
    out = dict(zip(KINDS, _mean_over_classes(table), strict=True))
    # The first weighting is that of the whole split.
    of_images[: len(KINDS)] /= max(int(np.count_nonzero(~np.isnan(table[:, 0, 0]))), 1)
    pooled = weights[:, : 1 + control.EXACT_POOLED] if influence else weights
    frame = matches.detections
    best, score = frame["best_iou"].to_numpy(), frame["score"].to_numpy()
    pools = {
        "_pooled": (frame["iou"].to_numpy(), true_positives(matches)),
        "_pooled_duplicates": (best, best > 0.5),
    }
    for i, (suffix, (iou, chosen)) in enumerate(pools.items(), 1):
        image = np.searchsorted(matches.image_ids, frame["image_id"].to_numpy()[chosen])
        values = add(i * len(KINDS), score[chosen], iou[chosen], image, pooled)
        out.update({kind + suffix: values[k] for k, kind in enumerate(KINDS)})
    return out, of_images


def _table(rows: list[Floats], names: int, draws: int) -> Floats:
    """Returns the classes' (M, B) tables as one, (K, M, B)."""
    return np.stack(rows) if rows else np.zeros((0, names, draws))


def _mean_over_classes(values: Floats) -> Floats:
    """Returns the mean of (K, M, B) over the classes where defined, (M, B)."""
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(defined, values, 0).sum(axis=0) / defined.sum(axis=0))


class _Counts:
    """Weighted counts of a class at each detection that is a true positive at some threshold."""

    def __init__(self, image_ids: Ints, one: ClassMatches, weights: NDArray[Any]) -> None:
        image = np.searchsorted(image_ids, one.detections["image_id"])
        self.positives = weights[_images_of_truth(image_ids, one)].sum(axis=0, dtype=np.float64)
        bits = one.detections["true_all"]
        at = np.flatnonzero(bits)
        self.bits = bits[at]
        self.weights = weights[image[at]]
        # One running sum for each pattern of thresholds at which detections are left out.
        ignored = one.detections["ignored_all"]
        self.sums = []
        for pattern in np.unique(ignored).tolist():
            rows = np.flatnonzero(ignored == pattern)
            rows = rows[rows <= at[-1]] if len(at) else rows[:0]
            between = np.searchsorted(at, rows, side="left")
            table = sparse.csr_array(
                (np.ones(len(rows), dtype=weights.dtype), (between, image[rows])),
                shape=(len(at), len(weights)),
            )
            self.sums.append((pattern, running(np.asarray(table @ weights))))

    def at(self, threshold: int, rows: Ints) -> tuple[Floats, Floats]:
        """Returns the true positives so far, and the true and false positives so far.

        Args:
            threshold: Position of the IoU threshold.
            rows: The R true positives of this threshold; all others are false positives.

        Returns:
            Two tables, (R, B).
        """
        tp = running(self.weights[rows])
        parts = [sums[rows] for pattern, sums in self.sums if not pattern >> threshold & 1]
        both = parts[0]
        for part in parts[1:]:
            both += part
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


def _recalls_reached(recall: Floats) -> Floats:
    """Returns how many of the 101 recalls are at most each value, exactly."""
    last = len(RECALLS) - 1
    guess = np.clip((recall * last).astype(np.int64), 0, last)
    guess -= RECALLS[guess] > recall
    guess += RECALLS[np.minimum(guess + 1, last)] <= recall
    return np.minimum(guess, last) + 1.0
