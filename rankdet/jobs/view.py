"""The lines of the progress view of a workflow: what is done, running, to come and failed."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rankdet.results.epochs import run_key
from rankdet.study.plan import Study
from rankdet.study.progress import TrainingNow, Trainings, clock, ending, seconds_to_end
from rankdet.study.resolved_run import ResolvedRun

SHOWN = 8  # most running jobs; further ones are counted
BAR = 20  # characters
GREEN, RED, DIM, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[2m", "\x1b[0m"
WORDS = (  # wildcards that tell apart the jobs of one run
    ("split", "on"),
    ("threshold", "at"),
    ("test", "as"),
    ("epoch", "after epoch"),
)


@dataclass(frozen=True)
class PlannedJob:
    """A job of the workflow.

    Attributes:
        rule: the rule's name.
        label: what it does: `train shapes/atss/ce/seed1`.
        run: the key of its run; empty if it belongs to none.
    """

    rule: str
    label: str
    run: str

    @property
    def trains(self) -> bool:
        """Whether it trains; the rules that train are `train`, or begin with `train_`."""
        return self.rule == "train" or self.rule.startswith("train_")


def planned_job(rule: str, wildcards: Mapping[str, str]) -> PlannedJob:
    """Returns a job by its rule and wildcards."""
    parts = [wildcards.get(name, "") for name in ("dataset", "detector", "loss")]
    if "detector" in wildcards and not parts[2]:
        parts[2] = "untrained"
    run = "/".join([*parts, f"seed{wildcards['seed']}"]) if "seed" in wildcards else ""
    others = run or "/".join(value for value in wildcards.values())
    words = [f"{word} {wildcards[name]}" for name, word in WORDS if name in wildcards]
    verb = "train" if rule.startswith("train") else rule.partition("_")[0]
    return PlannedJob(rule, " ".join(filter(None, [verb, others, *words])), run_key(run))


class WorkflowView:
    """Follows the jobs of a workflow, and writes the lines of the view.

    Args:
        study: the study.
        trainings: its trainings; None makes them from the results.
        colours: whether the lines may have colours.
        has_ended: returns whether a job has ended well. Snakemake does not announce it if it is
            quiet about its own progress.
    """

    def __init__(
        self,
        study: Study,
        trainings: Trainings | None = None,
        colours: bool = True,
        has_ended: Callable[[Any], bool] = lambda _: False,
    ) -> None:
        self.study, self.colours, self._has_ended = study, colours, has_ended
        self._trainings = trainings or Trainings(study)
        self._runs = {run.key: run for run in study.runs}
        self._lock = threading.Lock()
        self._jobs: dict[Any, PlannedJob] = {}
        self._started: dict[Any, float] = {}
        self._ended: set[Any] = set()
        self._failed: set[Any] = set()
        self._begin = time.monotonic()

    def plan(self, jobs: Mapping[Any, PlannedJob]) -> None:
        """Takes the jobs of the workflow, by their identifier."""
        with self._lock:
            self._jobs = dict(jobs)

    def started(self, job: Any, planned: PlannedJob) -> None:
        """A job begins; also a second time, after a failure."""
        with self._lock:
            self._jobs[job] = planned
            self._started[job] = time.monotonic()
            self._failed.discard(job)

    def _look_for_ends(self) -> None:
        with self._lock:
            for job in [job for job in self._started if self._has_ended(job)]:
                del self._started[job]
                self._ended.add(job)

    def ended(self, job: Any, failed: bool = False) -> None:
        """A job has ended."""
        with self._lock:
            self._started.pop(job, None)
            (self._failed if failed else self._ended).add(job)

    def lines(self, width: int) -> list[str]:
        """Returns the lines for a terminal of `width` characters."""
        self._look_for_ends()
        with self._lock:
            jobs, started = dict(self._jobs), dict(self._started)
            ended, failed = set(self._ended), set(self._failed)
        if not jobs:
            return []
        now = {key: self._training(jobs[key]) for key in started if jobs[key].trains}
        open_ = [job for key, job in jobs.items() if key not in ended | failed]
        to_come = [job for key, job in jobs.items() if key not in {*started, *ended, *failed}]
        left = seconds_to_end(
            [one.left if one else None for one in now.values()],
            [self._expected(job) for job in to_come if job.trains],
        )
        head = self._head(jobs, started, failed, open_, left)
        rows = [
            self._row(jobs[key], now.get(key), time.monotonic() - since)
            for key, since in sorted(started.items(), key=lambda item: item[1])
        ]
        more = [f"  and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
        names = max((len(name) for name, _ in rows[:SHOWN]), default=0)
        shown = [f"  {name:<{names}}  {text}" for name, text in rows[:SHOWN]]
        done = (len(jobs) - len(open_)) / len(jobs)
        return [self._bar(done, head, width), *(line[:width] for line in (*shown, *more))]

    def _head(
        self,
        jobs: Mapping[Any, PlannedJob],
        started: Mapping[Any, float],
        failed: Iterable[Any],
        open_: Sequence[PlannedJob],
        left: float | None,
    ) -> str:
        lost = {jobs[key].run for key in failed} - {""}
        running = {jobs[key].run for key in started} - {""} - lost
        begun = running | lost
        waiting = {job.run for job in open_} - {""} - begun
        done = len(self._runs) - len(begun | waiting)
        parts = [f"{done} of {len(self._runs)} runs done", f"{len(running)} running"]
        parts.append(f"{len(waiting)} to come")
        if lost:
            parts.append(f"{len(lost)} failed")
        parts.append(f"job {len(jobs) - len(open_)} of {len(jobs)}")
        if any(job.trains for job in open_):
            parts.append(ending(left))
        return ", ".join(parts)

    def _training(self, job: PlannedJob) -> TrainingNow | None:
        run = self._run(job)
        return self._trainings.now(run) if run else None

    def _expected(self, job: PlannedJob) -> float | None:
        run = self._run(job)
        return self._trainings.expected(run) if run else None

    def _run(self, job: PlannedJob) -> ResolvedRun | None:
        return self._runs.get(job.run)

    def _row(
        self, job: PlannedJob, training: TrainingNow | None, seconds: float
    ) -> tuple[str, str]:
        if training is None or not training.look.iteration:
            return job.label, f"{clock(seconds)} so far"
        look = training.look
        parts = [f"{look.iteration}/{training.total or '?'}"]
        if look.curve:
            parts.append(f"loss {look.curve[-1][1]:.3f}")
        if look.pace is not None:
            parts.append(f"{look.pace:.2f} s/iteration")
        if training.left is not None:
            parts.append(f"{clock(training.left)} left")
        return job.label, "  ".join(parts)

    def _bar(self, done: float, text: str, width: int) -> str:
        filled = int(BAR * done)
        line = f"{'━' * filled}{'─' * (BAR - filled)} {text}"[:width]
        if not self.colours:
            return line
        colour = RED if " failed" in text else GREEN
        rest = f"{DIM}{line[filled:BAR]}{PLAIN}{line[BAR:]}"
        return f"{colour}{line[:filled]}{PLAIN}{rest}"

    def summary(self) -> str:
        """Returns one line about all jobs, for the end."""
        self._look_for_ends()
        with self._lock:
            ended, failed = len(self._ended), len(self._failed)
        lost = f", {failed} failed" if failed else ""
        return (
            f"{ended} of {len(self._jobs)} jobs done{lost}, {clock(time.monotonic() - self._begin)}"
        )
