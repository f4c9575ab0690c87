"""Work that several files of tests need, made once for all test processes of a run."""

import fcntl
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

Made = TypeVar("Made")


def made_once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Made]
) -> tuple[Path, Made]:
    """Returns a folder and what `make` returned for it; the other test processes wait for it.

    All processes share the folder, so tests change only copies of it.

    Args:
        factory: pytest's.
        name: The folder's name, one for each `make`.
        make: Fills an empty folder, and returns what pickle takes.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # of all processes of this run
    folder, note = root / "made-once" / name, root / "made-once" / f"{name}.pickle"
    folder.parent.mkdir(exist_ok=True)
    with (folder.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not note.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a process that failed on the way
            folder.mkdir()
            made = make(folder)
            note.write_bytes(pickle.dumps(made))
    return folder, pickle.loads(note.read_bytes())
