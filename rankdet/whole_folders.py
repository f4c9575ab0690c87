"""Folders that are written as a whole: nobody sees a half of one."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from rankdet.errors import InputError
from rankdet.files import remove_leftovers, writing

MARKER = ".rankdet"  # in every folder that `replacing` wrote; only such a folder is replaced
SWAPS = 100  # tries to put a folder in the place of one that others replace, too


@contextlib.contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yields an empty temporary folder; it replaces `folder` when the block succeeds.

    Raises:
        InputError: If `folder` holds files that this function did not write, cannot be written, is
            a file, or is a link to nothing.
    """
    with writing(folder):
        check_replaceable(folder)
        with swapped_in(folder) as part:
            (part / MARKER).write_text("Written by rankdet. The next build replaces this folder.\n")
            yield part


def check_replaceable(folder: Path) -> None:
    """Checks that `replacing` may write a folder; to be asked before long work.

    Raises:
        InputError: If the folder holds files that `replacing` did not write, is a file, or is a
            link to nothing.
    """
    if is_foreign(followed(folder), MARKER):
        raise InputError(f"{folder} exists and was not written by rankdet: give another folder")


def is_foreign(folder: Path, marker: str) -> bool:
    """Returns whether a folder has files, and none of them is called `marker`."""
    try:
        names = [path.name for path in folder.iterdir()]  # another process may have just moved it
    except FileNotFoundError:
        return False
    return bool(names) and marker not in names


def followed(folder: Path) -> Path:
    """Returns the folder that a path names; of a link its target, so that the link stays.

    Raises:
        InputError: If it is a file, or a link to nothing: nobody knows whether a drive is missing.
    """
    if folder.is_symlink():
        try:
            folder = folder.resolve(strict=True)
        except (OSError, RuntimeError):  # RuntimeError: a link to itself, before Python 3.13
            raise InputError(
                f"{folder}: is a link to {folder.readlink()}, where no folder is; make that "
                "folder, or name another one"
            ) from None
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; name a folder")
    return folder


@contextlib.contextmanager
def swapped_in(folder: Path, *, new: bool = False) -> Iterator[Path]:
    """Yields an empty folder beside `folder`, and puts it in its place when the block succeeds.

    Several processes may do this at once: each folder is replaced as a whole, and the last stays.
    Of a link the folder is replaced that it leads to.

    Args:
        folder: The folder.
        new: Whether nothing is replaced: of several processes the first one stays.

    Raises:
        InputError: As `followed` does.
        FileExistsError: If it must be new, and there is such a folder, with files, at the end.
        OSError: If the folder cannot be written.
    """
    whole = followed(folder).absolute()
    part = whole.with_name(f".{whole.name}.new.{os.getpid()}")
    old = whole.with_name(f".{whole.name}.old.{os.getpid()}")
    for one in (part, old):
        shutil.rmtree(one, ignore_errors=True)  # of a process of the same number
        remove_leftovers(one.with_name(one.name[1:].rpartition(".")[0]))
    part.mkdir(parents=True)
    try:
        yield part
        if new:
            _put(part, whole)
        else:
            _swap(part, whole, old)
    finally:
        for one in (part, old):
            shutil.rmtree(one, ignore_errors=True)


def _put(part: Path, folder: Path) -> None:
    """Renames a folder; the system refuses to replace one that has files."""
    try:
        part.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder)) from None


def _swap(part: Path, folder: Path, old: Path) -> None:
    for _ in range(SWAPS):
        with contextlib.suppress(FileNotFoundError):  # another process has just moved it
            folder.rename(old)
        try:
            part.rename(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                with contextlib.suppress(OSError):
                    old.rename(folder)
                raise
            shutil.rmtree(old, ignore_errors=True)  # another process was faster: replace its folder
            continue
        return
    raise OSError(errno.EBUSY, "other processes write it again and again", str(folder))
