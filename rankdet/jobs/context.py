"""The context of every script of the workflow: its log, its line on the terminal, its failure.

All output of a job goes to the rule's log. The terminal shows one line when the job is done, or one
line with the reason of its failure; the traceback is in the log.
"""

import atexit
import gc
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TextIO

from rankdet.files import remove_leftovers
from rankdet.jobs.lines import open_lines
from rankdet.jobs.log import forget_attempts, open_log
from rankdet.jobs.reason import failure_reason
from rankdet.jobs.watch import announce
from rankdet.lifetime import end_with_parent
from rankdet.machine import THREAD_VARIABLES
from rankdet.results.failures import clear_failure, record_failure
from rankdet.results.layout import WORK

TERMINAL = "RANKDET_TERMINAL"  # the file descriptor for lines of progress
# New objects before Python looks for garbage; 700 by default. Imports make many objects and no
# garbage. `environment.set_up` sets the default again before a model is built.
SELDOM = 50_000


@dataclass(frozen=True)
class Job:
    """A running job.

    Attributes:
        label: What it does: `train shapes/retinanet/alrp/seed1`.
        folder: The run's folder; None for a job without a run.
        terminal: The stream of the terminal.
    """

    label: str
    folder: Path | None
    terminal: TextIO

    def print(self, line: str) -> None:
        """Prints a line on the terminal."""
        with suppress(OSError, ValueError):
            print(line, file=self.terminal, flush=True)


@contextmanager
def job(snakemake: Any, name: str, run: str | Path | None = None) -> Iterator[Job]:
    """Runs the block of a script; on failure, prints one line and exits with 1.

    Args:
        snakemake: Snakemake's object: `log`, `threads` and `wildcards` are read.
        name: What the job does: `train`.
        run: The folder of its run, if it has one; a failure is recorded there.
    """
    for variable in THREAD_VARIABLES:  # before torch or numpy is imported
        os.environ[variable] = str(snakemake.threads)
    # Waiting threads should sleep: busy waiting slows down the other jobs on the same cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    end_with_parent()
    gc.set_threshold(SELDOM)
    for output in getattr(snakemake, "output", ()):
        remove_leftovers(Path(output))
    folder = Path(run) if run is not None else None
    parts = folder.parts[-4:] if folder else snakemake.wildcards
    label = " ".join([name, "/".join(parts)]).strip()
    log = Path(str(snakemake.log[0]))
    train = name == "train"
    goes_on = train and folder is not None and (folder / WORK).is_dir()
    with _redirected(open_log(log, train, goes_on)) as terminal:
        this = Job(label, folder, terminal)
        started = time.monotonic()
        try:
            yield this
        except BaseException as error:
            _ignore_interrupts()
            reason = failure_reason(error, folder or log.parent)
            with suppress(OSError):
                traceback.print_exc()
            this.print(f"error: {label}: {reason} (log: {log})")
            if folder is not None:
                record_failure(folder, label, reason)
            announce(1)
            sys.exit(1)
        if folder is not None:
            clear_failure(folder, label)
            forget_attempts(log)
        this.print(f"done: {label}  {time.monotonic() - started:.0f} s")
        announce(0)


def leave() -> NoReturn:
    """Ends this process after a job that has succeeded; the last line of a script.

    Functions of `atexit` are called, but Python's modules are not taken apart, which takes a second
    of processor time after an import of torch and mmdet.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(0)


def run_folder(snakemake: Any) -> Path:
    """Returns the folder of a job's run, from its record: that of the run or of a kept epoch."""
    folder = Path(snakemake.input.record).parent
    return folder.parent if snakemake.wildcards.get("epoch") else folder


def evaluation_name(snakemake: Any) -> str:
    """Returns the evaluation of a job: `val`, `val at 0.05` (a sweep), `val as x` (a test).

    A job of a kept epoch is called `val after epoch 50-of-100`.
    """
    found = snakemake.params.split
    for word, key in (("at", "threshold"), ("as", "test"), ("after epoch", "epoch")):
        if snakemake.wildcards.get(key):
            found += f" {word} {snakemake.wildcards.get(key)}"
    return found


def _ignore_interrupts() -> None:
    """Lets a job end in order: a user often presses Ctrl-C twice."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _redirected(target: int) -> Iterator[TextIO]:
    """Sends all output of this process to `target`, and closes it; yields the terminal."""
    lines = open_lines()
    terminal = os.dup(sys.stderr.fileno()) if lines is None else lines
    os.set_inheritable(terminal, True)  # for the processes of a distributed training
    os.environ[TERMINAL] = str(terminal)
    originals = [os.dup(1), os.dup(2)]
    os.dup2(target, 1)
    os.dup2(target, 2)
    try:
        with os.fdopen(terminal, "w", closefd=False, errors="replace") as printed:
            yield printed
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        for descriptor, original in zip((1, 2), originals, strict=True):
            os.dup2(original, descriptor)
            os.close(original)
        os.close(target)
