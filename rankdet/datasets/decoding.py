"""Decodes images as training does: with OpenCV, in colour, turned by their EXIF orientation.

Checks and reports use this, so that they accept and show what training sees.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


def decode(content: bytes, *, turn: bool = True) -> np.ndarray:
    """Returns the pixels of an image file, as mmdet's loader gives them to training.

    Args:
        content: the bytes of the file.
        turn: whether to apply the orientation of the EXIF data, as training does.

    Returns:
        Array (height, width, 3) of uint8, blue first. 16-bit samples are divided by 256.

    Raises:
        ValueError: OpenCV cannot decode the file. The message is one line.
    """
    import cv2  # here: its import takes .2 s, and commands without images do not need it

    flag = cv2.IMREAD_COLOR if turn else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels: Any = cv2.imdecode(np.frombuffer(content, np.uint8), flag)
    except cv2.error as error:
        raise ValueError(" ".join(str(error.err or error).split())) from None
    if pixels is None:
        raise ValueError("OpenCV cannot decode it")
    return np.asarray(pixels)


@contextmanager
def quiet() -> Iterator[None]:
    """Drops what image libraries write to the standard error; Python's own messages come later.

    The libraries below OpenCV print a line for each damaged file. The caller reports these files.
    """
    try:
        original = os.dup(2)
    except OSError:  # no standard error
        yield
        return
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(original, 2)
        os.close(original)
        os.close(sink)
