"""Unpacks a ZIP file: nothing outside the folder, through no link, and with the right bytes."""

import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from rankdet import files
from rankdet.datasets.transfer import plain_size
from rankdet.errors import InputError, in_words

try:
    from lzma import LZMAError
except ImportError:  # a Python without it: `zipfile` then raises NotImplementedError
    LZMAError = zlib.error  # type: ignore[assignment, misc]

BLOCK = 1 << 20  # bytes
PREFIX = ".unpacking-"  # of a file that is being written
MOST_TIMES = 100  # an archive or file that unpacks to more than its size times this is refused
SMALL = 1 << 24  # bytes; a file of this size may be packed even better
MOST_OF_NAME, MOST_OF_PATH = 255, 3000  # bytes; Linux and macOS take no longer name
# What the reading of a damaged archive raises; RuntimeError if it is encrypted.
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, LZMAError, EOFError, OSError),
    *(ValueError, NotImplementedError, RuntimeError),
)


def unpack(path: Path, target: Path, remedy: str = "delete it and download it again") -> int:
    """Unpacks a ZIP file and checks its CRCs. Files that are there with the right bytes are kept.

    Args:
        path: the ZIP file.
        target: the folder; created if it does not exist.
        remedy: what to do if it is damaged.

    Returns:
        The number of files in the archive.

    Raises:
        InputError: the archive is damaged, is not one that can be unpacked safely, or the disk is
            full or too small.
    """
    try:
        content = zipfile.ZipFile(path)
    except BROKEN as error:
        raise InputError(f"{path}: damaged archive ({in_words(error)}); {remedy}") from None
    with content, files.writing(target):
        members = [item for item in content.infolist() if not item.is_dir()]
        check_members(path, members)
        target.mkdir(parents=True, exist_ok=True)
        _check_space(path, members, target)
        for folder in {(target / item.filename).parent for item in members}:
            for left in folder.glob(f"{PREFIX}*"):  # from a run that was killed
                left.unlink()
        for item in members:
            _extract(_blocks(path, content, item, remedy), item, target)
    return len(members)


def check_members(path: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    """Refuses names outside the folder, names that no disk takes, and bombs, before any work.

    Args:
        path: the ZIP file, for messages and its size.
        members: its files, without folders.

    Raises:
        InputError: one is refused; the message names it.
    """
    total, size = sum(item.file_size for item in members), path.stat().st_size
    if total > MOST_TIMES * size:
        raise InputError(f"{path}: refused, because its {size:,} bytes unpack to {total:,}")
    names = [PurePosixPath(item.filename) for item in members]
    folders = {folder for name in names for folder in name.parents}
    for item, name in zip(members, names, strict=True):
        shown = f"{path}: refused, because it has a file {item.filename!r:.100}"
        if name.is_absolute() or ".." in name.parts or "\\" in item.filename:
            raise InputError(shown)
        lengths = [len(part.encode("utf-8", "surrogatepass")) for part in name.parts]
        if max(lengths, default=0) > MOST_OF_NAME or sum(lengths) > MOST_OF_PATH:
            raise InputError(f"{shown}, whose name is too long")
        if name in folders:
            raise InputError(f"{shown}, which is also a folder there")
        if item.file_size > max(SMALL, MOST_TIMES * item.compress_size):
            sizes = f"{item.compress_size:,} bytes unpack to {item.file_size:,}"
            raise InputError(f"{shown}, whose {sizes}")


def _check_space(path: Path, members: Sequence[zipfile.ZipInfo], target: Path) -> None:
    total = sum(item.file_size for item in members)
    free = shutil.disk_usage(target).free
    there = sum(_size(target / item.filename) for item in members)
    if total - there > free:
        raise InputError(
            f"{path}: {total:,} bytes do not fit into {target}, which has {free:,} bytes free; "
            "free some space, or give another folder"
        )


def _blocks(
    path: Path, content: zipfile.ZipFile, item: zipfile.ZipInfo, remedy: str
) -> Iterator[bytes]:
    """Yields the content of a file. What cannot be read is the archive's fault, not the disk's."""
    try:
        with content.open(item) as packed:
            while block := packed.read(BLOCK):
                yield block
    except BROKEN as error:
        where = f"{item.filename!r:.100}: {in_words(error)}"
        raise InputError(f"{path}: damaged archive ({where}); {remedy}") from None


def _size(path: Path) -> int:
    return path.lstat().st_size if path.is_file() else 0


def _extract(blocks: Iterator[bytes], item: zipfile.ZipInfo, target: Path) -> None:
    """Writes one file under another name first, so that it is there whole or not at all."""
    path = target / item.filename
    for place in (path, *path.parents):
        if place == target:
            break
        if place.is_symlink():
            raise InputError(
                f"{place} is a link: delete it, or give the folder that it points to as the target"
            )
    if _is_there(path, item):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=PREFIX, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(blocks)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _is_there(path: Path, item: zipfile.ZipInfo) -> bool:
    """Whether a file has the size and the CRC that the archive says."""
    if plain_size(path) != item.file_size or not path.exists():
        return False
    found = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            found = zlib.crc32(block, found)
    return found == item.CRC
