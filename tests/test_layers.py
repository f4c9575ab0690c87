"""The rooms without torch are imported without it, and help comes at once."""

import subprocess
import sys
import time

import pytest

from rankdet.repository import ROOT

HEAVY = ("torch", "mmdet", "mmengine", "mmcv")


def imported(room: str, unwanted: tuple[str, ...]) -> str:
    """Imports every module of a room; returns those unwanted packages that came with it."""
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / "rankdet" / room).rglob("*.py"))
    ]
    assert names
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        f"print(sorted(m for m in sys.modules if m in {unwanted!r}))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return out.stdout.strip()


@pytest.mark.parametrize("room", ["evaluation", "results", "charts", "papers", "report", "study"])
def test_rooms_without_torch(room):
    assert imported(room, HEAVY) == "[]"


def test_planning_is_light():
    assert imported("study", (*HEAVY, "numpy", "pandas", "scipy")) == "[]"


def test_help_is_instant():
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "rankdet.cli", "--help"],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 1
