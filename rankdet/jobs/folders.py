"""The folders outside of the clone that Snakemake and its jobs write: temporary files, and a cache.

Snakemake ends with a traceback if it cannot write them.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rankdet.files import DISK_FULL

LEAST_ROOM = 1 << 16  # bytes; the scheduler of Snakemake writes a small file for each decision


def folder_problems() -> Iterator[tuple[str, str]]:
    """Yields what is wrong with such a folder, and what to do, for each that cannot be written."""
    temporary = os.environ.get("TMPDIR") or tempfile.gettempdir()
    if reason := _not_writable(Path(temporary)):
        remedy = "free some space there, or set TMPDIR to another folder"
        yield f"temporary files cannot be written to {temporary}: {reason}", remedy
    home = Path(os.environ.get("HOME") or "/")
    cache = nearest = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if reason := _not_writable(nearest):
        remedy = "set HOME or XDG_CACHE_HOME to a folder of your own"
        yield f"Snakemake's cache cannot be written to {cache}: {reason}", remedy


def _not_writable(folder: Path) -> str | None:
    """Returns why a small file cannot be written into a folder; None if it can."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".rankdet-") as file:
            file.write(bytes(LEAST_ROOM))
            file.flush()
    except OSError as error:
        return "no space left" if error.errno in DISK_FULL else error.strerror or str(error)
    return None
