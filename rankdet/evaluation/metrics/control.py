"""Draws of metrics of large data: some exact, the others from the influence of the images.

Source: B. Efron, More Efficient Bootstrap Computations, JASA 1990, section 4: a linear statistic as
the control variate. Why and how close: docs/decisions/046-draws-of-large-data.md.
"""

import numpy as np

from rankdet.evaluation.coco.types import Floats
from rankdet.evaluation.metrics.matches import Matches

EXACT = 100  # draws that are computed exactly
# Of correlations over the detections of all classes together, which are within 2 % of linear.
EXACT_POOLED = 30
IMAGES, OBJECTS = 10_000, 100_000  # smaller data have exact draws only


def is_large(matches: Matches, draws: int) -> bool:
    """Whether only some of the draws are exact; the same for all runs on the same data."""
    objects = int(np.count_nonzero(~matches.ground_truth["crowd"].to_numpy()))
    return draws > 2 * EXACT and len(matches.image_ids) >= IMAGES and objects >= OBJECTS


def completed(exact: Floats, linear: Floats) -> Floats:
    """Returns all draws of a metric.

    The mean, and the factor of the linear values, are those of the exact draws. The part that is
    not linear is repeated, so the spread and the shift of the draws are not those of a linear
    metric, and two runs with the same draws keep what they share.

    Args:
        exact: (K,) the metric on the first draws, NaN where undefined.
        linear: (B,) the sum of the influences of the images of each draw, B >= K.

    Returns:
        (B,); the first K are `exact`. If one is undefined or at an edge (0, 1, −1), the exact draws
        are repeated.
    """
    count = len(exact)
    again = np.arange(len(linear)) % count
    first = linear[:count]
    spread = float(first.var())
    if np.isnan(exact).any() or np.isin(np.abs(exact), (0.0, 1.0)).any() or not spread > 0:
        return np.asarray(exact[again])
    centred = first - first.mean()
    factor = float(centred @ exact) / (spread * count)
    rest = exact - exact.mean() - factor * centred
    rest *= np.sqrt(count / (count - 2))  # two numbers were fitted
    out = exact.mean() + factor * (linear - first.mean()) + rest[again]
    out[:count] = exact
    return np.asarray(out)
