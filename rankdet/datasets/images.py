"""Reads image files: whether they exist and are readable, their size, and their sha256."""

import hashlib
import io
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

_ORIENTATION = 0x0112  # EXIF tag; values 5 to 8 rotate the image by 90°
_END = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}  # near the end of a complete file


@dataclass(frozen=True)
class ImageFile:
    """The properties of an image file.

    Attributes:
        sha256: of the file's bytes, hex; empty if the file does not exist.
        size: (width, height) in pixels as stored, or None if the file is unreadable.
        turned: whether the EXIF orientation swaps width and height.
        problem: why the file cannot be used, or empty.
    """

    sha256: str = ""
    size: tuple[int, int] | None = None
    turned: bool = False
    problem: str = ""


def look(paths: Iterable[Path], seen: dict[Path, ImageFile]) -> None:
    """Reads each path that is not in `seen`, and adds it.

    Hashing releases Python's lock, so threads use disk and cores in parallel. Of complete images
    only the headers are decoded.
    """
    new = [path for path in dict.fromkeys(paths) if path not in seen]
    with ThreadPoolExecutor(min(16, 2 * (os.cpu_count() or 1))) as pool:
        for path, found in zip(new, pool.map(_look, new, chunksize=64), strict=True):
            seen[path] = found


def _look(path: Path) -> ImageFile:
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return ImageFile(problem="missing")
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        return ImageFile(problem=getattr(error, "strerror", None) or str(error))
    digest = hashlib.sha256(content).hexdigest()
    if not content:
        return ImageFile(digest, problem="empty file")
    try:
        with Image.open(io.BytesIO(content)) as image:
            # `getexif` decodes the whole image if the header has no EXIF.
            exif = image.getexif() if "exif" in image.info else {}
            turned = exif.get(_ORIENTATION, 1) in (5, 6, 7, 8)
            if _END.get(image.format or "", b"") not in content[-len(content) // 2 :]:
                image.load()  # raises if the file is truncated
            return ImageFile(digest, image.size, turned)
    except UnidentifiedImageError:
        return ImageFile(digest, problem="not an image")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return ImageFile(digest, problem=f"{error}")
