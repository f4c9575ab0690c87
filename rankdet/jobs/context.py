"""What every script of the workflow runs in: its log, its terminal line, and its failure's record.

The job's own output goes to the rule's log. On the terminal a person sees one line when it is done,
or one line that says what went wrong; the whole traceback is in the log.
"""

import os
import shutil
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from rankdet.files import DISK_FULL
from rankdet.results.failures import clear_failure, record_failure

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
TERMINAL = "RANKDET_TERMINAL"  # names the file descriptor that progress lines go to
ALMOST_FULL = 1 << 20  # bytes; torch reports a full disk without its errno


@dataclass(frozen=True)
class Job:
    """A running job.

    Attributes:
        label: What it does, for a person: `train shapes/retinanet/alrp/seed1`.
        folder: The run's folder, or None for a job that belongs to no run.
        terminal: Where lines for a person go.
    """

    label: str
    folder: Path | None
    terminal: TextIO

    def say(self, line: str) -> None:
        """Prints a line for a person."""
        with suppress(OSError, ValueError):
            print(line, file=self.terminal, flush=True)


@contextmanager
def job(snakemake: Any, name: str, run: str | Path | None = None) -> Iterator[Job]:
    """Runs a script's body; on failure prints one line and exits with 1.

    Args:
        snakemake: Snakemake's object: `log`, `threads` and `wildcards` are read.
        name: What the job does: `train`.
        run: The run's folder, if it belongs to one; a failure is recorded there.
    """
    for variable in THREAD_VARIABLES:  # before torch or numpy is imported
        os.environ[variable] = str(snakemake.threads)
    # Threads that wait should sleep: spinning ones slow each other where jobs share the cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    folder = Path(run) if run is not None else None
    parts = folder.parts[-4:] if folder else snakemake.wildcards
    label = " ".join([name, "/".join(parts)]).strip()
    log = Path(str(snakemake.log[0]))
    with _redirected(log) as terminal:
        this = Job(label, folder, terminal)
        started = time.monotonic()
        try:
            yield this
        except BaseException as error:
            reason = one_line(error, folder or log.parent)
            with suppress(OSError):
                traceback.print_exc()
            this.say(f"error: {label}: {reason} (log: {log})")
            if folder is not None:
                record_failure(folder, label, reason)
            sys.exit(1)
        if folder is not None:
            clear_failure(folder, label)
        this.say(f"done: {label}  {time.monotonic() - started:.0f} s")


def subject(snakemake: Any) -> str:
    """Names what a job's detections are of: `val`, `val at 0.05` (a sweep), `val as x` (a test)."""
    found = snakemake.params.split
    for word, key in (("at", "threshold"), ("as", "test")):
        if snakemake.wildcards.get(key):
            found += f" {word} {snakemake.wildcards.get(key)}"
    return found


@contextmanager
def _redirected(log: Path) -> Iterator[TextIO]:
    """Sends everything that this process prints to the log; yields the terminal."""
    terminal = os.dup(sys.stderr.fileno())
    os.set_inheritable(terminal, True)  # for the processes of a distributed training
    os.environ[TERMINAL] = str(terminal)
    target = _open_log(log)
    kept = [os.dup(1), os.dup(2)]
    os.dup2(target, 1)
    os.dup2(target, 2)
    try:
        with os.fdopen(terminal, "w", closefd=False) as stream:
            yield stream
    finally:
        for printed in (sys.stdout, sys.stderr):
            with suppress(OSError):
                printed.flush()
        for descriptor, original in zip((1, 2), kept, strict=True):
            os.dup2(original, descriptor)
            os.close(original)
        os.close(target)


def _open_log(log: Path) -> int:
    """Opens the log, or nothing where the disk does not even take that."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with suppress(OSError):
        log.parent.mkdir(parents=True, exist_ok=True)
        return os.open(log, flags, 0o644)
    return os.open(os.devnull, os.O_WRONLY)


def one_line(error: BaseException, place: Path) -> str:
    """Returns what went wrong, in one line that a person can act on.

    Args:
        error: The exception.
        place: The folder that the job writes to, to tell a full disk that hides behind another
            message.
    """
    if isinstance(error, KeyboardInterrupt):
        return "stopped by the user; run again to go on"
    if isinstance(error, SystemExit):
        return f"stopped with exit code {error.code}"
    if _disk_is_full(error, place):
        return f"the disk that holds {place} is full; free some space and run again to go on"
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return (
            f"out of memory ({_first_line(error)}); run fewer jobs at once (--cores), or lower "
            "schedule.batch_size or schedule.image_size"
        )
    told = _first_line(error)
    is_input = any(kind.__name__ == "InputError" for kind in type(error).__mro__)
    return told if is_input else f"{type(error).__name__}: {told}"


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else "no message"


def _disk_is_full(error: BaseException, place: Path) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in DISK_FULL:
            return True
        seen = seen.__cause__ or seen.__context__
    with suppress(OSError):
        writes = isinstance(error, OSError | RuntimeError)
        return writes and shutil.disk_usage(place).free < ALMOST_FULL
    return False
