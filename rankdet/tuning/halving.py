"""Successive halving: all candidates train for half of the schedule, the better half for all of it.

K. Jamieson, A. Talwalkar: Non-stochastic Best Arm Identification and Hyperparameter Optimization,
AISTATS 2016. L. Li et al.: Hyperband, JMLR 2018.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

HALF = 2
MOST_RUNGS = 2  # a quarter of the schedule chose rates that lost over the whole one
SHORTEST = 2  # trainings are halved at most so often: a quarter of the schedule, for small budgets
LEAST_CANDIDATES = 3  # fewer are tried only if shorter trainings do not fit into the time either

Clip = float | None
Change = tuple[tuple[str, float | None], ...]  # keys of the schedule and their values


@dataclass(frozen=True)
class Candidate:
    """Settings that are tried.

    Attributes:
        factor: Of the rate that the loss has in its card or in the study.
        change: Other keys of the schedule and their values, as pairs; None removes a key.
    """

    factor: float
    change: Change = ()


@dataclass(frozen=True)
class Rung:
    """Trainings of one length.

    Attributes:
        candidates: How many candidates train.
        share: The length, as a share of the study's schedule.
    """

    candidates: int
    share: Fraction

    def epochs(self, whole: int) -> int:
        """Returns the length in epochs, at least one, of a schedule of `whole` epochs."""
        return max(1, math.ceil(self.share * whole))


@dataclass(frozen=True)
class Plan:
    """What is tried with every loss.

    Attributes:
        candidates: What is tried, the nearest to the loss's own rate first.
        rungs: The lengths, the shortest first.
    """

    candidates: tuple[Candidate, ...]
    rungs: tuple[Rung, ...]

    def epochs(self, whole: int) -> int:
        """Returns the epochs of all trainings of one loss, with a schedule of `whole` epochs."""
        return sum(rung.candidates * rung.epochs(whole) for rung in self.rungs)


def candidates(
    factors: Sequence[float],
    clips: Sequence[Clip] = (),
    warmups: Sequence[int] = (),
) -> tuple[Candidate, ...]:
    """Returns every combination, the nearest to the loss's own settings first.

    Args:
        factors: Of the loss's rate.
        clips: Largest norms of the gradient; None does not clip. Empty: as in the schedule.
        warmups: Iterations of warm-up. Empty: as in the schedule.
    """
    clip: list[Change] = [(("grad_clip", value),) for value in dict.fromkeys(clips)]
    warmup: list[Change] = [(("warmup", value),) for value in dict.fromkeys(warmups)]
    nearest = sorted(dict.fromkeys(factors), key=lambda factor: (abs(math.log(factor)), factor))
    return tuple(
        Candidate(factor, (*one, *other))
        for factor, one, other in product(nearest, clip or [()], warmup or [()])
    )


def rungs(count: int, most: int, cut: int = 0) -> tuple[Rung, ...]:
    """Returns rungs; each has half the candidates of the one before, and twice its length.

    At least two of several candidates get to the last rung, so that it decides.

    Args:
        count: Number of candidates.
        most: Most rungs.
        cut: How often the length of the last rung is halved; 0: the study's schedule.
    """
    kept = min(most, max(1, (count // HALF).bit_length()))
    return tuple(
        Rung(math.ceil(count / HALF**rung), Fraction(1, HALF ** (cut + kept - 1 - rung)))
        for rung in range(kept)
    )


def plans(tried: Sequence[Candidate], epochs: int) -> Iterator[Plan]:
    """Yields plans, the best first.

    First the candidates that are farthest from the loss's own settings are left out, down to three;
    then trainings are shorter; at last there is one training of the shortest length.

    Args:
        tried: All candidates.
        epochs: Length of the shortest schedule of the study; no rung is shorter than an epoch.
    """
    least = min(LEAST_CANDIDATES, len(tried))
    halvings = min(SHORTEST, max(1, epochs).bit_length() - 1)
    for cut in range(halvings + 1):
        most = min(MOST_RUNGS, halvings + 1 - cut)
        for count in range(len(tried), least - 1, -1):
            yield Plan(tuple(tried[:count]), rungs(count, most, cut))
    for count in range(least - 1, 0, -1):
        yield Plan(tuple(tried[:count]), rungs(count, 1, halvings))


def ranked(scores: Mapping[Candidate, float]) -> list[Candidate]:
    """Returns candidates by falling score; of equal ones the lower rate is first.

    Args:
        scores: Candidate to score, in the order of the plan; higher is better.
    """
    return sorted(scores, key=lambda candidate: (-scores[candidate], candidate.factor))


def edge(best: Candidate, tried: Sequence[Candidate]) -> str | None:
    """Returns `lowest` or `highest` if the best rate is on the edge of several rates, else None."""
    factors = {candidate.factor for candidate in tried}
    if len(factors) < 2:
        return None
    return {min(factors): "lowest", max(factors): "highest"}.get(best.factor)
