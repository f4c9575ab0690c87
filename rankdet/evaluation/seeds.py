"""Several trainings per side: differences of their means, and which sides are like the best.

The unit is the training (the seed), as in docs/decisions/026-verdicts-need-seeds.md: Welch's t over
seeds, corrected by Holm for all differences that are tested together.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeVar

from rankdet.evaluation.estimates import LEVEL, Estimate, holm
from rankdet.evaluation.metric import HIGHER

SEEDS = 3  # of each side, for a verdict

Key = TypeVar("Key")


@dataclass(frozen=True)
class SeedDifference:
    """Mean of one side minus mean of the other.

    Attributes:
        value: the difference.
        low: lower end of Welch's interval; None if a side has one seed.
        high: its upper end.
        level: coverage of the interval: above .95 if several differences were tested together.
        p: two-sided p-value, corrected by Holm; None with fewer than three seeds on a side.
    """

    value: float
    low: float | None = None
    high: float | None = None
    level: float = LEVEL
    p: float | None = None

    @property
    def significant(self) -> bool:
        """Whether it was tested and its interval does not contain 0."""
        if self.p is None or self.low is None or self.high is None:
            return False
        return not self.low <= 0 <= self.high

    def reversed(self) -> "SeedDifference":
        """Returns the difference of the sides in the other order."""
        low, high = (None if end is None else -end for end in (self.high, self.low))
        return SeedDifference(-self.value, low, high, self.level, self.p)


def differences(
    samples: Mapping[Key, Sequence[float]], pairs: Iterable[tuple[Key, Key]]
) -> dict[tuple[Key, Key], SeedDifference]:
    """Compares pairs of sides, which are tested together.

    Args:
        samples: one or more values per side, one per seed.
        pairs: two keys of `samples` each.

    Returns:
        For each pair, the first side minus the second. Only pairs with three seeds or more on both
        sides are tested and counted by Holm's correction.
    """
    wanted = list(pairs)
    keys = dict.fromkeys(key for pair in wanted for key in pair)
    means = {key: Estimate.of_mean(samples[key]) for key in keys if len(samples[key]) > 1}
    centres = {key: fmean(samples[key]) for key in keys}
    both = [(a, b) for a, b in wanted if a in means and b in means]
    known = {(a, b): means[a].minus(means[b]) for a, b in both}
    tested = {
        pair: one.p_value()
        for pair, one in known.items()
        if min(len(samples[key]) for key in pair) >= SEEDS
    }
    corrected = dict(zip(tested, holm(list(tested.values())), strict=True))
    found = {}
    for pair in wanted:
        p, alpha = corrected.get(pair, (None, 1 - LEVEL))
        one = known.get(pair)
        value = centres[pair[0]] - centres[pair[1]]
        low, high = one.interval(1 - alpha) if one else (None, None)
        found[pair] = SeedDifference(value, low, high, 1 - alpha, p)
    return found


def like_the_best(samples: Mapping[Key, Sequence[float]], better: str | None) -> set[Key]:
    """Returns the best side and every side that cannot be distinguished from it.

    Each side is compared with the one that has the best mean. The luckiest seed decides nothing.

    Args:
        samples: values per side, one per seed. Sides with fewer than three take no part.
        better: "higher", "lower", or None if neither direction is better.

    Returns:
        Empty if fewer than two sides take part, or neither direction is better.
    """
    known = {key: values for key, values in samples.items() if len(values) >= SEEDS}
    if len(known) < 2 or better is None:
        return set()
    sign = 1 if better == HIGHER else -1
    top = max(known, key=lambda key: sign * fmean(known[key]))
    against = differences(known, [(key, top) for key in known if key != top])
    return {top, *(key for (key, _), one in against.items() if not one.significant)}
