"""How far a study is: the state of each run, its training so far, and when the trainings end."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rankdet.files import read_record
from rankdet.results import layout
from rankdet.results.course import read_course
from rankdet.results.live import Follower, Look, is_training
from rankdet.results.status import FAILED, NOT_EVALUATED, NOT_RUN, run_status
from rankdet.study.estimate import Pace, iterations, measured, pace_of
from rankdet.study.plan import Study
from rankdet.study.resolved_run import ResolvedRun

DONE, TRAINING, TRAINED, TO_COME = "done", "training", "trained, not evaluated yet", "to come"
STATES = (DONE, TRAINING, TRAINED, TO_COME, FAILED)
RECORDS = (layout.RUN, layout.METRICS, layout.SPEED, layout.SWEEP)
Stamp = tuple[tuple[int, int], ...]  # of files: time of the last change in ns, and size


@dataclass(frozen=True)
class TrainingNow:
    """A training and its expected end.

    Attributes:
        look: what it has written so far.
        total: its iterations; None if its data are not counted yet.
        left: seconds to its end; None if they cannot be estimated.
    """

    look: Look
    total: int | None
    left: float | None


@dataclass(frozen=True)
class RunNow:
    """A run of the study.

    Attributes:
        run: as planned.
        state: one of `STATES`.
        text: its status in words, with the reason of a failure.
        training: its training, if it is running.
    """

    run: ResolvedRun
    state: str
    text: str
    training: TrainingNow | None = None


@dataclass(frozen=True)
class Progress:
    """A study at one moment.

    Attributes:
        runs: its runs, as planned.
        left: seconds to the end of its trainings; None if they cannot be estimated, 0 if none is
            left. Evaluations are not counted.
        records: changes whenever a record of a run changes.
    """

    runs: tuple[RunNow, ...]
    left: float | None
    records: int

    def of(self, state: str) -> list[RunNow]:
        """Returns the runs that are in a state."""
        return [one for one in self.runs if one.state == state]


class Trainings:
    """Follows the trainings of a study, and learns how long an iteration takes.

    Args:
        study: the study.
        results: the folder with the results of all studies, for times that were measured before.
    """

    def __init__(self, study: Study, results: Path = Path("results")) -> None:
        self.study = study
        self._paces: dict[Pace, float] = measured(results, gpu=bool(study.gpus))
        self._followers: dict[str, Follower] = {}

    def now(self, run: ResolvedRun) -> TrainingNow:
        """Returns a training that is running, and remembers its pace for runs like it."""
        folder = Path(self.study.folder) / run.key
        look = self._followers.setdefault(run.key, Follower(folder)).look()
        if look.pace is not None:
            self._paces[pace_of(run)] = look.pace
        total = self._total(run, folder)
        return TrainingNow(look, total, self._left(run, total, look.iteration))

    def expected(self, run: ResolvedRun) -> float | None:
        """Returns the seconds that a training takes; None if its pace or length is not known."""
        return self._left(run, iterations(self.study, run), 0)

    def _left(self, run: ResolvedRun, total: int | None, done: int) -> float | None:
        pace = self._paces.get(pace_of(run))
        return None if total is None or pace is None else pace * max(0, total - done)

    def _total(self, run: ResolvedRun, folder: Path) -> int | None:
        """The iterations of a running training: it has written them, else they are estimated."""
        known = read_course(read_record(folder / layout.WORK / layout.STATE)[0])
        return known[0].iterations if known else iterations(self.study, run)

    def learn(self, run: ResolvedRun, seconds_per_iteration: float | None) -> None:
        """Remembers the pace of a training that has ended."""
        if seconds_per_iteration:
            self._paces.setdefault(pace_of(run), seconds_per_iteration)

    def ended(self, run: ResolvedRun) -> None:
        """Forgets the rows of a training."""
        self._followers.pop(run.key, None)


def seconds_to_end(
    running: Sequence[float | None], to_come: Sequence[float | None]
) -> float | None:
    """Returns the seconds until all trainings have ended, if as many run at once as now.

    Args:
        running: seconds that each running training still takes.
        to_come: seconds of each training that has not begun.

    Returns:
        None if the seconds of a training are not known.
    """
    known = [seconds for seconds in (*running, *to_come) if seconds is not None]
    if len(known) < len(running) + len(to_come):
        return None
    return max([sum(known) / max(1, len(running)), *known], default=0.0)


class ProgressReader:
    """Reads how far a study is, from the files of its runs; unchanged records are read once.

    Args:
        study: the study.
        results: the folder with the results of all studies.
    """

    def __init__(self, study: Study, results: Path = Path("results")) -> None:
        self.study = study
        self.trainings = Trainings(study, results)
        self._known: dict[str, tuple[Stamp, str, str]] = {}

    def read(self) -> Progress:
        """Returns the study as it is now."""
        stamps, found = [], []
        for run in self.study.runs:
            stamp = _stamp(record_files(Path(self.study.folder) / run.key, run))
            stamps.append(stamp)
            found.append(self._run(run, stamp))
        running = [one.training.left for one in found if one.training]
        to_come = [
            self.trainings.expected(one.run)
            for one in found
            if one.state == TO_COME and one.run.trained
        ]
        others = _stamp([Path(self.study.folder) / name for name in (layout.PLAN, layout.COST)])
        return Progress(tuple(found), seconds_to_end(running, to_come), hash((*stamps, others)))

    def _run(self, run: ResolvedRun, stamp: Stamp) -> RunNow:
        folder = Path(self.study.folder) / run.key
        if is_training(folder):
            return RunNow(run, TRAINING, TRAINING, self.trainings.now(run))
        self.trainings.ended(run)
        stamp += _stamp([folder / layout.WORK / layout.PROGRESS])  # of a training that was stopped
        known = self._known.get(run.key)
        if known is None or known[0] != stamp:
            known = (stamp, *self._state(run, folder))
            self._known[run.key] = known
        return RunNow(run, *known[1:])

    def _state(self, run: ResolvedRun, folder: Path) -> tuple[str, str]:
        status = run_status(folder, self.study.config.learned_ap50)
        if status.record is not None and status.record.training is not None:
            self.trainings.learn(run, status.record.training.seconds_per_iteration)
        states = {FAILED: FAILED, NOT_EVALUATED: TRAINED, NOT_RUN: TO_COME}
        return states.get(status.status, DONE), status.text


def record_files(folder: Path, run: ResolvedRun) -> list[Path]:
    """Returns the files whose change may change the report of a run.

    Args:
        folder: the run's folder.
        run: the run.
    """
    parts = ["", *map(layout.split_folder, run.splits[1:])]
    parts += [layout.variant_folder(name) for name, _ in run.test_variants]
    parts += [layout.epoch_folder(kept.name) for kept in run.kept_epochs]
    found = [folder / part / name for part in parts for name in RECORDS]
    return [*found, layout.failure_file(folder)]


def _stamp(paths: Iterable[Path]) -> Stamp:
    found = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            found.append((0, -1))
        else:
            found.append((status.st_mtime_ns, status.st_size))
    return tuple(found)


def ending(left: float | None) -> str:
    """Returns when the trainings end, in words; the day is named if it is not today."""
    if left is None:
        return "end not known yet"
    then = time.localtime(time.time() + left)
    today = time.localtime()[:3] == then[:3]
    return f"trainings end about {time.strftime('%H:%M' if today else '%a %d %b %H:%M', then)}"


def clock(seconds: float) -> str:
    """Returns a duration as `0:08`, `12:40` or `3:05:00`."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minutes}:{second:02d}"
