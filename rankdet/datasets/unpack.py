"""Unpacks a ZIP file: nothing outside the folder, through no link, and with the right bytes."""

import os
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from rankdet import files
from rankdet.datasets.transfer import plain_size
from rankdet.errors import InputError

BLOCK = 1 << 20  # bytes
PREFIX = ".unpacking-"  # of a file that is being written
MOST_TIMES = 100  # an archive that unpacks to more than its size times this is refused


def unpack(path: Path, target: Path) -> int:
    """Unpacks a ZIP file and checks its CRCs. Files that are there with the right bytes are kept.

    Args:
        path: the ZIP file.
        target: the folder; created if it does not exist.

    Returns:
        The number of files in the archive.

    Raises:
        InputError: the archive is damaged, is not one that can be unpacked safely, or the disk is
            full or too small.
    """
    try:
        with files.writing(target), zipfile.ZipFile(path) as content:
            members = [item for item in content.infolist() if not item.is_dir()]
            target.mkdir(parents=True, exist_ok=True)
            _check(path, members, target)
            for folder in {(target / item.filename).parent for item in members}:
                for left in folder.glob(f"{PREFIX}*"):  # from a run that was killed
                    left.unlink()
            for item in members:
                _extract(content, item, target)
    except (zipfile.BadZipFile, NotImplementedError, zlib.error, EOFError) as error:
        raise InputError(
            f"{path}: damaged archive ({error}); delete it and download it again"
        ) from None
    return len(members)


def _check(path: Path, members: list[zipfile.ZipInfo], target: Path) -> None:
    """Refuses names outside the folder, bombs, and what the disk cannot hold, before any work."""
    for item in members:
        name = PurePosixPath(item.filename)
        if name.is_absolute() or ".." in name.parts or "\\" in item.filename:
            raise InputError(f"{path}: refused, because it has a file {item.filename!r}")
    total, size = sum(item.file_size for item in members), path.stat().st_size
    if total > MOST_TIMES * size:
        raise InputError(f"{path}: refused, because its {size:,} bytes unpack to {total:,}")
    free = shutil.disk_usage(target).free
    there = sum(_size(target / item.filename) for item in members)
    if total - there > free:
        raise InputError(
            f"{path}: {total:,} bytes do not fit into {target}, which has {free:,} bytes free; "
            "free some space, or give another folder"
        )


def _size(path: Path) -> int:
    return path.lstat().st_size if path.is_file() else 0


def _extract(content: zipfile.ZipFile, item: zipfile.ZipInfo, target: Path) -> None:
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
        with os.fdopen(handle, "wb") as file, content.open(item) as packed:
            shutil.copyfileobj(packed, file, BLOCK)
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
