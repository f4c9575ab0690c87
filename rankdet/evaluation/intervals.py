"""Uncertainty: bootstrap over images, paired comparison of two runs, mean over seeds.

Every function that draws takes a `numpy.random.Generator`; the global one is not used.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rankdet.errors import InputError
from rankdet.evaluation.coco.types import Floats, Ints
from rankdet.evaluation.metric import FAMILIES
from rankdet.evaluation.metrics.bootstrap import resampled
from rankdet.evaluation.metrics.matches import Matches

LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """The metric of run B minus that of run A, over the same images.

    Attributes:
        value: the difference over all images; None if the metric of either run is undefined.
        low: lower end of the interval; None if it is undefined.
        high: upper end of the interval; None if it is undefined.
        p: two-sided bootstrap p-value of "no difference", in (0, 1].
    """

    value: float | None
    low: float | None
    high: float | None
    p: float | None

    @property
    def significant(self) -> bool:
        """Whether the interval does not contain 0."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high

    def scaled(self, factor: float) -> "Difference":
        """Returns the difference in another unit; `factor` converts the unit."""
        value, low, high = (
            None if v is None else v * factor for v in (self.value, self.low, self.high)
        )
        return Difference(value, low, high, self.p)


def image_weights(images: int, replicates: int, rng: np.random.Generator) -> Ints:
    """Draws images with replacement.

    Args:
        images: number of images, I.
        replicates: number of draws, B.
        rng: The random generator.

    Returns:
        (B, I) how often each image occurs in each draw; rows sum to I.
    """
    if images == 0:
        return np.zeros((replicates, 0), dtype=np.int64)
    return rng.multinomial(images, np.full(images, 1 / images), size=replicates)


def bootstrap_intervals(
    matches: Matches,
    rng: np.random.Generator,
    replicates: int = 1000,
    families: Sequence[str] = FAMILIES,
    level: float = LEVEL,
) -> dict[str, tuple[float, float] | None]:
    """Returns percentile intervals of one run's metrics; images are drawn with replacement.

    Args:
        matches: the run's matches.
        rng: The random generator.
        replicates: number of draws.
        families: any of "ap", "olrp", "correlation".
        level: coverage, in (0, 1).

    Returns:
        Metric name to (low, high); None if the metric is undefined in some draw.
    """
    weights = image_weights(len(matches.image_ids), replicates, rng)
    values = resampled(matches, weights, families)
    return {name: _interval(drawn, level) for name, drawn in values.items()}


def paired_bootstrap(
    a: Matches,
    b: Matches,
    rng: np.random.Generator,
    replicates: int = 1000,
    families: Sequence[str] = FAMILIES,
    level: float = LEVEL,
) -> dict[str, Difference]:
    """Compares two runs on the same images: the same images are drawn for both.

    Args:
        a: matches of the first run.
        b: matches of the second.
        rng: The random generator.
        replicates: number of draws.
        families: any of "ap", "olrp", "correlation".
        level: coverage of the intervals, in (0, 1).

    Returns:
        Metric name to the difference b − a.

    Raises:
        InputError: If the runs are not on the same images, classes and ground truth.
    """
    check_same_data(a, b)
    images = len(a.image_ids)
    # The first row gives each image the weight 1: the metrics of the whole split.
    weights = np.vstack([np.ones((1, images), np.int64), image_weights(images, replicates, rng)])
    first, second = resampled(a, weights, families), resampled(b, weights, families)
    return {name: _difference(second[name] - first[name], level) for name in first}


def check_same_data(a: Matches, b: Matches) -> None:
    """Raises an `InputError` unless both have the same images, classes and ground truth."""
    ids: dict[str, tuple[Ints, Ints]] = {
        "images": (a.image_ids, b.image_ids),
        "classes": (a.category_ids, b.category_ids),
        "annotations": (
            a.ground_truth["annotation"].to_numpy(),
            b.ground_truth["annotation"].to_numpy(),
        ),
    }
    for what, (of_a, of_b) in ids.items():
        if not np.array_equal(of_a, of_b):
            raise InputError(
                f"the runs are on different {what} ({len(of_a)} and {len(of_b)}): "
                "only runs on the same data can be compared"
            )
    if a.iou_type != b.iou_type:
        raise InputError(
            f"one run has IoU type {a.iou_type}, the other {b.iou_type}: "
            "only runs of the same type can be compared"
        )


def mean_over_seeds(
    values: Sequence[float | None], level: float = LEVEL
) -> tuple[float | None, float | None]:
    """Returns the mean over seeds and the half width of its Student-t interval.

    Args:
        values: one per seed; None if a run is missing or the metric is undefined.
        level: coverage, in (0, 1).

    Returns:
        The mean (None if a value is missing), and the half width (None for fewer than two seeds).
    """
    if not values or any(v is None for v in values):
        return None, None
    known = np.array([v for v in values if v is not None])
    mean = float(known.mean())
    if len(known) < 2:
        return mean, None
    from scipy import stats

    spread = float(known.std(ddof=1)) / math.sqrt(len(known))
    return mean, float(stats.t.ppf((1 + level) / 2, len(known) - 1)) * spread


def welch_interval(a: Floats, b: Floats, level: float = LEVEL) -> tuple[float, float]:
    """Returns Welch's t-interval of mean(a) − mean(b), for unequal variances.

    Args:
        a: (n,) values over seeds, n ≥ 2.
        b: (m,) values over seeds, m ≥ 2.
        level: coverage, in (0, 1).

    Source: B. L. Welch, The generalization of "Student's" problem when several different
    population variances are involved, Biometrika 1947.
    """
    from scipy import stats

    difference = float(np.mean(a) - np.mean(b))
    parts = [float(np.var(x, ddof=1)) / len(x) for x in (a, b)]
    if sum(parts) == 0:
        return difference, difference
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(x) - 1) for part, x in zip(parts, (a, b), strict=True)
    )
    half = float(stats.t.ppf((1 + level) / 2, freedom)) * math.sqrt(sum(parts))
    return difference - half, difference + half


def _interval(drawn: Floats, level: float) -> tuple[float, float] | None:
    if len(drawn) == 0 or np.isnan(drawn).any():
        return None
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


def _difference(values: Floats, level: float) -> Difference:
    value, drawn = values[0], values[1:]
    interval = _interval(drawn, level)
    if np.isnan(value) or interval is None:
        return Difference(None if np.isnan(value) else float(value), None, None, None)
    # The whole split counts as one more draw, so that p is never 0.
    tail = min(np.count_nonzero(drawn <= 0), np.count_nonzero(drawn >= 0)) + 1
    return Difference(float(value), *interval, min(1.0, 2 * float(tail) / (len(drawn) + 1)))
