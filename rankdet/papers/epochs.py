"""The schedules and epochs of cells: those of their paper, or of a group of a study."""

from collections.abc import Collection
from functools import lru_cache

from rankdet.errors import InputError
from rankdet.files import read_yaml, shown
from rankdet.papers.spec import RunRequest
from rankdet.repository import SCHEDULES
from rankdet.results.epochs import KeptEpoch


@lru_cache
def schedule_epochs() -> dict[str, int]:
    """Returns the epochs of the papers' schedules, by name, as `workflows/schedules.yaml` has them.

    `rankdet.study.runs_of_tables` reads and checks the whole file.
    """
    entries = read_yaml(SCHEDULES)
    return {
        name: entry["epochs"]
        for name, entry in entries.items()
        if isinstance(entry, dict) and isinstance(entry.get("epochs"), int)
    }


@lru_cache
def paper_schedules() -> frozenset[str]:
    """Returns the names of the papers' schedules."""
    return frozenset(read_yaml(SCHEDULES))


def schedule_in_study(schedule: str, apart: Collection[str]) -> str:
    """Returns the name that the runs of a cell have in a study.

    If a study has no separate runs for a paper's schedule, the runs of its own schedule stand for
    it; their name is empty. Any other name is that of a group (`schedule_name`). No other runs
    stand for those of a group, because they differ.

    Args:
        schedule: the schedule of a cell; empty for the study's.
        apart: the papers' schedules for which the study has separate runs.
    """
    return "" if schedule in paper_schedules() and schedule not in apart else schedule


def kept_epoch(request: RunRequest) -> KeptEpoch | None:
    """Returns the epoch that a cell shows; None for the end of the training.

    Raises:
        InputError: If the length of the schedule is not known, or the epoch is not before its end.
    """
    if not request.epoch:
        return None
    if not request.schedule:
        raise InputError(f"epoch {request.epoch} needs a schedule; add `schedule`")
    length = schedule_epochs().get(request.schedule)
    if length is None:
        raise InputError(
            f"epoch {request.epoch} needs a schedule with `epochs`; {shown(SCHEDULES)} has none "
            f"called {request.schedule!r}; name another one, or add it there"
        )
    if int(request.epoch) >= length:
        raise InputError(
            f"epoch {request.epoch} is not before the end of schedule {request.schedule!r}, which "
            f"has {length} epochs; name an earlier epoch, or leave `epoch` out for the end"
        )
    return KeptEpoch(of=length, epoch=int(request.epoch))
