"""Writing that leaves whole files or none, with the disk's own errors told in one line."""

import contextlib
import errno
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rankdet.errors import InputError

MARKER = ".rankdet"  # in every data folder of ours: such a folder may be replaced
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextlib.contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turns an OSError of the block into an InputError of one line that names the target."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise InputError(
                f"no space left while writing {target}: free some space, or write elsewhere,"
                " and run again (nothing incomplete was kept)"
            ) from error
        reason = error.strerror or str(error)
        raise InputError(f"cannot write {error.filename or target}: {reason}") from error


@contextlib.contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yields a fresh folder to fill, which takes the place of `folder` when the block succeeds.

    Raises:
        InputError: `folder` holds files that were not written by this function, or cannot be
            written.
    """
    part, old = folder.with_name(f".{folder.name}.part"), folder.with_name(f".{folder.name}.old")
    with writing(folder):
        if folder.exists() and not (folder / MARKER).exists() and any(folder.iterdir()):
            raise InputError(f"{folder} exists and was not written by rankdet: give another folder")
        try:
            shutil.rmtree(part, ignore_errors=True)  # of a run that was killed
            part.mkdir(parents=True)
            (part / MARKER).write_text("Written by rankdet, and replaced as a whole.\n")
            yield part
            shutil.rmtree(old, ignore_errors=True)
            if folder.exists():
                folder.rename(old)
            part.rename(folder)
            shutil.rmtree(old, ignore_errors=True)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise


def write_bytes(path: Path, content: bytes) -> str:
    """Writes a file through a temporary one beside it; returns the content's sha256 (hex)."""
    part = path.with_name(f".{path.name}.part")
    with writing(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    return hashlib.sha256(content).hexdigest()


def write_json(path: Path, value: Any, indent: int | None = None) -> str:
    """Writes JSON (no NaN) as `write_bytes` does; the same value gives the same bytes."""
    separators = (",", ":") if indent is None else None
    try:
        content = json.dumps(value, indent=indent, separators=separators, allow_nan=False)
    except ValueError:
        raise InputError(
            f"{path.name}: a number in it is NaN or infinite, which JSON has not (a segmentation?);"
            " correct the data it is made from"
        ) from None
    return write_bytes(path, content.encode() + b"\n")
