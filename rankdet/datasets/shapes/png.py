"""PNG files whose bytes depend only on the pixels.

Compressed bytes differ between zlib and zlib-ng, and so between builds of Pillow. Therefore the
blocks are not compressed. (Compression would not reduce the size of noisy images much.)
"""

import struct
import zlib

import numpy as np

_BLOCK = 65535  # the longest stored block of deflate (RFC 1951, section 3.2.4)


def encode(pixels: np.ndarray) -> bytes:
    """Returns the PNG file of an RGB image, uint8 (height, width, 3)."""
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # first byte of a row: filter 0
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", _stored(rows.tobytes())),
            _chunk(b"IEND", b""),
        )
    )


def _stored(content: bytes) -> bytes:
    parts = [b"\x78\x01"]
    for start in range(0, len(content), _BLOCK):
        block = content[start : start + _BLOCK]
        last = start + _BLOCK >= len(content)
        parts += [struct.pack("<BHH", last, len(block), 0xFFFF - len(block)), block]
    parts.append(struct.pack(">I", zlib.adler32(content)))
    return b"".join(parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )
