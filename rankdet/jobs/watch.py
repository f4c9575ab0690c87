"""A second process watches a job, so that a crash, an exit or an endless loop has a true reason.

The job runs in a child process. Its parent waits, and writes why the job ended if the job itself
could not: a signal (a crash in compiled code), `os._exit` in a loss file, or the limit of time.
"""

import atexit
import faulthandler
import math
import os
import re
import select
import signal
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

from rankdet.files import shown
from rankdet.jobs.lines import say
from rankdet.lifetime import end_with_parent
from rankdet.repository import is_own
from rankdet.results.failures import record_failure

GRACE = 20  # seconds that a job has to exit after it has announced its end
POLL = 0.2  # seconds
FRAME = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<line>\d+) in (?P<name>.+)$', re.MULTILINE)
CRASHES = {
    signal.SIGSEGV: "a crash in compiled code (SIGSEGV)",
    signal.SIGBUS: "a crash in compiled code (SIGBUS)",
    signal.SIGFPE: "a crash in compiled code (SIGFPE)",
    signal.SIGILL: "a crash in compiled code (SIGILL)",
    signal.SIGABRT: "a crash in compiled code (SIGABRT)",
}


def watched(snakemake: Any, name: str, run: Path) -> None:
    """Continues in a child process; the calling process waits for it and never returns.

    Call it before other packages are imported, so that no thread exists yet.

    Args:
        snakemake: Snakemake's object; `log` and `params.spec` are read: `loss_file`, whose line is
            named if it is in the stack, and `hours`, the longest time of a training.
        name: What the job does, as for `job`.
        run: The folder of its run.
    """
    spec = snakemake.params.spec
    loss_file, hours = spec["loss_file"], spec.get("hours") if name == "train" else None
    label = f"{name} {'/'.join(run.parts[-4:])}"
    stacks = tempfile.TemporaryFile("w+")  # noqa: SIM115  (the child keeps it open until it ends)
    reading, writing = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _in_the_child(parent, stacks, writing)
        return
    os.close(writing)
    ended = _wait(child, reading, hours)
    if ended.code is not None:
        os._exit(ended.code)
    reason = _reason(ended, stacks, loss_file, hours)
    record_failure(run, label, reason)
    if not _ended_by_slurm(ended):  # the workflow asks SLURM why, and tells the user
        say(f"error: {label}: {reason} (log: {snakemake.log[0]})")
    os._exit(1)


def announce(code: int) -> None:
    """Tells the watching process that the job has said how it ended; then only its exit is left.

    Args:
        code: The exit code of the job.
    """
    if _WATCHED and _WATCHED[0] == os.getpid():  # not in a process that the job has forked
        with suppress(OSError):
            os.write(_WATCHED[1], bytes([code]))
        _WATCHED.clear()


_WATCHED: list[int] = []  # in a job that is watched: its process, and where it announces its end


@dataclass(frozen=True)
class Ended:
    """How a job ended.

    Attributes:
        code: The exit code that it announced; None if it did not.
        status: Its status for `os.waitpid`.
        over: Whether it was stopped because its time was over.
    """

    code: int | None
    status: int
    over: bool = False


def _in_the_child(parent: int, stacks: IO[str], writing: int) -> None:
    if os.getppid() != parent:
        os._exit(1)
    _WATCHED.extend((os.getpid(), writing))
    atexit.register(announce, 1)  # an error outside of the job; `os._exit` and signals skip this
    faulthandler.enable(stacks, all_threads=False)
    faulthandler.register(signal.SIGUSR1, stacks, all_threads=False)
    _note_exits(stacks)


def _note_exits(stacks: IO[str]) -> None:
    """Makes `os._exit` write its place first: it ends a process without any other trace."""
    own, leave = os.getpid(), os._exit

    def leaving(status: int) -> NoReturn:
        if os.getpid() == own:
            faulthandler.dump_traceback(stacks, all_threads=False)
        leave(status)

    os._exit = leaving


def _wait(child: int, reading: int, hours: float | None) -> Ended:
    """Waits for the job; ends it when its time is over, or when its workflow is gone."""

    def end() -> None:
        _end(child)
        os._exit(1)

    signal.signal(signal.SIGTERM, lambda number, _: _kill([child], number))
    signal.signal(signal.SIGINT, lambda *_: None)  # the terminal sends it to the job, too
    end_with_parent(end)
    last = time.monotonic() + hours * 3600 if hours else math.inf
    code = None
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if code is None and select.select([reading], [], [], 0 if found else POLL)[0]:
            told = os.read(reading, 1)
            code, last = (told[0], time.monotonic() + GRACE) if told else (None, last)
        elif not found and code is not None:
            time.sleep(POLL)
        if found:
            return Ended(code, status)
        if time.monotonic() > last:
            if code is None:
                _kill([child], signal.SIGUSR1)  # writes the stack, also of a loop in compiled code
                time.sleep(POLL)
            _end(child)
            return Ended(code, os.waitpid(child, 0)[1], over=True)


def _end(child: int) -> None:
    """Ends a job and its processes."""
    import psutil

    with suppress(psutil.Error):
        others = [one.pid for one in psutil.Process(child).children(recursive=True)]
        _kill([child, *others], signal.SIGKILL)


def _ended_by_slurm(ended: Ended) -> bool:
    terminated = os.WIFSIGNALED(ended.status) and os.WTERMSIG(ended.status) == signal.SIGTERM
    return terminated and "SLURM_JOB_ID" in os.environ


def _kill(processes: Iterable[int], number: int) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


def _reason(ended: Ended, stacks: IO[str], loss_file: str, hours: float | None) -> str:
    """Why the job ended; it did not say so itself."""
    status, where = ended.status, _where(stacks, loss_file)
    if ended.over:
        return (
            f"stopped after {hours:g} h, the limit `hours` of the study{where}; raise it and run "
            "again to continue from the last checkpoint"
        )
    if os.WIFSIGNALED(status):
        number = signal.Signals(os.WTERMSIG(status))
        if number in CRASHES:
            return f"{CRASHES[number]}{where}; correct the code that runs there"
        if number == signal.SIGKILL:
            return (
                "the process was killed (SIGKILL): by the system, if the machine ran out of "
                "memory; run again to continue from its last checkpoint"
            )
        return f"the process was stopped by {number.name}; run again to continue"
    exit_code = os.waitstatus_to_exitcode(status)
    return (
        f"the process ended itself{where} with exit code {exit_code} before the job was done "
        "(os._exit); remove that call from the code of the loss"
    )


def _where(stacks: IO[str], loss_file: str) -> str:
    """The place in the loss's file, or else the last place in Python, from the stack."""
    stacks.seek(0)
    frames = [
        (found["file"], found["line"])
        for found in FRAME.finditer(stacks.read())
        if found["file"] != __file__ and not found["file"].startswith("<")
    ]
    own = [frame for frame in frames if loss_file and is_own(frame[0], Path(loss_file))]
    for file, line in own or frames:
        return f" at {shown(file)}:{line}"
    return ""
