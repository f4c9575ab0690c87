"""Downloads published data: resumes, verifies and unpacks.

`data/datasets.csv` lists the archives. COCO publishes no checksums; the table has the MD5 sums that
many public download scripts use. Without a checksum, the size and the CRCs of the archive are
verified, and the published counts when the data is read.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from rankdet import files
from rankdet.datasets.transfer import LIMITS, Limits, fetch, plain_size
from rankdet.datasets.unpack import unpack
from rankdet.errors import InputError
from rankdet.repository import DATA
from rankdet.suggest import nearest

TABLE = DATA / "datasets.csv"


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
        InputError: the dataset or the archive is unknown, or the table cannot be read.
    """
    rows = _read_table(table)
    known = list(dict.fromkeys(row.dataset for row in rows))
    if dataset not in known:
        raise InputError(f"data get: no dataset {dataset!r}; {nearest(dataset, known)}")
    rows = sorted((row for row in rows if row.dataset == dataset), key=lambda row: row.size)
    for name in names or ():
        if name not in [row.name for row in rows]:
            hint = nearest(name, [row.name for row in rows])
            raise InputError(f"data get {dataset}: no archive {name!r}; {hint}")
    return [row for row in rows if not names or row.name in names]


def _read_table(table: Path) -> list[Archive]:
    header, rows = files.read_csv(table)
    columns = ["bytes" if field.name == "size" else field.name for field in fields(Archive)]
    if header != columns:
        raise InputError(f"{files.shown(table)}: the columns must be {', '.join(columns)}")
    found = []
    for line, row in rows:
        size = row.pop("bytes")
        if not (size.isascii() and size.isdecimal() and len(size) < 20):
            where = f"{files.shown(table)}:{line}"
            raise InputError(f"{where}: bytes {size!r:.60} is not a whole number")
        found.append(Archive(size=int(size), **row))
    return found


def get(archive: Archive, root: Path, *, keep: bool = False) -> str:
    """Downloads, verifies and unpacks an archive. Steps that are already done are skipped.

    An archive that is already in the root folder is verified and unpacked.

    Args:
        archive: the archive.
        root: the dataset's folder, created if it does not exist.
        keep: whether to keep the archive after unpacking.

    Returns:
        A description of what was done, with the SHA-256 if no checksum is published.

    Raises:
        InputError: the download fails, the file is not the published one, or the disk is full.
    """
    path, mark = root / archive.name, root / f".{archive.name}.unpacked"
    plain_size(mark)  # a link, a pipe or a folder is an error
    if mark.exists():
        return f"already unpacked (delete {mark} to unpack it again)"
    with files.writing(root):
        root.mkdir(parents=True, exist_ok=True)
    done = "found" if path.exists() else "downloaded"
    if not path.exists():
        part = path.with_name(f".{archive.name}.part")
        download(archive, part)
        checksum = _verify(archive, part)
        part.replace(path)
    else:
        checksum = _verify(archive, path)
    count = unpack(path, root / archive.into)
    files.write_text(mark, f"{checksum}\n")
    if not keep:
        path.unlink()
    how = "verified by its checksum"
    if not archive.checksum:
        how = f"its size and CRCs agree (no checksum is published; {checksum})"
    return f"{done}, {how}, {count:,} files unpacked into {root / archive.into}"


def download(archive: Archive, part: Path, limits: Limits = LIMITS) -> None:
    """Downloads the rest of an archive into a file that may have its beginning.

    Raises:
        InputError: the server cannot be reached, returns an error, is too slow or sends more than
            the archive.
    """
    if problem := fetch(archive.url, archive.size, part, limits):
        raise InputError(
            f"{archive.url}: {problem}; run the same command again to resume, or download the "
            f"file in another way and save it as {part.with_name(archive.name)}"
        )


def _verify(archive: Archive, path: Path) -> str:
    """Compares an archive with the table; returns its checksum, as the table writes it.

    A download that differs is deleted.
    """
    if not path.is_file():
        raise InputError(f"{path} is not a file: delete it and run the same command again")
    size = path.stat().st_size
    algorithm, _, expected = (archive.checksum or "sha256:").partition(":")
    problem = "" if size == archive.size else f"{size:,} bytes, published: {archive.size:,}"
    found = ""
    if not problem:
        # MD5 is what is published: it finds damage, but no bytes made to collide.
        found = files.digest(path, hashlib.new(algorithm, usedforsecurity=False))
        if expected and found != expected:
            problem = f"its {algorithm} is {found}, not {expected}"
    if problem:
        if path.name != archive.name:
            path.unlink()
        raise InputError(
            f"{path.with_name(archive.name)}: {problem}: not the published archive; download it "
            "again"
        )
    return f"{algorithm}:{found}"
