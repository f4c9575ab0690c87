"""The log of a job; that of a training has all of its attempts.

Snakemake removes logs before each attempt. A second name of the file, which no rule names, keeps
the earlier lines: another hard link.
"""

import os
import socket
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

SECOND_NAME = ".attempts"  # after the name of the log, until the training has succeeded


def open_log(log: Path, several: bool, goes_on: bool) -> int:
    """Returns a file descriptor of the log; if it cannot be written, output is dropped.

    Args:
        log: The log.
        several: Whether all attempts of this job share one log.
        goes_on: Whether this is a further attempt: earlier lines stay, and a line says when, where
            and in which job of SLURM it began.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND  # an earlier attempt may still write
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        if goes_on:
            _restore(log)
        else:
            forget_attempts(log)
            flags |= os.O_TRUNC
        descriptor = os.open(log, flags, 0o644)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError):  # a full disk, or a file system without hard links
        if goes_on:
            os.write(descriptor, f"--- {_where_and_when()}\n".encode())
        if several and not _second(log).exists():
            os.link(log, _second(log))
    return descriptor


def forget_attempts(log: Path) -> None:
    """Removes the second name of a log; its lines stay."""
    with suppress(OSError):
        _second(log).unlink()


def _second(log: Path) -> Path:
    return log.with_name(log.name + SECOND_NAME)


def _restore(log: Path) -> None:
    """Gives the lines of earlier attempts their name back, if it was removed."""
    with suppress(FileNotFoundError, FileExistsError):
        os.link(_second(log), log)


def _where_and_when() -> str:
    when = datetime.now(UTC).isoformat(timespec="seconds")
    number = os.environ.get("SLURM_JOB_ID")
    job = f", SLURM job {number}" if number else ""
    return f"{when}: goes on, on {socket.gethostname()}{job}"
