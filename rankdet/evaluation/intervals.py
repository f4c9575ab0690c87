"""Uncertainty: bootstrap over images, paired comparison of two runs, mean over seeds.

Every function that draws takes a `numpy.random.Generator`; the global one is not used.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rankdet.errors import InputError
from rankdet.evaluation.coco.types import Floats, Ints
from rankdet.evaluation.estimates import LEVEL, Estimate
from rankdet.evaluation.metric import FAMILIES
from rankdet.evaluation.metrics.bootstrap import drawn
from rankdet.evaluation.metrics.coefficients import KINDS
from rankdet.evaluation.metrics.matches import Matches

FORM = "bias-corrected t"  # of the intervals over images, as metrics.json names it
# Intervals of one run that contain the true value in less than 90 % of samples of 50 or 300 images.
APPROXIMATE = frozenset({"AP50", "AP95", "oLRP_FP", "oLRP_FN"})
FAST = 10_000  # from more images than these on, single images are drawn: a tenth of the time
AT_EDGE = 0.01  # largest share of draws in which a metric with an interval is 0, 1 or −1


@dataclass(frozen=True)
class Difference:
    """The metric of run B minus that of run A, over the same images.

    Attributes:
        value: the difference over all images; None if the metric of either run is undefined.
        low: lower end of the interval; None if it is undefined.
        high: upper end of the interval; None if it is undefined.
        p: two-sided p-value of "no difference" from the same t distribution as the interval, in
            [0, 1]; None without an interval.
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


def image_weights(images: int, replicates: int, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Draws images with replacement.

    Args:
        images: number of images, I.
        replicates: number of draws, B.
        rng: The random generator.

    Returns:
        (B, I) how often each image occurs in each draw; rows sum to I.
    """
    weights = np.zeros((replicates, images), dtype=np.uint16)  # small numbers, of large tables
    share = np.full(images, 1 / max(images, 1))
    for row in weights:
        if images > FAST:
            row[:] = np.bincount(rng.integers(images, size=images), minlength=images)
        else:
            row[:] = rng.multinomial(images, share) if images else 0
    return weights


@dataclass(frozen=True)
class Draws:
    """Metrics of one run, on the whole split and on each draw of its images.

    Attributes:
        images: number of images, I.
        values: metric name to (1 + B,) values, that of the whole split first; NaN where undefined.
    """

    images: int
    values: dict[str, Floats]

    def intervals(self, level: float = LEVEL) -> dict[str, tuple[float, float] | None]:
        """Returns the intervals of the metrics; see `bootstrap_intervals`."""
        out: dict[str, tuple[float, float] | None] = {}
        for name, values in self.values.items():
            found = _estimate(values, self.images) if _usable(values[1:]) else None
            out[name] = _clipped(name, *found.interval(level)) if found else None
        return out

    def difference(self, other: "Draws", name: str, level: float = LEVEL) -> Difference:
        """Returns the metric of another run minus that of this one.

        Args:
            other: the other run's, with the same draws of the same images.
            name: the metric.
            level: coverage of the interval, in (0, 1).
        """
        first, second = self.values[name], other.values[name]
        values = second - first
        both = _usable(first[1:]) and _usable(second[1:])
        found = _estimate(values, self.images) if both else None
        return _difference(name, values[0], found, level)


def draw(
    matches: Matches,
    rng: np.random.Generator,
    replicates: int = 1000,
    families: Sequence[str] = FAMILIES,
) -> Draws:
    """Returns the metrics of a run on draws of its images, with replacement.

    Args:
        matches: the run's matches.
        rng: the random generator; equal ones draw the same images of the same data.
        replicates: number of draws, B.
        families: any of "ap", "olrp", "correlation".
    """
    return _drawn(matches, image_weights(len(matches.image_ids), replicates, rng), families)


def _drawn(matches: Matches, weights: NDArray[np.uint16], families: Sequence[str]) -> Draws:
    images = len(matches.image_ids)
    # The first row gives each image the weight 1: the metrics of the whole split.
    rows = np.vstack([np.ones((1, images), weights.dtype), weights])
    return Draws(images, drawn(matches, rows, families))


def bootstrap_intervals(
    matches: Matches,
    rng: np.random.Generator,
    replicates: int = 1000,
    families: Sequence[str] = FAMILIES,
    level: float = LEVEL,
) -> dict[str, tuple[float, float] | None]:
    """Returns intervals of one run's metrics; images are drawn with replacement.

    The centre is the value minus the bias of the draws. The half-width is the quantile of Student's
    t times √(variance + bias²) of the draws, times √(n/(n−1)) for n images. Why, and how often such
    intervals contain the true value: docs/decisions/025-intervals-over-images.md.

    Args:
        matches: the run's matches.
        rng: The random generator.
        replicates: number of draws.
        families: any of "ap", "olrp", "correlation".
        level: coverage, in (0, 1).

    Returns:
        Metric name to (low, high); None if the metric is undefined in some draw, or 0 or 1 in more
        than one draw of a hundred.
    """
    return draw(matches, rng, replicates, families).intervals(level)


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
    weights = image_weights(len(a.image_ids), replicates, rng)
    of_a, of_b = (_drawn(run, weights, families) for run in (a, b))
    return {name: of_a.difference(of_b, name, level) for name in of_a.values}


def _difference(name: str, value: float, found: Estimate | None, level: float) -> Difference:
    known = None if np.isnan(value) else float(value)
    if known is None or found is None:
        return Difference(known, None, None, None)
    # Few images give wide intervals: no difference is larger than the range of the metric.
    least, most = _range(name)
    low, high = _within(least - most, most - least, *found.interval(level))
    return Difference(known, low, high, found.p_value())


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
    if len(known) < 2:
        return float(known.mean()), None
    found = Estimate.of_mean(known)
    return found.centre, found.interval(level)[1] - found.centre


def _usable(drawn: Floats) -> bool:
    """Whether draws spread like an estimate: all are defined, and hardly any is at an edge.

    A metric at 0 or 1 (AP95 of a weak detector) keeps this value in many draws. The spread of the
    draws then says nothing about other images.
    """
    if np.isnan(drawn).any():
        return False
    return float(np.isin(np.abs(drawn), (0.0, 1.0)).mean()) <= AT_EDGE


def _estimate(values: Floats, images: int) -> Estimate | None:
    """Returns the estimate from a metric on the whole split and on each draw, (1 + B,)."""
    value, drawn = float(values[0]), values[1:]
    if len(drawn) < 2 or images < 2:
        return None
    # A draw repeats images, which biases most metrics (AP upwards). The bias of the whole split
    # against all possible images is similar, so it is subtracted from the value. It is known only
    # roughly: the error contains its size.
    bias = float(drawn.mean()) - value
    error = math.hypot(float(drawn.std(ddof=1)), bias) * math.sqrt(images / (images - 1))
    return Estimate(value - bias, error, min(images, len(drawn)) - 1)


def _clipped(name: str, low: float, high: float) -> tuple[float, float]:
    return _within(*_range(name), low, high)


def _range(name: str) -> tuple[float, float]:
    """Returns the smallest and the largest value that a metric with an interval can have."""
    return -1.0 if name.startswith(KINDS) else 0.0, 1.0


def _within(least: float, most: float, low: float, high: float) -> tuple[float, float]:
    return min(max(low, least), most), max(min(high, most), least)
