"""How long a search takes, and the largest one that fits into a time: the same for every loss."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rankdet.errors import InputError
from rankdet.tuning.halving import Plan


@dataclass(frozen=True)
class Pace:
    """What a training with one loss on one detector takes, as measured; times in seconds.

    Attributes:
        epochs: Epochs of the study's schedule.
        iterations: Iterations of an epoch.
        iteration: Of an iteration, while other trainings run.
        image: Of the inference on an image.
        images: Images of the held-out split.
        rest: Of building the model, and of the evaluation.
    """

    epochs: int
    iterations: int
    iteration: float
    image: float
    images: int
    rest: float

    def seconds(self, epochs: int) -> float:
        """Returns the time of a training of some epochs with its evaluation."""
        return epochs * self.iterations * self.iteration + self.images * self.image + self.rest


def seconds(plan: Plan, paces: Iterable[Pace], jobs: int, start: float) -> float:
    """Returns the expected time of a search.

    Args:
        plan: What is tried with every loss.
        paces: One for each pair of loss and detector.
        jobs: Trainings at a time.
        start: Seconds that a process takes to start; processes start for each rung.
    """
    known = list(paces)
    total = 0.0
    for rung in plan.rungs:
        single = [pace.seconds(rung.epochs(pace.epochs)) for pace in known]
        work = rung.candidates * sum(single)
        total += start + max(work / min(jobs, rung.candidates * len(known)), *single, 0.0)
    return total


def fitted(
    made: Sequence[Plan],
    paces: Mapping[str, Pace],
    jobs: int,
    start: float,
    budget: float | None,
) -> Plan:
    """Returns the first plan that fits into a time.

    Args:
        made: Plans, the best first; see `halving.plans`.
        paces: Name of a pair of loss and detector to its pace.
        jobs: Trainings at a time.
        start: Seconds that a process takes to start.
        budget: Seconds; None for no limit.

    Raises:
        InputError: If even one short training of each loss does not fit.
    """
    if budget is None:
        return made[0]
    for plan in made:
        if seconds(plan, paces.values(), jobs, start) <= budget:
            return plan
    least = min(seconds(plan, paces.values(), jobs, start) for plan in made) / 60
    raise InputError(
        f"--budget {budget / 60:g}: one short training of each of the {len(paces)} pairs of loss "
        f"and detector takes {least:.1f} minutes here; give more, or name fewer losses"
    )
