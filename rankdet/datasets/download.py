"""Fetching published data: resumed where it stopped, verified, and unpacked.

`data/datasets.csv` names the archives. COCO publishes no checksums: those in the table are the MD5
sums that many public download scripts agree on; where it has none, size and the archive's own CRC
are what is verified, and on load the published counts.
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
ATTEMPTS = 5  # a connection that breaks is taken up again this often
TIMEOUT = 60  # seconds without a byte


@dataclass(frozen=True)
class Archive:
    """One row of `data/datasets.csv`.

    Attributes:
        dataset: which dataset it is part of.
        name: its file name.
        url: where it is published.
        size: in bytes.
        checksum: `<algorithm>:<hex>`, or empty where none is known.
        into: folder below the dataset's root that it is unpacked into.
        licence: in words.
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
    """Returns a dataset's archives, the smallest first.

    Args:
        dataset: as in the table's first column.
        names: only these; None: all.
        table: the CSV file.

    Raises:
        InputError: no such dataset or archive.
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
    """Downloads, verifies and unpacks an archive, as far as that is not done yet.

    An archive that lies in the root already (brought by other means) is verified and unpacked.

    Args:
        archive: what to get.
        root: the dataset's folder; made if absent.
        keep: whether the archive stays after it was unpacked.

    Returns:
        What was done, in words.

    Raises:
        InputError: it cannot be fetched, is not what was published, or the disk is full.
    """
    path, mark = root / archive.name, root / f".{archive.name}.unpacked"
    if mark.exists():
        return f"unpacked before (delete {mark} to do it again)"
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
    """Fetches the rest of an archive into a file that may hold its beginning.

    Raises:
        InputError: the server cannot be reached, refuses, or breaks off again and again.
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
                f"{archive.url}: the server says {error.code} ({error.reason}); "
                f"{_by_hand(archive, part)}"
            ) from error
        except (OSError, HTTPException) as error:
            if isinstance(error, OSError) and error.filename:  # the disk, not the network
                raise InputError(f"cannot write {error.filename}: {error.strerror}") from error
            reason = str(getattr(error, "reason", None) or error) or type(error).__name__
        if _size(part) == archive.size:
            return
        reason = reason or f"{_size(part):,} of {archive.size:,} bytes came"
    raise InputError(f"{archive.url}: cannot be fetched: {reason}; {_by_hand(archive, part)}")


def _by_hand(archive: Archive, part: Path) -> str:
    return (
        "run the same command again to go on, or fetch it by other means and put it at "
        f"{part.with_name(archive.name)}"
    )


def _fetch(archive: Archive, part: Path) -> None:
    have = _size(part)
    request = urllib.request.Request(archive.url, headers={"Range": f"bytes={have}-"})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        resumed = answer.status == 206
        with files.writing(part):
            file = part.open("ab" if resumed else "wb")  # 200: it sends everything again
        with file:
            while block := answer.read(BLOCK):
                with files.writing(part):
                    file.write(block)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _verify(archive: Archive, path: Path) -> None:
    """Compares an archive with the table; one that was downloaded and differs is removed."""
    size = _size(path)
    problem = "" if size == archive.size else f"{size:,} bytes, published are {archive.size:,}"
    if not problem and archive.checksum:
        algorithm, _, expected = archive.checksum.partition(":")
        with path.open("rb") as file:
            found = hashlib.file_digest(file, algorithm).hexdigest()
        problem = "" if found == expected else f"its {algorithm} is {found}, not {expected}"
    if problem:
        if path.name != archive.name:
            path.unlink()
        raise InputError(
            f"{path.with_name(archive.name)}: {problem}: not the published archive; fetch it again"
        )


def _unpack(path: Path, target: Path) -> int:
    """Unpacks a ZIP file, whose CRCs are checked; returns how many files were in it."""
    try:
        with files.writing(target), zipfile.ZipFile(path) as content:
            members = [item for item in content.infolist() if not item.is_dir()]
            for item in members:
                place = target / item.filename
                if place.is_file() and place.stat().st_size == item.file_size:
                    continue  # of a run that was interrupted
                content.extract(item, target)
    except zipfile.BadZipFile as error:
        raise InputError(
            f"{path}: a broken archive ({error}); delete it and fetch it again"
        ) from None
    return len(members)
