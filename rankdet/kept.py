"""Results of long work that are kept in files, with a checksum: read only if they are whole.

A file begins with a line that has the checksum of its name and content. So a file that was cut,
edited or renamed counts as missing, and its result is made again.
"""

import hashlib
import zlib
from pathlib import Path

from rankdet.files import atomic

MOST = 1 << 28  # bytes of a content; the longest page of this project has 4,000,000


def keep(path: Path, content: bytes) -> None:
    """Writes a result atomically, compressed.

    Raises:
        OSError: If it cannot be written.
    """
    packed = zlib.compress(content, 1)
    with atomic(path) as temporary:
        temporary.write_bytes(_checksum(path, packed) + b"\n" + packed)


def kept(path: Path) -> bytes | None:
    """Returns a result that `keep` wrote; None if there is none, or the file was changed."""
    try:
        if not path.is_file():  # a read of a named pipe could wait for ever
            return None
        checksum, _, packed = path.read_bytes().partition(b"\n")
        if checksum != _checksum(path, packed):
            return None
        found = zlib.decompressobj().decompress(packed, MOST + 1)
    except (OSError, zlib.error):
        return None
    return found if len(found) <= MOST else None


def _checksum(path: Path, packed: bytes) -> bytes:
    return hashlib.sha256(path.name.encode() + b"\n" + packed).hexdigest().encode()
