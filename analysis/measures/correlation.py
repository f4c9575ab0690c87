"""Correlation of score and IoU over true positives: Pearson, Spearman and Kendall's τ-b.

True positives are the detections matched at IoU .5, over all areas. The aLRP paper (Oksuz et al.,
NeurIPS 2020, section 5.2) speaks of the correlation of rankings, so its ρ is Spearman's.
"""

import numpy as np

from analysis.coco_io import Bools, Floats
from analysis.measures.coefficients import KINDS, weighted_correlations
from analysis.measures.matches import Matches


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
