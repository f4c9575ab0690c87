"""Looking at image files: there or not, readable or not, how large, and their bytes' sha256."""

import hashlib
import io
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

_ORIENTATION = 0x0112  # EXIF tag; 5 to 8 turn the image by 90°
_END = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}  # near the end of a file that is whole


@dataclass(frozen=True)
class ImageFile:
    """What was found at a path.

    Attributes:
        sha256: of the file's bytes, hex; empty where there is no file.
        size: (width, height) in pixels as stored, or None where unreadable.
        turned: whether EXIF asks viewers and data loaders to swap width and height.
        problem: why it cannot be used, or empty.
    """

    sha256: str = ""
    size: tuple[int, int] | None = None
    turned: bool = False
    problem: str = ""


def look(paths: Iterable[Path], seen: dict[Path, ImageFile]) -> None:
    """Reads each path not yet in `seen` once, and enters what was found there.

    Hashing releases Python's lock, so threads keep disk and cores busy; only the headers of
    whole images are decoded.
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
            # Asked for EXIF that is not in the header, Pillow decodes the whole image.
            exif = image.getexif() if "exif" in image.info else {}
            turned = exif.get(_ORIENTATION, 1) in (5, 6, 7, 8)
            if _END.get(image.format or "", b"") not in content[-len(content) // 2 :]:
                image.load()  # raises if it is cut short
            return ImageFile(digest, image.size, turned)
    except UnidentifiedImageError:
        return ImageFile(digest, problem="no image")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return ImageFile(digest, problem=f"{error}")
