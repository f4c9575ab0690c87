"""Downloads one file over HTTP: resumed, not longer than published, not slower than a limit."""

import os
import queue
import stat
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlparse

from rankdet import files
from rankdet.errors import InputError

BLOCK = 1 << 20  # most bytes that are kept in memory


@dataclass(frozen=True)
class Limits:
    """When a download is given up.

    Attributes:
        attempts: connections that bring less than `step`.
        step: bytes. A connection that ends after at least this many bytes is not a failure.
        silence: seconds without any data, and until the answer begins.
        slowest: bytes per second, on average over `window`.
        window: seconds.
    """

    attempts: int = 5
    step: int = 1 << 20
    silence: float = 60
    slowest: float = 10_000
    window: float = 60


LIMITS = Limits()


def fetch(url: str, size: int, part: Path, limits: Limits = LIMITS) -> str:
    """Downloads the rest of a file into a file that may have its beginning.

    Args:
        url: an address with http or https.
        size: the published size in bytes. No byte more is written.
        part: the file that has the beginning, or does not exist.
        limits: when to give up.

    Returns:
        What went wrong in one line, or an empty string if the file has `size` bytes.

    Raises:
        InputError: `part` is not a plain file or cannot be written; the address has another scheme.
    """
    if urlparse(url).scheme not in ("http", "https"):
        raise InputError(f"{url}: only http and https addresses are downloaded")
    failed, reason = 0, ""
    while failed < limits.attempts:
        before = plain_size(part)
        if before >= size:
            return "" if before == size else f"{before:,} bytes, published: {size:,}"
        try:
            _connect(url, size, part, limits)
            reason = f"{plain_size(part):,} of {size:,} bytes were received"
        except urllib.error.HTTPError as error:
            return f"the server answered {error.code} ({_plain(error.reason)})"
        except _Refused as error:
            return str(error)
        except (OSError, HTTPException) as error:
            reason = _plain(getattr(error, "reason", None) or error) or type(error).__name__
        failed += plain_size(part) - before < min(limits.step, size - before)
    return f"download failed: {reason}"


def plain_size(path: Path) -> int:
    """Returns the size of a file; 0 if it does not exist.

    Raises:
        InputError: it is a link, a folder, a pipe or a device.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return 0
    if not stat.S_ISREG(found.st_mode):
        kind = "a link" if stat.S_ISLNK(found.st_mode) else "not a plain file"
        raise InputError(f"{path} is {kind}: delete it and run the same command again")
    return found.st_size


class _Refused(Exception):
    """What the server sends cannot be the file; another try would give the same."""


def _connect(url: str, size: int, part: Path, limits: Limits) -> None:
    """Writes what one connection brings."""
    have = plain_size(part)
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"})
    with _opened(request, limits.silence) as answer:
        resumed = answer.status == 206  # 200: the server sends the whole file
        start = answer.headers.get("Content-Range", f"bytes {have}-").partition("-")[0]
        if resumed and start != f"bytes {have}":
            raise _Refused(f"the server sent another part than asked for ({_plain(start)})")
        with files.writing(part):
            file = _open(part, resumed)
        with file:
            _copy(answer, file, size, part, limits)


def _opened(request: urllib.request.Request, seconds: float) -> Any:
    """Returns the answer to a request, or raises TimeoutError.

    A timeout of a socket starts again with each byte, so a server could send its headers for ever.
    """
    answers: queue.Queue[Any] = queue.Queue()

    def ask() -> None:
        try:
            # `fetch` has refused schemes other than http and https.
            answers.put(urllib.request.urlopen(request, timeout=seconds))  # nosec B310
        except BaseException as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        found = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer in {seconds:g} seconds") from None
    if isinstance(found, BaseException):
        raise found
    return found


def _open(part: Path, resumed: bool) -> BinaryIO:
    """Opens a plain file for writing. A link is an error, also one made in this moment."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    file = os.fdopen(os.open(part, flags | (0 if resumed else os.O_TRUNC), 0o644), "wb")
    file.seek(0, os.SEEK_END)
    return file


def _copy(answer: Any, file: BinaryIO, size: int, part: Path, limits: Limits) -> None:
    """Writes each piece when it comes, so that a broken connection loses nothing."""
    left, slow = size - file.tell(), _slow(limits)
    while block := answer.read1(min(BLOCK, left + 1)):
        if len(block) > left:
            raise _Refused(f"the server sends more than the published {size:,} bytes")
        with files.writing(part):
            file.write(block)
        left -= len(block)
        if left and slow(len(block)):
            raise TimeoutError(f"slower than {limits.slowest:,.0f} bytes per second")


def _slow(limits: Limits) -> Callable[[int], bool]:
    """Returns a function that counts bytes and says whether the last window had too few."""
    begin, count = time.monotonic(), 0

    def slow(received: int) -> bool:
        nonlocal begin, count
        count += received
        seconds = time.monotonic() - begin
        if seconds < limits.window:
            return False
        too_slow = count < limits.slowest * seconds
        begin, count = time.monotonic(), 0
        return too_slow

    return slow


def _plain(text: object) -> str:
    """Returns at most 200 characters of what a server or the system said, in one line."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(str(text).split()))[:200]
