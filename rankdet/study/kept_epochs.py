"""Which epochs the trainings of a study keep: those that cells of its tables and figures show."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rankdet.errors import InputError
from rankdet.papers.epochs import kept_epoch
from rankdet.papers.spec import Spec
from rankdet.results.epochs import KeptEpoch
from rankdet.results.layout import MODEL, RUN, epoch_folder
from rankdet.study.resolved_run import ResolvedRun
from rankdet.study.runs import Run
from rankdet.study.tables import asks_for

ANY = "[^/]+"


def shown_epochs(
    run: Run, specs: Iterable[Spec], schedules: Collection[str], datasets: Mapping[str, str]
) -> list[KeptEpoch]:
    """Returns the epochs that the cells of tables and figures show of a run, in ascending order.

    Args:
        run: The run.
        specs: The tables and figures.
        schedules: As in `rankdet.study.tables.runs_of`.
        datasets: As in `rankdet.study.tables.runs_of`.

    Raises:
        InputError: If an epoch is not on the way of its schedule.
    """
    found = set()
    for request in (request for spec in specs for request in spec.requests if request.epoch):
        if asks_for(request, run, schedules, datasets):
            found.add(kept_epoch(request))
    return sorted(epoch for epoch in found if epoch)


def check_kept_epochs(runs: Iterable[ResolvedRun], source: str) -> None:
    """Checks that every training reaches the epochs that it keeps.

    Raises:
        InputError: If a training stops before one of them.
    """
    for run in runs:
        part = run.schedule.get("stop_after", 1.0)
        late = [kept for kept in run.kept_epochs if kept.epoch / kept.of > part + 1e-9]
        if late:
            raise InputError(
                f"{source}: {run.key}: a table or figure shows {late[0].words}, but this training "
                f"stops after {part:g} of its schedule; raise stop_after, or leave that table out"
            )


@dataclass(frozen=True)
class Training:
    """A rule of the workflow that trains: the runs that keep the same epochs.

    Snakemake must know the outputs of a rule from its text, so runs with other epochs need another
    rule.

    Attributes:
        rule: `train` for runs that keep no epoch; else `train_keeping_50_of_100`.
        dataset: The pattern of a dataset's name that matches these runs alone.
        files: The further outputs, below a run's folder.
    """

    rule: str
    dataset: str
    files: tuple[str, ...] = ()


def trainings(runs: Iterable[Run]) -> list[Training]:
    """Returns the rules that train the runs of a study, `train` first."""
    keys: dict[tuple[KeptEpoch, ...], list[str]] = {}
    for run in runs:
        if run.kept_epochs:
            keys.setdefault(run.kept_epochs, []).append(run.key)
    every = [key for group in keys.values() for key in group]
    plain = Training("train", f"(?!{_one_of(every)}){ANY}" if every else ANY)
    return [plain, *(_training(epochs, group) for epochs, group in keys.items())]


def _training(epochs: Sequence[KeptEpoch], keys: Iterable[str]) -> Training:
    names = "_".join(kept.name.replace("-", "_") for kept in epochs)
    files = tuple(f"{epoch_folder(kept.name)}/{file}" for kept in epochs for file in (MODEL, RUN))
    return Training(f"train_keeping_{names}", f"(?={_one_of(keys)}){ANY}", files)


def _one_of(keys: Iterable[str]) -> str:
    """A pattern of paths below runs. It has no braces, which Snakemake reads as wildcards."""
    return f"(?:{'|'.join(re.escape(key) for key in keys)})/"
