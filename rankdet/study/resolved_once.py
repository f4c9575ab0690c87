"""Runs that differ in their seed alone are loaded and checked once."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from rankdet.study.config.model import StudyConfig
from rankdet.study.resolve import resolve
from rankdet.study.resolved_run import ResolvedRun
from rankdet.study.runs import Run


def resolved_once(
    planned: Sequence[Run], prepared: Callable[[Run], Run], config: StudyConfig, source: str
) -> list[ResolvedRun]:
    """Loads and checks what the runs need, once for all runs that differ in their seed alone.

    These runs share their model and their schedule as objects.

    Args:
        planned: The runs, in the order of the study.
        prepared: Completes a run before it is loaded; its answer may not depend on the seed.
        config: The study's config.
        source: Its file's name, for messages.

    Returns:
        The runs, in the same order.

    Raises:
        InputError: If a loss, detector or setting of a run cannot be used.
    """
    known: dict[tuple[str, ...], list[tuple[Run, ResolvedRun]]] = {}
    found = []
    for run in planned:
        first = replace(run, seed=0)
        same = known.setdefault((run.dataset, run.detector, run.backbone, run.loss), [])
        made = next((one for other, one in same if _alike(other, first)), None)
        if made is None:
            made = resolve(config, prepared(run), source)
            same.append((first, made))
        found.append(made if made.seed == run.seed else replace(made, seed=run.seed))
    return found


def _alike(a: Run, b: Run) -> bool:
    """Whether two runs are equal, also in what only messages and paper's schedules need."""
    return a == b and a.group == b.group and a.cases == b.cases
