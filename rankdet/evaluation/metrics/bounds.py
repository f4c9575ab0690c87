"""Bounds of AP when only the ranking of the true positives changes.

aLRP Loss (Oksuz et al., NeurIPS 2020), Table 5. The detections matched at IoU .5 and their scores
stay the same. The IoUs are assigned again: the highest ones to the detections with the highest
scores (upper bound), or to those with the lowest scores (lower bound).
"""

import numpy as np

from rankdet.evaluation.metrics.ap import precision_at_recalls
from rankdet.evaluation.metrics.matches import IOU_THRESHOLDS, Matches


def correlation_bounds(matches: Matches) -> dict[str, dict[str, float | None]]:
    """Returns the AP family under perfectly correlated and perfectly inverse rankings.

    Let a class have n_t true positives at IoU threshold t. They are replaced by n_t of the
    detections that are matched at IoU .5: those with the highest or with the lowest scores. AP50
    does not change. (If n_t is 0, the released code takes all detections; this code takes 0.)

    Args:
        matches: the matches.

    Returns:
        "upper" and "lower", each `AP`, `AP50`, ... `AP95` (means over classes with ground truth);
        None without ground truth.
    """
    tables: dict[str, list[np.ndarray]] = {"upper": [], "lower": []}
    for one in matches.per_class():
        positives = one.positives()
        if positives == 0:
            continue
        hits = one.detections["true_all"]
        matched = np.flatnonzero(hits & 1)
        so_far = np.cumsum(one.counted(), dtype=np.int64)[matched]
        for bound, rows in tables.items():
            of_class = []
            for t in range(len(IOU_THRESHOLDS)):
                count = min(int(np.count_nonzero(hits >> t & 1)), len(matched))
                # `so_far[-count:]` would be everything for a count of 0.
                chosen = so_far[:count] if bound == "upper" else so_far[len(matched) - count :]
                of_class.append(precision_at_recalls(chosen, positives))
            rows.append(np.mean(of_class, axis=1))
    return {bound: _summary(rows) for bound, rows in tables.items()}


def _summary(rows: list[np.ndarray]) -> dict[str, float | None]:
    names = [f"AP{round(100 * t)}" for t in IOU_THRESHOLDS]
    if not rows:
        return dict.fromkeys(["AP", *names])
    mean = np.mean(rows, axis=0)
    return {"AP": float(mean.mean()), **dict(zip(names, map(float, mean), strict=True))}
