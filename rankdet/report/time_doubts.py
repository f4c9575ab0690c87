"""Why the seconds of an iteration of a study's losses may not be comparable."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from rankdet.charts.pareto import Point
from rankdet.results.recorded_run import RecordedRun

FACTOR = 2.0  # seconds that differ by more than this: other jobs probably slowed some down


def doubts(runs: Sequence[RecordedRun], points: Iterable[Point]) -> tuple[str, ...]:
    """Returns the reasons, in the words of a caption; empty without one.

    Only trainings on a CPU are doubted: a GPU is seldom shared, and a record does not name it.

    Args:
        runs: the trainings of the losses.
        points: a dot for each loss and detector; its cost is in seconds.
    """
    on_cpu = [run for run in runs if str(run.training.device or "").startswith("cpu")]
    if not on_cpu:
        return ()
    found = []
    if _at_once(on_cpu):
        found.append("trainings ran at the same time")
    for name, costs in _by_detector(points).items():
        fast, slow = (pick(costs, key=lambda one: one.cost) for pick in (min, max))
        if slow.cost > FACTOR * fast.cost:
            found.append(
                f"with {name}, {slow.name} took {slow.cost:.2g} s and {fast.name} {fast.cost:.2g} s"
            )
    return tuple(found)


def _by_detector(points: Iterable[Point]) -> Mapping[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    for one in points:
        found.setdefault(one.group, []).append(one)
    return found


def _at_once(runs: Iterable[RecordedRun]) -> bool:
    """Whether two trainings on the same kind of processor overlap in time.

    Times are written in one form (ISO 8601, UTC), so their texts have their order.
    """
    spans: dict[str, list[tuple[str, str]]] = {}
    for run in runs:
        facts = run.provenance
        if facts.started and facts.finished:
            processor = str((facts.hardware or {}).get("cpu"))
            spans.setdefault(processor, []).append((facts.started, facts.finished))
    return any(
        after[0] < before[1]
        for every in spans.values()
        for before, after in pairwise(sorted(every))
    )
