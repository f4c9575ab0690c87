"""Calibration of scores: detection calibration errors and the reliability curve.

D-ECE compares scores with precision (Küppers et al., "Multivariate Confidence Calibration for
Object Detection", CVPR-W 2020); LaECE, class-wise, with precision x IoU (Oksuz et al., "Towards
Building Self-aware Object Detectors via Reliable Uncertainty Quantification and Calibration", CVPR
2023, eq. 3). The papers use different IoU thresholds; here it is that of the matching, .5.
"""

from typing import Any

import numpy as np

from rankdet.evaluation.coco.types import Bools, Floats, Ints
from rankdet.evaluation.metrics.matches import ClassMatches, Matches

BINS = 25


def calibration(matches: Matches, bins: int = BINS) -> dict[str, Any]:
    """Returns the calibration errors at IoU .5 and the reliability curve.

    Args:
        matches: the matches. If a counted score is outside [0, 1], the errors are undefined.
        bins: number of score bins of equal width over [0, 1].

    Returns:
        `D_ECE` over all counted detections; `LaECE`, the mean over the classes with counted
        detections; both in [0, 1], None without detections or if a score is outside [0, 1];
        `LaECE_per_class` by category id; and `bins`, one record each: `low`, `high`, `detections`,
        `score` (mean), `precision`, `iou` (mean over true positives); None where empty.
    """
    per_class: dict[int, float | None] = {}
    parts: list[tuple[Floats, Bools, Floats]] = []
    for one in matches.per_class():
        score, true, iou = _counted(one)
        parts.append((score, true, iou))
        table = _bin(score, true, iou, bins)
        per_class[one.category_id] = _error(table, table.hits_iou)
    score, true, iou = (np.concatenate([np.zeros(0), *[p[i] for p in parts]]) for i in range(3))
    table = _bin(score, true.astype(bool), iou, bins)
    known = [v for v in per_class.values() if v is not None]
    overall = _error(table, table.hits)
    return {
        "D_ECE": overall,
        "LaECE": None if overall is None else float(np.mean(known)),
        "LaECE_per_class": per_class,
        "bins": table.records(),
    }


def _counted(one: ClassMatches) -> tuple[Floats, Bools, Floats]:
    kept = one.counted()
    true = one.true()[kept]
    return one.score[kept], true, np.where(true, one.iou[kept], 0.0)


class _Table:
    """Sums of scores, hits and hits' IoUs over bins of equal width."""

    def __init__(
        self, count: Ints, score: Floats, hits: Floats, hits_iou: Floats, outside: bool
    ) -> None:
        self.count, self.score, self.hits, self.hits_iou = count, score, hits, hits_iou
        self.outside = outside  # some score is outside [0, 1]

    def records(self) -> list[dict[str, float | int | None]]:
        """Returns one record per bin."""
        bins = len(self.count)
        return [
            {
                "low": b / bins,
                "high": (b + 1) / bins,
                "detections": int(self.count[b]),
                "score": _ratio(self.score[b], self.count[b]),
                "precision": _ratio(self.hits[b], self.count[b]),
                "iou": _ratio(self.hits_iou[b], self.hits[b]),
            }
            for b in range(bins)
        ]


def _bin(score: Floats, true: Bools, iou: Floats, bins: int) -> _Table:
    at = np.minimum((np.clip(score, 0, 1) * bins).astype(np.int64), bins - 1)
    count = np.bincount(at, minlength=bins)
    score_sum, hits, hits_iou = (
        np.bincount(at, weights=values, minlength=bins).astype(np.float64)
        for values in (score, true, iou)
    )
    outside = bool(((score < 0) | (score > 1)).any())
    return _Table(count, score_sum, hits, hits_iou, outside)


def _error(table: _Table, target: Floats) -> float | None:
    """Returns the mean distance of score and target; the detections of a bin are its weight."""
    total = table.count.sum()
    # |mean score - mean target| x count / total, bin by bin. The mean of precision x IoU is the
    # sum of the hits' IoUs over the count.
    if total == 0 or table.outside:
        return None
    return float(np.abs(table.score - target).sum() / total)


def _ratio(value: float, count: float) -> float | None:
    return None if count == 0 else float(value / count)
