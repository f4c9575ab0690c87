"""Reads image files: whether training can load them, their size, and their sha256."""

import hashlib
import io
import os
import threading
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from rankdet.datasets.decoding import decode, quiet

_ORIENTATION = 0x0112  # EXIF tag; values 2 to 8 mirror or turn the image, 5 to 8 by 90°
_END = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}  # near the end of a complete file
_LARGE = 2**25  # pixels: 100 MB when decoded. Larger images are decoded one at a time
_one_large = threading.Lock()


@dataclass(frozen=True)
class ImageFile:
    """The properties of an image file.

    Attributes:
        sha256: of the file's bytes, hex; empty if the file does not exist.
        size: (width, height) in pixels as training loads it, or None if training cannot load it.
        orientation: the EXIF orientation that training applies, 1 to 8; 1 changes nothing.
        problem: why the file cannot be used, or empty.
        stat: (bytes, time of the last change in ns) of the file that was read.
    """

    sha256: str = ""
    size: tuple[int, int] | None = None
    orientation: int = 1
    problem: str = ""
    stat: tuple[int, int] = (0, 0)

    @property
    def turned(self) -> bool:
        """Whether training swaps the width and height of the file."""
        return self.orientation >= 5


def look(paths: Iterable[Path], seen: dict[Path, ImageFile]) -> None:
    """Reads and decodes each path that is not in `seen`, and adds it.

    Hashing and decoding release Python's lock, so threads use disk and cores in parallel.
    """
    new = [path for path in dict.fromkeys(paths) if path not in seen]
    threads = min(16, 2 * (os.cpu_count() or 1))
    with quiet(), _pillow_only_looks(), ThreadPoolExecutor(threads) as pool:
        for path, found in zip(new, pool.map(_look, new, chunksize=64), strict=True):
            seen[path] = found


@contextmanager
def _pillow_only_looks() -> Iterator[None]:
    """Turns off Pillow's limit of pixels, and its warnings of damaged EXIF data.

    OpenCV loads the images, and has its own limit (2^30 pixels).
    """
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _look(path: Path) -> ImageFile:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return ImageFile(problem="missing")
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        return ImageFile(problem=getattr(error, "strerror", None) or str(error))
    digest = hashlib.sha256(content).hexdigest()
    stat = (status.st_size, status.st_mtime_ns)
    if not content:
        return ImageFile(digest, problem="empty file", stat=stat)
    try:
        size, orientation = _decoded(content)
    except ValueError as error:
        return ImageFile(digest, problem=f"{error}", stat=stat)
    return ImageFile(digest, size, orientation, stat=stat)


def _decoded(content: bytes) -> tuple[tuple[int, int], int]:
    """Returns the size of an image as training loads it, and the orientation that was applied.

    Raises:
        ValueError: training cannot load it, or would see a part of it only.
    """
    header = _header(content)
    if header.pixels <= _LARGE:
        return _loaded(content, header)
    with _one_large:
        return _loaded(content, header)


@dataclass(frozen=True)
class _Header:
    """The header of an image, read by Pillow. `kind` is empty for an unknown format."""

    kind: str = ""
    pixels: int = 0
    orientation: int = 1
    problem: str = ""


def _header(content: bytes) -> _Header:
    try:
        with Image.open(io.BytesIO(content)) as image:
            kind, pixels = image.format or "", image.width * image.height
            # `getexif` decodes the whole image if the header of a PNG or WebP has no EXIF.
            in_header = "exif" in image.info or kind == "TIFF"
            orientation = image.getexif().get(_ORIENTATION, 1) if in_header else 1
            if orientation not in range(1, 9):
                orientation = 1
            problem = ""
            if _END.get(kind, b"") not in content[-len(content) // 2 :]:
                problem = _cut(image)
            return _Header(kind, pixels, orientation, problem)
    except Exception:  # decoders of damaged files raise many kinds; OpenCV decides
        return _Header()


def _cut(image: Image.Image) -> str:
    """Returns what Pillow says of a file without its end. Older OpenCV shows the rest in gray."""
    try:
        image.load()
    except (OSError, SyntaxError, ValueError) as error:
        return f"{error}"
    return ""


def _loaded(content: bytes, header: _Header) -> tuple[tuple[int, int], int]:
    if header.problem:
        raise ValueError(header.problem)
    try:
        pixels = decode(content)
    except ValueError as error:
        raise ValueError(f"{error} ({header.kind})" if header.kind else "not an image") from None
    size = (pixels.shape[1], pixels.shape[0])
    if header.orientation == 1:
        return size, 1
    # OpenCV always turns a TIFF, and never some other formats (AVIF).
    as_stored = None if header.kind == "TIFF" else decode(content, turn=False)
    applied = as_stored is None or not np.array_equal(as_stored, pixels)
    return size, header.orientation if applied else 1
