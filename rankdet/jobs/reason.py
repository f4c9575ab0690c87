"""Why a job failed, in one line that tells the user what to do."""

import shutil
from contextlib import suppress
from pathlib import Path

from rankdet.errors import InputError, out_of_memory
from rankdet.files import DISK_FULL

ALMOST_FULL = 1 << 20  # bytes; torch reports a full disk without its errno


def failure_reason(error: BaseException, folder: Path) -> str:
    """Returns what went wrong and what to do, in one line.

    Args:
        error: The exception.
        folder: The folder that the job writes to. Its free space shows whether the disk is full,
            which some messages do not say.
    """
    if isinstance(error, KeyboardInterrupt):
        return "stopped by the user; run again to continue"
    if isinstance(error, SystemExit):
        return f"stopped with exit code {error.code}"
    if _disk_is_full(error, folder):
        return f"the disk of {folder} is full; free some space and run again to continue"
    if out_of_memory(error):
        return (
            f"out of memory ({_first_line(error)}); run fewer jobs at once (--cores), or lower "
            "schedule.batch_size or schedule.image_size"
        )
    message = _first_line(error)
    return message if isinstance(error, InputError) else f"{type(error).__name__}: {message}"


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else "no message"


def _disk_is_full(error: BaseException, folder: Path) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in DISK_FULL:
            return True
        seen = seen.__cause__ or seen.__context__
    with suppress(OSError):
        may_be_disk = isinstance(error, OSError | RuntimeError)
        return may_be_disk and shutil.disk_usage(folder).free < ALMOST_FULL
    return False
