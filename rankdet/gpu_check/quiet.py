"""Keeps the output of libraries away from the terminal."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO


@contextmanager
def quiet(log: Path) -> Iterator[TextIO]:
    """Sends all output of the block to a file, without messages of the level INFO.

    Args:
        log: The file; output is appended.

    Yields:
        The terminal (standard output as it was before).
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    level = logging.root.manager.disable
    logging.disable(logging.INFO)
    terminal, errors = os.dup(1), os.dup(2)
    try:
        with log.open("a", encoding="utf-8") as file, _stream(terminal) as stream:
            _to(file.fileno(), file.fileno())
            yield stream
    finally:
        _to(terminal, errors)
        os.close(terminal)
        os.close(errors)
        logging.disable(level)


@contextmanager
def _stream(terminal: int) -> Iterator[TextIO]:
    stream = os.fdopen(os.dup(terminal), "w")
    try:
        yield stream
    finally:
        with suppress(OSError):  # a terminal that is gone: there is still text for it
            stream.close()


def _to(out: int, err: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # a full disk, or a terminal that is gone
            stream.flush()
    os.dup2(out, 1)
    os.dup2(err, 2)
