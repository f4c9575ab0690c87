"""A second process watches a job, so that a crash, an exit or an endless loop has a true reason.

The job runs in a child process. Its parent waits, and writes why the job ended if the job itself
could not: a signal (a crash in compiled code), `os._exit` in a loss file, or the limit of time.
"""

import atexit
import ctypes
import faulthandler
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from rankdet.files import shown
from rankdet.results.failures import record_failure

PARENT_GONE = 1  # PR_SET_PDEATHSIG of Linux
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
    code = _wait(child, hours)
    said = os.read(reading, 1)
    reason = _reason(code, bool(said), stacks, loss_file, hours)
    if reason:
        record_failure(run, label, reason)
        print(f"error: {label}: {reason} (log: {snakemake.log[0]})", file=sys.stderr, flush=True)
    os._exit(1 if reason else os.waitstatus_to_exitcode(code[0]))


def _in_the_child(parent: int, stacks: IO[str], writing: int) -> None:
    with suppress(OSError, AttributeError):  # Linux only
        ctypes.CDLL(None).prctl(PARENT_GONE, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    atexit.register(os.write, writing, b"x")  # `os._exit` and signals leave this out
    faulthandler.enable(stacks, all_threads=False)
    faulthandler.register(signal.SIGUSR1, stacks, all_threads=False)


def _wait(child: int, hours: float | None) -> tuple[int, bool]:
    """The status of the child, and whether its time was over."""
    signal.signal(signal.SIGTERM, lambda number, _: _kill([child], number))
    signal.signal(signal.SIGINT, lambda *_: None)  # the terminal sends it to the job, too
    end = time.monotonic() + hours * 3600 if hours else None
    above, over = os.getppid(), False
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return status, over
        if os.getppid() != above:  # Snakemake is gone: nothing waits for this job
            _end(child)
            os._exit(1)
        if end is not None and time.monotonic() > end:
            over = True
            _kill([child], signal.SIGUSR1)  # writes the stack, also of a loop in compiled code
            time.sleep(POLL)
            _end(child)
            return os.waitpid(child, 0)[1], over
        time.sleep(POLL)


def _end(child: int) -> None:
    """Ends a job and its processes."""
    import psutil

    with suppress(psutil.Error):
        others = [one.pid for one in psutil.Process(child).children(recursive=True)]
        _kill([child, *others], signal.SIGKILL)


def _kill(processes: Iterable[int], number: int) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


def _reason(
    code: tuple[int, bool], said: bool, stacks: IO[str], loss_file: str, hours: float | None
) -> str | None:
    """Why the job ended, if it did not say so itself."""
    status, over = code
    where = _where(stacks, loss_file)
    if over:
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
    if not said:
        exit_code = os.waitstatus_to_exitcode(status)
        return (
            f"the process ended itself with exit code {exit_code} before the job was done "
            "(os._exit); remove that call from the code of the loss"
        )
    return None


def _where(stacks: IO[str], loss_file: str) -> str:
    """The place in the loss's file, or else the last place in Python, from the stack."""
    stacks.seek(0)
    frames = [(found["file"], found["line"]) for found in FRAME.finditer(stacks.read())]
    own = [frame for frame in frames if loss_file and Path(frame[0]) == Path(loss_file)]
    for file, line in own or frames:
        return f" at {shown(file)}:{line}"
    return ""
