"""The epochs that cells show, in the length of their paper's schedule."""

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
