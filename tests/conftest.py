"""Settings of all tests. One torch thread per test process keeps times and memory stable."""

import os
import sys
from pathlib import Path

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
