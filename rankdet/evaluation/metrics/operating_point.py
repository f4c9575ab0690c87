"""AP, F1 and LRP of the detections at or above the LRP-optimal score threshold of their class.

oLRP is the lowest LRP over score thresholds. The threshold of that minimum, one for each class, is
the recommended one for the use of a detector (Oksuz et al., "Localization Recall Precision (LRP): A
New Performance Metric for Object Detection", ECCV 2018, section 5).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from rankdet.evaluation.coco.types import Bools
from rankdet.evaluation.metrics.ap import ap_tables, summarise
from rankdet.evaluation.metrics.matches import ClassMatches, Matches
from rankdet.evaluation.metrics.olrp import TAU

Values = dict[str, float | None]
AP_KEYS = ("AP", "AP50", "AP75")
RATES = ("F1", "precision", "recall", "LRP")


def operating_point(
    matches: Matches, thresholds: Mapping[int, float | None]
) -> tuple[dict[str, Any], dict[int, Values]]:
    """Computes metrics of the detections at or above their class's score threshold.

    Args:
        matches: the matches.
        thresholds: category id to score threshold. If it is None or missing, no detection of the
            class is kept.

    Returns:
        `metrics` and `detections_per_image`, and `F1`, `precision`, `recall` for each category id.
        `metrics` has `AP`, `AP50`, `AP75`, and at IoU .5 the means over classes with ground truth
        of `F1`, `precision` (over classes with detections), `recall` and `LRP`, all in [0, 1]; None
        where undefined.
    """
    kept = kept_rows(matches, thresholds)
    part = replace(matches, detections=matches.detections[kept].reset_index(drop=True))
    ap, _ = summarise(ap_tables(part, areas=("all",)), {}, part.category_ids)
    rates = {one.category_id: _rates(one) for one in part.per_class()}
    per_image = (
        int(np.count_nonzero(kept)) / len(matches.image_ids) if len(matches.image_ids) else None
    )
    metrics = {
        **{key: ap[key] for key in AP_KEYS},
        **{key: _mean([values[key] for values in rates.values()]) for key in RATES},
    }
    per_class = {
        category_id: {key: values[key] for key in RATES[:3]}
        for category_id, values in rates.items()
    }
    return {"metrics": metrics, "detections_per_image": per_image}, per_class


def kept_rows(matches: Matches, thresholds: Mapping[int, float | None]) -> Bools:
    """Returns (D,) whether each row of `matches.detections` reaches its class's threshold."""
    lowest = {k: np.inf if t is None else t for k, t in thresholds.items()}
    rows = matches.detections
    return np.asarray(rows["score"] >= rows["category_id"].map(lowest).fillna(np.inf))


def _rates(one: ClassMatches) -> Values:
    """Returns F1, precision, recall and LRP of all detections of a class, at IoU .5."""
    positives = one.positives()
    if positives == 0:
        return dict.fromkeys(RATES)
    true, counted = one.true(), one.counted()
    tp, kept = int(np.count_nonzero(true)), int(np.count_nonzero(counted))
    loc = float((1 - one.iou[true]).sum()) / (1 - TAU)
    fp = kept - tp
    return {
        "F1": 2 * tp / (kept + positives),
        "precision": tp / kept if kept else None,
        "recall": tp / positives,
        "LRP": (loc + fp + positives - tp) / (positives + fp),
    }


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
