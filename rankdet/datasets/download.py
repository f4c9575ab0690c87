"""Downloads published data: resumes, verifies and unpacks.

`data/datasets.csv` lists the archives. COCO publishes no checksums; the table has the MD5 sums that
many public download scripts use. Without a checksum, the size and the CRCs of the archive are
verified, and the published counts when the data is read.
"""

import csv
import hashlib
import urllib.error
import urllib.request
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from rankdet import files
from rankdet.errors import InputError
from rankdet.repository import DATA
from rankdet.suggest import nearest

TABLE = DATA / "datasets.csv"
BLOCK = 1 << 20  # bytes
ATTEMPTS = 5  # connections before the download fails
TIMEOUT = 60  # seconds without data


@dataclass(frozen=True)
class Archive:
    """One row of `data/datasets.csv`.

    Attributes:
        dataset: the dataset that it belongs to.
        name: the file name.
        url: the address of the file.
        size: the size in bytes.
        checksum: `<algorithm>:<hex>`, or empty if it is not known.
        into: the folder for its content, relative to the dataset's root.
        licence: the licence in words.
    """

    dataset: str
    name: str
    url: str
    size: int
    checksum: str
    into: str
    licence: str


def archives(
    dataset: str, names: Sequence[str] | None = None, table: Path = TABLE
) -> list[Archive]:
    """Returns the archives of a dataset, the smallest first.

    Args:
        dataset: a name in the first column of the table.
        names: only these archives. None: all.
        table: the CSV file.

    Raises:
        InputError: the dataset or the archive is unknown.
    """
    with table.open(newline="") as file:
        rows = [Archive(size=int(row.pop("bytes")), **row) for row in csv.DictReader(file)]
    known = list(dict.fromkeys(row.dataset for row in rows))
    if dataset not in known:
        raise InputError(f"data get: no dataset {dataset!r}; {nearest(dataset, known)}")
    rows = sorted((row for row in rows if row.dataset == dataset), key=lambda row: row.size)
    for name in names or ():
        if name not in [row.name for row in rows]:
            hint = nearest(name, [row.name for row in rows])
            raise InputError(f"data get {dataset}: no archive {name!r}; {hint}")
    return [row for row in rows if not names or row.name in names]


def get(archive: Archive, root: Path, *, keep: bool = False) -> str:
    """Downloads, verifies and unpacks an archive. Steps that are already done are skipped.

    An archive that is already in the root folder is verified and unpacked.

    Args:
        archive: the archive.
        root: the dataset's folder, created if it does not exist.
        keep: whether to keep the archive after unpacking.

    Returns:
        A description of what was done.

    Raises:
        InputError: the download fails, the file is not the published one, or the disk is full.
    """
    path, mark = root / archive.name, root / f".{archive.name}.unpacked"
    if mark.exists():
        return f"already unpacked (delete {mark} to unpack it again)"
    with files.writing(root):
        root.mkdir(parents=True, exist_ok=True)
    done = "found" if path.exists() else "downloaded"
    if not path.exists():
        part = path.with_name(f".{archive.name}.part")
        download(archive, part)
        _verify(archive, part)
        part.replace(path)
    else:
        _verify(archive, path)
    count = _unpack(path, root / archive.into)
    mark.touch()
    if not keep:
        path.unlink()
    how = "its checksum" if archive.checksum else "its size (no checksum is published)"
    return f"{done}, verified by {how}, {count:,} files unpacked into {root / archive.into}"


def download(archive: Archive, part: Path) -> None:
    """Downloads the rest of an archive into a file that may have its beginning.

    Raises:
        InputError: the server cannot be reached or returns an error, or `ATTEMPTS` connections
            failed.
    """
    reason = ""
    for _ in range(ATTEMPTS):
        before = _size(part)
        if before >= archive.size:
            return
        try:
            _fetch(archive, part)
        except urllib.error.HTTPError as error:
            raise InputError(
                f"{archive.url}: the server answered {error.code} ({error.reason}); "
                f"{_by_hand(archive, part)}"
            ) from error
        except (OSError, HTTPException) as error:
            if isinstance(error, OSError) and error.filename:  # the disk, not the network
                raise InputError(f"cannot write {error.filename}: {error.strerror}") from error
            reason = str(getattr(error, "reason", None) or error) or type(error).__name__
        if _size(part) == archive.size:
            return
        reason = reason or f"{_size(part):,} of {archive.size:,} bytes were received"
    raise InputError(f"{archive.url}: download failed: {reason}; {_by_hand(archive, part)}")


def _by_hand(archive: Archive, part: Path) -> str:
    return (
        "run the same command again to resume, or download the file in another way and save it as "
        f"{part.with_name(archive.name)}"
    )


def _fetch(archive: Archive, part: Path) -> None:
    have = _size(part)
    request = urllib.request.Request(archive.url, headers={"Range": f"bytes={have}-"})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        resumed = answer.status == 206
        with files.writing(part):
            file = part.open("ab" if resumed else "wb")  # 200: the server sends the whole file
        with file:
            while block := answer.read(BLOCK):
                with files.writing(part):
                    file.write(block)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _verify(archive: Archive, path: Path) -> None:
    """Compares an archive with the table. A download that differs is deleted."""
    size = _size(path)
    problem = "" if size == archive.size else f"{size:,} bytes, published: {archive.size:,}"
    if not problem and archive.checksum:
        algorithm, _, expected = archive.checksum.partition(":")
        with path.open("rb") as file:
            found = hashlib.file_digest(file, algorithm).hexdigest()
        problem = "" if found == expected else f"its {algorithm} is {found}, not {expected}"
    if problem:
        if path.name != archive.name:
            path.unlink()
        raise InputError(
            f"{path.with_name(archive.name)}: {problem}: not the published archive; download it "
            "again"
        )


def _unpack(path: Path, target: Path) -> int:
    """Unpacks a ZIP file and checks its CRCs; returns the number of files."""
    try:
        with files.writing(target), zipfile.ZipFile(path) as content:
            members = [item for item in content.infolist() if not item.is_dir()]
            for item in members:
                unpacked = target / item.filename
                if unpacked.is_file() and unpacked.stat().st_size == item.file_size:
                    continue  # from an interrupted run
                content.extract(item, target)
    except zipfile.BadZipFile as error:
        raise InputError(
            f"{path}: damaged archive ({error}); delete it and download it again"
        ) from None
    return len(members)
