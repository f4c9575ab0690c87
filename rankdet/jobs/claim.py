"""Only one job trains a run, also on a cluster whose file system has no locks between nodes.

A training claims its run: a small file names host, process, SLURM job and workflow, and is written
again every few seconds with a higher number, the heartbeat. Clocks of two machines are never
compared: a job that finds the claim of another host watches whether the number changes.

If a node loses its connection, SLURM starts the job again elsewhere, while the first process still
trains. The later job asks for the claim, and the earlier process ends itself.
"""

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.files import read_record, shown, write_record
from rankdet.lifetime import GRACE, runs, terminate

CLAIM = "logs/train.claim"  # in the folder of a run; `work/` may be emptied
SESSION = "RANKDET_SESSION"  # the workflow that a user started, for all of its jobs on all hosts
SLURM_JOB = "SLURM_JOB_ID"


@dataclass(frozen=True)
class Times:
    """Seconds.

    Attributes:
        beat: Between two heartbeats.
        silence: Without a heartbeat after which a process of another host counts as dead. File
            systems of clusters show a change after up to a minute.
        patience: That a job waits for one of another workflow.
        grace: Within which a process ends that has said that it is leaving.
        pause: Between two looks.
    """

    beat: float = 5.0
    silence: float = 75.0
    patience: float = 30.0
    grace: float = GRACE + 1.0
    pause: float = 0.5


class Claim:
    """The claim of this process on a run.

    Args:
        run: The folder of the run.
        say: Prints a line for the user.
        times: How often to write and how long to wait.
        end: Ends this process when another job has taken the claim; called in a thread.
    """

    def __init__(
        self,
        run: Path,
        say: Callable[[str], None],
        times: Times | None = None,
        end: Callable[[], None] = terminate,
    ) -> None:
        self._path = run / CLAIM
        self._wanted = self._path.with_suffix(".wanted")
        self._run, self._say, self._times, self._end = run, say, times or Times(), end
        self._mine = {
            "host": socket.gethostname(),
            "process": os.getpid(),
            "job": os.environ.get(SLURM_JOB, ""),
            "workflow": os.environ.get(SESSION, ""),
            "since": time.time_ns(),
        }
        self._beats, self._released = 0, threading.Event()

    def acquire(self) -> None:
        """Takes the claim; waits for, or ends, another process that has it.

        Raises:
            InputError: If a job of another workflow has it; the line names it.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            other = _read(self._path)
            if other is not None:
                self._wait_for(other)
            self._write()
            if other is not None and other.get("host") != self._mine["host"]:
                time.sleep(2 * self._times.pause)  # another job may have waited as well
            if self._is_mine():
                break
        with suppress(OSError):
            self._wanted.unlink()
        threading.Thread(target=self._beat, daemon=True).start()

    def release(self) -> None:
        """Gives the claim back, if this process still has it."""
        self._released.set()
        if self._is_mine():
            with suppress(OSError):
                self._path.unlink()

    def _wait_for(self, other: Mapping[str, Any]) -> None:
        """Returns when another process does not train any more."""
        if not self._lives(other):
            return
        name = _name(other)
        ours = any(other.get(key) and other[key] == self._mine[key] for key in ("job", "workflow"))
        if ours:
            self._say(f"asks {name} to end: SLURM has started this training again")
            write_record(self._wanted, self._mine)
        else:
            self._say(f"waits for {name}, which trains this run")
        last = time.monotonic() + (self._times.silence if ours else self._times.patience)
        while time.monotonic() < last:
            time.sleep(self._times.pause)
            now = _read(self._path)
            if now is None or not self._same(now, other) or self._is_dead_here(now):
                return
            if now.get("leaving"):
                time.sleep(self._times.grace)
                return
        cancel = f"scancel {other['job']}" if other.get("job") else "end it"
        raise InputError(
            f"{shown(self._run)}: {name} is training this run; wait until it has finished, or "
            f"{cancel}, and run again"
        )

    def _lives(self, other: Mapping[str, Any]) -> bool:
        if other.get("host") == self._mine["host"]:
            return not self._is_dead_here(other)
        self._say(f"watches for {self._times.silence:g} s whether {_name(other)} still lives")
        last = time.monotonic() + self._times.silence
        while time.monotonic() < last:
            time.sleep(self._times.pause)
            now = _read(self._path)
            if now is None:
                return False
            if now.get("beat") != other.get("beat") or not self._same(now, other):
                return True
        return False

    def _is_dead_here(self, other: Mapping[str, Any]) -> bool:
        process, here = other.get("process"), other.get("host") == self._mine["host"]
        return here and (not isinstance(process, int) or not runs(process))

    @staticmethod
    def _same(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
        return all(a.get(key) == b.get(key) for key in ("host", "process", "since"))

    def _is_mine(self) -> bool:
        now = _read(self._path)
        return now is not None and self._same(now, self._mine)

    def _write(self, **more: bool) -> None:
        self._beats += 1
        write_record(self._path, {**self._mine, "beat": self._beats, **more})

    def _beat(self) -> None:
        """Writes heartbeats; ends this process when another job takes or asks for the claim."""
        while not self._released.wait(self._times.beat):
            with suppress(OSError):  # a file system that is away comes back, or the job ends
                now, wanted = _read(self._path), _read(self._wanted)
                taken = now is not None and not self._same(now, self._mine)
                if taken or (wanted is not None and not self._same(wanted, self._mine)):
                    print(f"{_name(now if taken else wanted)} trains this run now: this ends")
                    sys.stdout.flush()
                    if not taken:
                        self._write(leaving=True)
                    self._end()
                    return
                if not self._released.is_set():
                    self._write()


@contextmanager
def claimed(run: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Holds the claim on a run while the block trains it.

    Args:
        run: The folder of the run.
        say: Prints a line for the user.

    Raises:
        InputError: If a job of another workflow trains it.
    """
    claim = Claim(run, say)
    claim.acquire()
    try:
        yield
    finally:
        claim.release()


def _read(path: Path) -> dict[str, Any] | None:
    try:
        path.read_bytes()  # opens the file: NFS then asks for its newest content
    except FileNotFoundError:
        return None
    note, problem = read_record(path)
    return {"host": None, "damaged": problem} if problem else note


def _name(note: Mapping[str, Any] | None) -> str:
    if not note or note.get("damaged"):
        return "another process"
    job = f" (SLURM job {note['job']})" if note.get("job") else ""
    return f"process {note.get('process')} on {note.get('host')}{job}"
