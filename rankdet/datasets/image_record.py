"""The record of the image files that a dataset was checked with: have they changed since?

Images are not copied, so they can be replaced under the same names. The record has the size, the
time of the last change and the sha256 of each file as it was read. A file with another size or time
is read again, and has changed only if its sha256 is another one.

Light: only the standard library, because planning uses it.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rankdet import files

RECORD, STATE = "images.read.json", "images.state"  # a dot: no split has such a name
MISSING = "missing"
_THREADS = 16

Read = tuple[int, int, str]  # bytes, time of the last change in ns, sha256 in hex


def write(data: Path, read: Mapping[str, Mapping[str, Read]]) -> None:
    """Writes the record into the `data/` of a dataset.

    Args:
        data: the folder.
        read: folder of images -> file name -> what was read.
    """
    files.write_json(data / RECORD, {folder: dict(found) for folder, found in read.items()})


def changed(data: Path, folders: Collection[str] | None = None) -> dict[str, str]:
    """Returns the image files that have other bytes than those that were read.

    Args:
        data: the `data/` of a dataset. Without a record (built-in shapes) nothing has changed.
        folders: folders of images to compare; all, if None.

    Returns:
        Path -> sha256 of the file as it is now, or `missing`.
    """
    try:
        record = json.loads((data / RECORD).read_text(encoding="utf-8"))
        known = [
            (f"{folder}/{name}", _read(read))
            for folder, found in record.items()
            if folders is None or folder in folders
            for name, read in found.items()
        ]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return {str(data / RECORD): "cannot be read"}
    parts = [known[i::_THREADS] for i in range(_THREADS)]
    with ThreadPoolExecutor(_THREADS) as pool:  # network drives answer many requests at a time
        found = {path: now for part in pool.map(_compare, parts) for path, now in part}
    return dict(sorted(found.items()))


def _read(found: Sequence[Any]) -> Read:
    size, time, sha256 = found
    return int(size), int(time), str(sha256)


def _compare(part: list[tuple[str, Read]]) -> list[tuple[str, str]]:
    return [(path, now) for path, read in part if (now := _now(path, read)) != read[2]]


def _now(path: str, read: Read) -> str:
    """Returns the sha256 of a file; the recorded one if size and time are as recorded."""
    try:
        status = Path(path).stat()
        if (status.st_size, status.st_mtime_ns) == read[:2]:
            return read[2]
        return files.sha256(Path(path))
    except OSError:
        return MISSING


def state(data: Path) -> tuple[str, list[str]]:
    """Returns a text that changes with the images of a dataset, and the files that have changed.

    The text stays what it was when the data was read, until files change. So a plan compares it
    with that of the last data job. A missing file is no change: a drive that is not there for a
    while must not make runs again. A job that needs it stops.
    """
    found = {path: now for path, now in changed(data).items() if now != MISSING}
    if found:
        text = json.dumps(found, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16], list(found)
    try:
        return (data / STATE).read_text(encoding="utf-8"), []
    except (OSError, ValueError):
        return "", []


def keep_state(data: Path, text: str) -> None:
    """Stores the `state` with which the data was planned, beside the record."""
    files.write_text(data / STATE, text)


def described(paths: Collection[str]) -> str:
    """Returns changed files in words: "3 files (a.png, b.png, c.png)"."""
    names = [Path(path).name for path in paths]
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"{len(names):,} {'file' if len(names) == 1 else 'files'} ({shown})"
