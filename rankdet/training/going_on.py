"""More epochs: a finished training goes on from its last state; decision 053.

The state is the last checkpoint with the recorded rows, in `last/`. It is not an output of
the workflow, so Snakemake does not delete it before it makes the run again.
"""

import os
import shutil
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook

from rankdet.files import read_record
from rankdet.results import course
from rankdet.results.course import Course
from rankdet.results.layout import PROGRESS, STATE
from rankdet.training.checkpoint_store import CheckpointStore
from rankdet.training.provenance import versions


def course_record(spec: Mapping[str, Any], epoch_length: int) -> dict[str, Any]:
    """Returns what the state of a training says about its length and rates; JSON-serialisable.

    Args:
        spec: The run's spec; `rest` is the hash of its settings apart from its length.
        epoch_length: Iterations of an epoch.
    """
    own = dict(Course.of(spec["schedule"], epoch_length).schedule)
    rest = spec.get("rest", "")
    return {"schedule": own, "epoch_length": epoch_length, "rest": rest, "versions": versions()}


def place_to_go_on(
    folder: Path,
    state: Mapping[str, Any],
    spec: Mapping[str, Any],
    mark: Mapping[str, str],
    say: Callable[[str], None],
) -> dict[str, int] | None:
    """Returns where a training goes on under a longer schedule, and tells the user.

    Args:
        folder: `work/` or `last/`, with the checkpoint.
        state: The content of its `state.json`.
        spec: The spec of the longer training.
        mark: Its fingerprint.
        say: Prints a line.

    Returns:
        `epoch` and `iteration` that are done; None if it has to start again.
    """
    was = state["fingerprint"]
    if was == mark or {**was, "config": ""} != {**mark, "config": ""}:
        return None
    known = course.read_course(state)
    if known is None or known[1] != spec.get("rest"):
        return None
    checkpoint = CheckpointStore(folder, folder / PROGRESS).last_whole(say)
    if checkpoint is None:
        return None
    epoch = checkpoint.iteration // known[0].epoch_length
    why = course.objection(state, spec["schedule"], spec["rest"], epoch) or _updated(state)
    if why:
        say(f"is trained again from its start and does not go on from epoch {epoch}: {why}")
        return None
    say(f"goes on from epoch {epoch}, because nothing but its length has changed")
    return {"epoch": epoch, "iteration": checkpoint.iteration}


def _updated(state: Mapping[str, Any]) -> str | None:
    was, now = state["course"].get("versions"), versions()
    names = [name for name in now if not isinstance(was, Mapping) or was.get(name) != now[name]]
    return f"{', '.join(names)} had another version" if names else None


def keep_last(work: Path, last: Path) -> None:
    """Keeps the last checkpoint, its rows and the state of a training that has ended.

    `work/` stays whole until the files are in `last/`, because a killed process resumes from there.
    """
    shutil.rmtree(last, ignore_errors=True)
    last.mkdir()
    checkpoint = max(work.glob("epoch_[0-9]*.pth"), key=lambda path: int(path.stem[6:]))
    for path in (checkpoint, checkpoint.with_suffix(".json"), work / PROGRESS, work / STATE):
        try:
            os.link(path, last / path.name)
        except OSError:  # no hard links there
            shutil.copyfile(path, last / path.name)


def take_last(last: Path, work: Path) -> None:
    """Moves what `keep_last` has kept into `work/`; the state comes last and makes it count."""
    for path in sorted(last.iterdir(), key=lambda path: path.name == STATE):
        path.replace(work / path.name)
    shutil.rmtree(last, ignore_errors=True)


def read_state(folder: Path) -> dict[str, Any] | None:
    """Returns the state in a folder; None if there is none, or it cannot be used."""
    state, problem = read_record(folder / STATE)
    resumed = state.get("resumed_from")
    whole = isinstance(state.get("fingerprint"), dict) and isinstance(resumed, list)
    if problem or not whole or not all(isinstance(one, int) for one in resumed or ()):
        return None
    return state


class LongerRatesHook(Hook):
    """Gives a training that goes on the rates of its own schedule.

    A checkpoint has the schedule of the shorter training, with its steps. So the schedulers of this
    training make the steps that are done; they give the numbers of a training in one go.
    """

    def __init__(self) -> None:
        self.iterations = 0  # that are done where it goes on; 0: it is resumed or starts

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Replaces rates and schedulers in the checkpoint, before they are loaded."""
        if not self.iterations:
            return
        schedulers = list(runner.param_schedulers or ())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about steps without the optimiser's
            for _ in range(self.iterations):
                for scheduler in schedulers:
                    scheduler.step()
        checkpoint.pop("param_schedulers", None)
        if schedulers:
            checkpoint["param_schedulers"] = [one.state_dict() for one in schedulers]
        saved, optimizer = checkpoint["optimizer"], runner.optim_wrapper
        for was, now in zip(saved["param_groups"], optimizer.optimizer.param_groups, strict=True):
            was["lr"] = now["lr"]
        if "base_param_settings" in saved:
            saved["base_param_settings"]["lr"] = optimizer.base_param_settings["lr"]


def longer_rates(hooks: Iterable[Any]) -> LongerRatesHook:
    """Returns the hook of a runner that gives the rates of a longer training."""
    return next(hook for hook in hooks if isinstance(hook, LongerRatesHook))
