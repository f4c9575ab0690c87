"""Optimal Localisation Recall Precision error (oLRP), from matches at IoU .5.

LRP at a score threshold = (Σ(1 − IoU)/(1 − τ) + FP + FN) / (TP + FP + FN), with the sum over true
positives and τ = .5. oLRP is its minimum over score thresholds (Oksuz et al., "Localization Recall
Precision (LRP): A New Performance Metric for Object Detection", ECCV 2018, eq. 2-6).
"""

from dataclasses import dataclass

import numpy as np

from rankdet.evaluation.coco.types import Floats
from rankdet.evaluation.known import check_known
from rankdet.evaluation.metrics.matches import ClassMatches, Matches
from rankdet.evaluation.units import finite

TAU = 0.5
THRESHOLDS = ("exact", "grid101")
KEYS = ("oLRP", "oLRP_Loc", "oLRP_FP", "oLRP_FN", "lrp_threshold")


@dataclass(frozen=True)
class LrpCurve:
    """LRP after each detection, by descending score, for B weightings of the images.

    Attributes:
        score: (D,) descending.
        tp: (B, D) true positives so far.
        fp: (B, D) false positives so far.
        loc: (B, D) sum of 1 − IoU over the true positives so far.
        positives: (B,) number of ground truths.
        lrp: (B, D) in [0, 1]; NaN without ground truth.
    """

    score: Floats
    tp: Floats
    fp: Floats
    loc: Floats
    positives: Floats
    lrp: Floats


def lrp_curve(
    one: ClassMatches, weights: Floats | None = None, positives: Floats | None = None
) -> LrpCurve:
    """Returns LRP at every prefix of the detections (tied scores are not grouped).

    Args:
        one: a class's matches.
        weights: (B, D) how often each detection counts; by default once, B = 1.
        positives: (B,) the number of ground truths under each weighting.
    """
    kept = np.flatnonzero(one.counted())
    true = one.true()[kept]
    error = np.where(true, 1 - one.iou[kept], 0.0)
    if weights is None or positives is None:
        weights, positives = np.ones((1, len(one.score))), np.array([float(one.positives())])
    weights = weights[:, kept]
    tp = np.cumsum(weights * true, axis=1)
    fp = np.cumsum(weights * ~true, axis=1)
    loc = np.cumsum(weights * error, axis=1)
    count = positives[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        lrp = np.where(count > 0, (loc / (1 - TAU) + fp + (count - tp)) / (count + fp), np.nan)
    return LrpCurve(one.score[kept], tp, fp, loc, positives, lrp)


def optimum(curve: LrpCurve, thresholds: str = "exact") -> Floats:
    """Returns oLRP, Loc, FP, FN and the score threshold (B, 5); NaN where undefined.

    Args:
        curve: the LRP curve.
        thresholds: "exact" tries every prefix, "grid101" the score thresholds 0, .01, ... 1 (the
            aLRP paper's ablations); the first minimum with a true positive is taken.

    Raises:
        InputError: `thresholds` is neither.
    """
    check_known("LRP thresholds", thresholds, THRESHOLDS)
    out = np.full((len(curve.positives), len(KEYS)), np.nan)
    if len(curve.score) == 0:
        at = score = None
    elif thresholds == "exact":
        # Where LRP stays 1, detections before the first hit are as good as it; it has parts.
        usable = ~np.isnan(curve.lrp) & (curve.tp > 0)
        at = np.argmin(np.where(usable, curve.lrp, np.inf), axis=1)
        score = curve.score[at]
    else:
        grid = np.linspace(0.0, 1.0, 101)
        # Index of the last detection at or above each threshold; LRP = 1 without such detections.
        ends = np.searchsorted(-curve.score, -grid, side="right") - 1
        on_grid = np.where(ends >= 0, curve.lrp[:, ends], 1.0)
        best = np.argmin(np.where(np.isnan(on_grid), np.inf, on_grid), axis=1)
        at, score = ends[best], grid[best]
    for b, positives in enumerate(curve.positives):
        if positives == 0:
            continue
        out[b, 0] = out[b, 3] = 1.0
        if at is None or score is None or at[b] < 0 or curve.tp[b, at[b]] == 0:
            continue
        tp, fp = curve.tp[b, at[b]], curve.fp[b, at[b]]
        out[b] = (
            curve.lrp[b, at[b]],
            curve.loc[b, at[b]] / tp,
            fp / (tp + fp),
            (positives - tp) / positives,
            score[b],
        )
    return out


def olrp(
    matches: Matches, thresholds: str = "exact"
) -> tuple[dict[str, float | None], dict[int, dict[str, float | None]]]:
    """Returns oLRP and its components: means over classes, and per class with the threshold.

    Args:
        matches: the matches.
        thresholds: "exact" or "grid101", as for `optimum`.

    Returns:
        `oLRP`, `oLRP_Loc`, `oLRP_FP`, `oLRP_FN` (means over the classes where defined), and for
        each category id the same with `lrp_threshold`; None where undefined.
    """
    values = np.array(
        [optimum(lrp_curve(one), thresholds)[0] for one in matches.per_class()]
    ).reshape(-1, len(KEYS))
    per_class = {
        category_id: {key: finite(v) for key, v in zip(KEYS, row, strict=True)}
        for category_id, row in zip(matches.category_ids.tolist(), values, strict=True)
    }
    mean = {}
    for i, key in enumerate(KEYS[:4]):
        defined = values[~np.isnan(values[:, i]), i]
        mean[key] = float(defined.mean()) if len(defined) else None
    return mean, per_class
