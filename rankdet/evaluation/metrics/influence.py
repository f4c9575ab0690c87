"""First-order influence of each image on AP and on correlations.

The influence of an image is the derivative of a metric by the image's weight, at the weights 1.
Source: B. Efron, The Jackknife, the Bootstrap and Other Resampling Plans, 1982, chapter 6.
"""

from typing import Any

import numpy as np
from scipy import sparse

from rankdet.evaluation.coco.types import Floats, Ints
from rankdet.evaluation.metrics.ap import hits_and_counts
from rankdet.evaluation.metrics.matches import IOU_THRESHOLDS, ClassMatches, Matches

_T = len(IOU_THRESHOLDS)


def ap_influence(matches: Matches) -> Floats:
    """Returns the influence of each image on AP and on AP at each IoU threshold, (11, I).

    Precision is summed over all recalls instead of 101: sums over 101 of them have steps, and the
    derivative does not see steps. The mean is over the classes with ground truth.
    """
    images = len(matches.image_ids)
    total, classes = np.zeros((images, _T)), 0
    for one in matches.per_class():
        positives = one.positives()
        if positives:
            classes += 1
            _add_ap(total, one, matches.image_ids, positives)
    total /= max(classes, 1)
    return np.vstack([total.mean(axis=1), total.T])


def _add_ap(total: Floats, one: ClassMatches, image_ids: Ints, positives: int) -> None:
    """Adds the influence of each image on a class's AP at each threshold to `total`, (I, 10)."""
    hits = np.flatnonzero(one.detections["true_all"])
    if len(hits) == 0:
        return
    image = np.searchsorted(image_ids, one.detections["image_id"][: hits[-1] + 1])
    of_hits = np.zeros((len(hits), _T))
    # What a false positive between the last hit and this one takes away.
    loss = np.zeros((len(hits), _T))
    value = np.zeros(_T)
    for t, (rows, counted) in enumerate(hits_and_counts(one, "all")):
        if len(rows) == 0:
            continue
        precision = np.arange(1, len(rows) + 1) / counted
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        value[t] = envelope.sum() / positives
        # Each recall takes its precision from the next hit that is on the envelope.
        best = np.flatnonzero(precision == envelope)
        share = np.zeros(len(rows))
        share[best] = np.diff(np.r_[-1, best]) / counted[best] / positives
        gain, cost = (np.cumsum(v[::-1])[::-1] for v in (share, share * precision))
        next_row = np.searchsorted(rows, hits)
        reached = next_row < len(rows)
        loss[reached, t] = cost[next_row[reached]]
        own = np.searchsorted(hits, rows)
        # A true positive adds to recall and to precision; the sum below takes its cost away.
        of_hits[own, t] = envelope / positives + gain
    ignored = one.detections["ignored_all"][: len(image)]
    for pattern in np.unique(ignored).tolist():
        rows = np.flatnonzero(ignored == pattern)
        ends = np.searchsorted(rows, np.concatenate([[0], hits + 1]))
        ones = np.ones(len(rows))
        table: Any = sparse.csr_array((ones, image[rows], ends), shape=(len(hits), len(total)))
        left_out = pattern >> np.arange(_T) & 1 == 1
        total -= table.T @ np.where(left_out, 0.0, loss)
    np.add.at(total, image[hits], of_hits)
    truth = one.ground_truth
    here = np.searchsorted(image_ids, truth["image_id"][~truth["ignored_all"]])
    total -= np.bincount(here, minlength=len(total))[:, None] * (value / positives)


def correlation_influence(x: Floats, y: Floats, owner: Ints, owners: int) -> Floats:
    """Returns the influence of each owner on Pearson's and Spearman's coefficients.

    Args:
        x: (N,) finite.
        y: (N,) finite.
        owner: (N,) the owner of each element.
        owners: number of owners, I.

    Returns:
        (2, I); NaN if there are fewer than two elements or one side is constant.
    """
    if len(x) < 2 or x.min() == x.max() or y.min() == y.max():
        return np.full((2, owners), np.nan)
    elements = (_pearson(x, y), _spearman(x, y))
    return np.stack([np.bincount(owner, weights=e, minlength=owners) for e in elements])


def _pearson(x: Floats, y: Floats) -> Floats:
    a, b = x - x.mean(), y - y.mean()
    a, b = a / np.abs(a).max(), b / np.abs(b).max()  # squares of tiny deviations would underflow
    xx, yy, xy = a @ a, b @ b, a @ b
    scale = np.sqrt(xx) * np.sqrt(yy)
    return np.asarray(a * b / scale - xy / scale / 2 * (a * a / xx + b * b / yy))


def _spearman(x: Floats, y: Floats) -> Floats:
    """Derivatives of Σ a b / √(Σ a² Σ b²), where a and b are twice the centred mean ranks."""
    groups = [np.unique(v, return_inverse=True)[1] for v in (x, y)]
    a, b = (_centred(group) for group in groups)
    xx, yy, xy = a @ a, b @ b, a @ b
    # A new element moves the ranks of all others, also its own.
    d_xy = a * b + _above_minus_below(groups[0], b) + _above_minus_below(groups[1], a)
    d_xx = a * a + 2 * _above_minus_below(groups[0], a)
    d_yy = b * b + 2 * _above_minus_below(groups[1], b)
    scale = np.sqrt(xx) * np.sqrt(yy)
    return np.asarray(d_xy / scale - xy / scale / 2 * (d_xx / xx + d_yy / yy))


def _centred(group: Ints) -> Floats:
    """The number of smaller minus the number of larger values, for each element."""
    size = np.bincount(group).astype(np.float64)
    ends = np.cumsum(size)
    return np.asarray((2 * ends - size - len(group))[group])


def _above_minus_below(group: Ints, values: Floats) -> Floats:
    """For each element the sum of `values` over larger elements minus that over smaller ones."""
    sums = np.bincount(group, weights=values)
    ends = np.cumsum(sums)
    return np.asarray((ends[-1] - 2 * ends + sums)[group])
