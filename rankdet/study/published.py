"""How the papers trained: `workflows/schedules.yaml`, and `gpus: as published` in a study."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from pydantic import Field

from rankdet.errors import InputError
from rankdet.files import read_yaml, shown
from rankdet.repository import SCHEDULES
from rankdet.results.status import IMPORTED
from rankdet.strict import read
from rankdet.study import batches
from rankdet.study.config.model import StudyConfig
from rankdet.study.config.schedule import AS_PUBLISHED, ScheduleChange, TestSettings
from rankdet.study.recipes import Case
from rankdet.study.runs import GIVEN, Run

Sizes = Mapping[str, Any]


class Published(ScheduleChange):
    """How a paper trained and tested."""

    title: str
    test: TestSettings = TestSettings()
    cases: list[Case] = Field([])

    @property
    def schedule(self) -> ScheduleChange:
        """The training alone."""
        return ScheduleChange(**self.model_dump(exclude={"title", "test", "cases"}))


@lru_cache
def published_schedules() -> dict[str, Published]:
    """Returns how the papers trained, by name.

    Raises:
        InputError: If the file has a fault.
    """
    entries = read_yaml(SCHEDULES).items()
    return {name: read(Published, e, f"{shown(SCHEDULES)}: {name}") for name, e in entries}


def published_sizes(run: Run) -> dict[str, int]:
    """Returns the GPUs and images per GPU of a run's release, as `batches.shared` returns them.

    Cases of the schedule count in every preset: some losses had other GPUs than the rest.

    Args:
        run: A run.

    Raises:
        ValueError: If the run follows no paper's schedule, or that has no numbers; one line.
    """
    name = run.schedule_name
    if not name:
        raise ValueError(
            f"gpus: {AS_PUBLISHED}, but this run follows no paper's schedule "
            "(runs_of_tables.schedules); give a number"
        )
    if name not in published_schedules():
        raise ValueError(
            f"gpus: {AS_PUBLISHED}, but schedule_name {name!r} is not the schedule of a paper; "
            "give a number"
        )
    entry = published_schedules()[name]
    cases = [c.schedule for c in entry.cases if c.applies(run.detector, run.loss, run.backbone)]
    sizes: dict[str, Any] = {}
    for level in (entry.schedule, *cases):
        sizes = batches.changed(sizes, level.model_dump(exclude_none=True))
    if not isinstance(sizes.get("gpus"), int):
        raise ValueError(
            f"gpus: {AS_PUBLISHED}, but {shown(SCHEDULES)} has no gpus and images_per_gpu for "
            f"{name!r}; give numbers"
        )
    return sizes


def check_names(config: StudyConfig, source: str) -> None:
    """Checks that the names of groups' schedules are not those of papers, nor taken otherwise.

    Raises:
        InputError: For the first such name.
    """
    for index, group in enumerate(config.runs):
        name = group.schedule_name
        if name and (name in (GIVEN, IMPORTED) or name in published_schedules()):
            raise InputError(
                f"{source}: runs[{index}].schedule_name: {name!r} is the name of a paper's "
                "schedule, of given checkpoints or of imported detections; choose another"
            )


def followed(levels: Sequence[Sizes], run: Run, sizes: Sizes) -> str:
    """Returns the paper's schedule whose GPUs a run has, because it asked for them; else empty.

    Args:
        levels: As for `in_numbers`.
        run: The run.
        sizes: How its batch is shared.
    """
    if not (run.schedule_name and _asks(levels)):
        return ""
    return run.schedule_name if sizes == published_sizes(run) else ""


def in_numbers(levels: Sequence[Sizes], run: Run) -> list[Sizes]:
    """Returns a run's schedules with numbers instead of `gpus: as published`.

    A schedule that gives GPUs and a batch replaces all before it, so those need no numbers. A run
    that is not trained has no batch: it gets one image.

    Args:
        levels: The study's schedule, and what changes it, in order.
        run: The run.

    Raises:
        ValueError: As `published_sizes`.
    """
    whole = [i for i, level in enumerate(levels) if _is_whole(level)]
    needed = levels[whole[-1] :] if whole else levels
    if not _asks(needed):
        return list(needed)
    if not run.trained:
        return [{"batch_size": 1}]
    sizes = published_sizes(run)
    return [{**level, **sizes} if _asks([level]) else level for level in needed]


def _asks(levels: Sequence[Sizes]) -> bool:
    return any(level.get("gpus") == AS_PUBLISHED for level in levels)


def _is_whole(level: Sizes) -> bool:
    numbered = isinstance(level.get("gpus"), int)
    return numbered and bool({"batch_size", "images_per_gpu"} & level.keys())
