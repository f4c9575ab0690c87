"""A value with its standard error: intervals, p-values and Holm's correction agree with each other.

All intervals and p-values of the project invert the same Student t distribution. An interval of
level 1 − α excludes a value exactly if the two-sided p-value of this value is below α.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rankdet.evaluation.coco.types import Floats

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A normal estimate with a t distribution.

    Attributes:
        centre: the middle of every interval, in the metric's unit.
        error: its standard error, 0 or more.
        freedom: degrees of freedom, 1 or more.
    """

    centre: float
    error: float
    freedom: float

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Returns the two-sided interval of this level, in (0, 1)."""
        from scipy import special  # its functions of Student's t; `scipy.stats` is 50 times slower

        half = float(special.stdtrit(self.freedom, (1 + level) / 2)) * self.error
        return self.centre - half, self.centre + half

    def p_below(self, limit: float) -> float:
        """Returns the one-sided p-value of "the value is `limit` or more", in [0, 1]."""
        if math.isinf(limit):
            return 0.0 if limit > 0 else 1.0
        if self.error == 0:
            return 0.0 if self.centre < limit else 1.0
        from scipy import special

        return float(special.stdtr(self.freedom, -((limit - self.centre) / self.error)))

    def p_above(self, limit: float) -> float:
        """Returns the one-sided p-value of "the value is `limit` or less", in [0, 1]."""
        return Estimate(-self.centre, self.error, self.freedom).p_below(-limit)

    def p_value(self, limit: float = 0.0) -> float:
        """Returns the two-sided p-value of "the value is `limit`", in [0, 1]."""
        return min(1.0, 2 * min(self.p_below(limit), self.p_above(limit)))

    @classmethod
    def of_mean(cls, values: Sequence[float] | Floats) -> "Estimate":
        """Returns the mean of two or more independent values, such as one per seed."""
        known = np.asarray(values, dtype=np.float64)
        count = len(known)
        if known.min() == known.max():  # a rounded mean would give them a spread
            return cls(float(known[0]), 0.0, count - 1)
        spread = float(known.std(ddof=1)) / math.sqrt(count)
        return cls(float(known.mean()), spread, count - 1)

    @classmethod
    def of_difference(cls, a: Sequence[float] | Floats, b: Sequence[float] | Floats) -> "Estimate":
        """Returns mean(a) − mean(b) of independent samples with unequal variances.

        Args:
            a: two or more values, one per seed.
            b: two or more values.

        Source: B. L. Welch, The generalization of "Student's" problem when several different
        population variances are involved, Biometrika 1947.
        """
        return cls.of_mean(a).minus(cls.of_mean(b))

    def minus(self, other: "Estimate") -> "Estimate":
        """Returns this mean − another one of independent values with another variance (Welch)."""
        parts = [self, other]
        squares = [part.error**2 for part in parts]
        weights = sum(s**2 / part.freedom for s, part in zip(squares, parts, strict=True))
        freedom = sum(squares) ** 2 / weights if weights else sum(p.freedom for p in parts)
        return Estimate(self.centre - other.centre, math.sqrt(sum(squares)), freedom)


def holm(p_values: Sequence[float], alpha: float = 1 - LEVEL) -> list[tuple[float, float]]:
    """Corrects p-values for the number of tests, and returns the α at which each was decided.

    All tests together then err with probability `alpha` at most. Test i is significant exactly if
    its corrected p-value is at most `alpha`, which is so exactly if its own p-value is at most its
    own α. Its interval of level 1 − α therefore never contradicts it.

    Args:
        p_values: one per test, in [0, 1].
        alpha: the error of all tests together.

    Returns:
        The corrected p-value and the α of each test, in the order of `p_values`.

    Source: S. Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scand. J. Stat. 1979.
    """
    count = len(p_values)
    found = [(1.0, alpha)] * count
    largest, factor, going = 0.0, count, True
    for position, i in enumerate(sorted(range(count), key=lambda i: p_values[i])):
        # After the first test that is not significant, no other one is: the factor stays.
        factor = count - position if going else factor
        going = going and p_values[i] * factor <= alpha
        largest = max(largest, min(1.0, p_values[i] * (count - position)))
        found[i] = (largest, alpha / factor)
    return found
