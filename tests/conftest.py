"""Settings of all tests. One torch thread per test process keeps times and memory stable."""

import os
import sys
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
if not Path("/dev/nvidiactl").exists():
    os.environ.setdefault(
        "TRITON_INTERPRET", "1"
    )  # kernels run on the CPU; read at Triton's import
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.faults import (  # noqa: F401  (hooks of pytest; the import needs the path above)
    pytest_addoption,
    pytest_collection_finish,
    pytest_runtest_logreport,
    pytest_sessionfinish,
)

# The longest first: a process that takes one of them last makes the others wait.
LONG = ("training/test_processes", "workflow/", "training/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Orders the files for `pytest -n --no-loadscope-reorder`; within a file nothing moves."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: rank_of(item.path.relative_to(Path(__file__).parent)))


def rank_of(file: Path) -> int:
    """Returns 0 for the longest files, and more for others."""
    starts = (rank for rank, start in enumerate(LONG) if file.as_posix().startswith(start))
    return next(starts, len(LONG))
