"""Correlation of score and IoU over true positives: Pearson, Spearman and Kendall's τ-b.

True positives are the detections matched at IoU .5, over all areas. The aLRP paper (Oksuz et al.,
NeurIPS 2020, section 5.2) describes the correlation of rankings, so its ρ is Spearman's.
"""

import warnings

import numpy as np

from rankdet.evaluation.coco.types import Bools, Floats
from rankdet.evaluation.metrics.coefficients import KINDS
from rankdet.evaluation.metrics.matches import Matches


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
        row = coefficients(one.score[hit], one.iou[hit])
        values.append(row)
        per_class[one.category_id] = {**_named(row), "n_tp": int(hit.sum())}
    table = np.array(values).reshape(-1, 3)
    defined = table[~np.isnan(table[:, 0])]
    mean = defined.mean(axis=0) if len(defined) else np.full(3, np.nan)
    best = frame["best_iou"].to_numpy()
    near = best > 0.5
    metrics = {
        **_named(mean),
        **_named(coefficients(score[true], iou[true]), "_pooled"),
        **_named(coefficients(score[near], best[near]), "_pooled_duplicates"),
    }
    return metrics, per_class, len(defined)


def coefficients(x: Floats, y: Floats) -> Floats:
    """Returns SciPy's Pearson, Spearman and Kendall (τ-b) coefficients, (3,).

    Args:
        x: (N,) finite.
        y: (N,) finite.

    Returns:
        In [−1, 1]; NaN if there are fewer than two pairs or one side is constant.
    """
    if len(x) < 2 or x.min() == x.max() or y.min() == y.max():
        return np.full(3, np.nan)
    from scipy import stats  # its import takes a second, as long as a small evaluation

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy warns of nearly constant values
        return np.array(
            [
                stats.pearsonr(x, y).statistic,
                stats.spearmanr(x, y).statistic,
                stats.kendalltau(x, y, variant="b").statistic,
            ]
        )


def true_positives(matches: Matches) -> Bools:
    """Returns (D,) which rows of `matches.detections` are true positives at IoU .5."""
    return np.asarray(matches.detections["true_all"].to_numpy() & 1 == 1)


def _named(values: Floats, suffix: str = "") -> dict[str, float | None]:
    return {
        kind + suffix: None if np.isnan(v) else float(v)
        for kind, v in zip(KINDS, values, strict=True)
    }
