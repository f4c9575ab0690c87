"""Builds the report of a study again when its records have changed, in a process of its own."""

import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rankdet.errors import in_words

LEAST_PAUSE = 5.0  # seconds between two builds
SHARE = 0.2  # of one processor, at most, for builds: trainings use the same machine
NICE = 10  # the priority of a build is lower than that of a training


@dataclass(frozen=True)
class Built:
    """A report.

    Attributes:
        folder: where it is.
        records: the mark of the records that it shows.
        when: time of its build, as `time.time`.
    """

    folder: Path
    records: int
    when: float


class Builder:
    """Builds reports below a folder; each is a new folder, and the last two are kept.

    Args:
        plan: `plan.json` of the study.
        folder: an existing folder for the reports.
        command: how a report is built; the plan and `--out` with the folder follow.
    """

    def __init__(
        self,
        plan: Path,
        folder: Path,
        command: tuple[str, ...] = (sys.executable, "-m", "rankdet.cli", "report"),
    ) -> None:
        self.plan, self.folder, self.command = plan, folder, command
        self.last: Built | None = None
        self.problem = ""
        self.building = False
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._stopped = False
        self._count = 0
        self._next = 0.0  # by `time.monotonic`

    def due(self, records: int) -> bool:
        """Returns whether a report of these records should be built now.

        Args:
            records: the mark of the records, `Progress.records`.
        """
        last = self.last if self.last and self.last.folder.is_dir() else None  # others clean /tmp
        known = last is not None and last.records == records and not self.problem
        return not known and self.plan.is_file() and time.monotonic() >= self._next

    def build(self, records: int) -> None:
        """Builds a report; after a failure `problem` has one line, and the last one stays."""
        self._count += 1
        target = self.folder / f"report-{self._count}"
        before, self.building = _processor_seconds(), True
        self.problem = self._run([*self.command, str(self.plan), "--out", str(target)])
        seconds = _processor_seconds() - before
        self._next = time.monotonic() + max(LEAST_PAUSE, seconds / SHARE)
        if not self.problem:
            old, self.last = self.last, Built(target, records, time.time())
            self._remove_all_but({target, old.folder if old else target})
        self.building = False

    def stop(self) -> None:
        """Ends a build that is running; no other begins."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                self._process.terminate()

    def _run(self, command: list[str]) -> str:
        """Returns why a build failed, in one line; empty if it did not."""
        with self._lock:
            if self._stopped:
                return "stopped"
            try:
                self._process = subprocess.Popen(
                    command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
                )
            except OSError as error:  # no memory or no process is left for a moment
                return f"it cannot be started: {in_words(error)}"
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, NICE)
        _, told = self._process.communicate()
        if not self._process.returncode:
            return ""
        lines = told.strip().splitlines() or [f"exit code {self._process.returncode}"]
        return lines[-1].removeprefix("error: ")

    def _remove_all_but(self, kept: set[Path]) -> None:
        for path in self.folder.glob("*report-*"):
            if path not in kept:
                shutil.rmtree(path, ignore_errors=True)


def _processor_seconds() -> float:
    """Processor time of all builds so far; a busy machine makes them longer, but not this time."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
