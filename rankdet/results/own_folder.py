"""A folder for small files that only this user can read and write, outside the results."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def own_folder() -> Path | None:
    """Returns the folder; it is created if needed, with mode 0700.

    It is `$XDG_RUNTIME_DIR/rankdet`, or else `rankdet-<user id>` among the temporary files. A name
    there can be guessed, so another user may have taken it: a link, a file, or a folder that
    somebody else owns or may write is not used.

    Returns:
        The folder, or None if there is none that is safe.
    """
    return next((path for path in _candidates() if _make(path) and _is_own(path)), None)


def _candidates() -> Iterator[Path]:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if Path(runtime).is_absolute():
        yield Path(runtime) / "rankdet"
    with suppress(OSError):  # no folder for temporary files can be written
        yield Path(tempfile.gettempdir()) / f"rankdet-{os.getuid()}"


def _make(path: Path) -> bool:
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return True
    except OSError:
        return False
    return True


def _is_own(path: Path) -> bool:
    """Whether a path is a folder, no link, of this user alone, which others cannot exchange."""
    try:
        found, parent = path.lstat(), path.parent.stat()
    except OSError:
        return False
    others_may_write = parent.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.getuid()
        and not found.st_mode & 0o077
        and parent.st_uid in (0, os.getuid())
        and (not others_may_write or bool(parent.st_mode & stat.S_ISVTX))
    )
