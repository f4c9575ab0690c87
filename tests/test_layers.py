"""The layers of `rankdet/`: contracts, imports and documentation agree."""

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import grimp
import pytest

from rankdet.repository import ROOT

HEAVY = ("torch", "mmdet", "mmengine", "mmcv")
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = {contract["id"]: contract for contract in LINTER["contracts"]}
# | layer | `room` | content | may import | never imports |
ROW = re.compile(r"^\| (\d+) \| `(\w+)` \|[^|]*\| ([^|]*)\| ([^|]*)\|$", re.MULTILINE)
DOCUMENTED = {
    room: (int(layer), may.strip(), never.strip())
    for layer, room, may, never in ROW.findall((ROOT / "docs/architecture.md").read_text())
}


def layers() -> dict[str, int]:
    """Returns the layer of each room by the contract; the lowest is 1."""
    listed = reversed(CONTRACTS["layers"]["layers"])
    return {room: i for i, line in enumerate(listed, start=1) for room in line.split(" | ")}


def imported(room: str, unwanted: tuple[str, ...]) -> str:
    """Imports every module of a room; returns which unwanted packages were imported with it."""
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


@pytest.mark.parametrize(
    "room", ["datasets", "evaluation", "results", "charts", "papers", "report", "study"]
)
def test_rooms_without_torch(room):
    assert imported(room, HEAVY) == "[]"


def test_planning_is_light():
    assert imported("study", (*HEAVY, "numpy", "pandas", "scipy")) == "[]"


def test_losses_import_torch_and_themselves():
    graph = grimp.build_graph("rankdet", include_external_packages=True, cache_dir=None)
    modules = {"rankdet.losses", *graph.find_descendants("rankdet.losses")}
    known = modules | set(sys.stdlib_module_names) | {"torch"}
    for module in modules:
        others = graph.find_modules_directly_imported_by(module) - known
        fused = module.startswith("rankdet.losses.kernels.")  # imported on a GPU with Triton only
        assert others <= ({"triton"} if fused else set()), module


def test_every_room_has_a_layer_and_a_line_in_the_docs():
    entries = [path for path in (ROOT / "rankdet").iterdir() if path.name != "py.typed"]
    there = {path.stem for path in entries if not path.name.startswith("_")}
    assert layers().keys() == there
    assert {room: layer for room, (layer, _, _) in DOCUMENTED.items()} == layers()


@pytest.mark.parametrize("room", layers())
def test_the_docs_say_what_a_room_may_import(room):
    layer, may, never = DOCUMENTED[room]
    if room == "losses":
        assert (may, never) == ("itself", "everything except torch")
        return
    assert may == {1: "", 2: "layer 1"}.get(layer, f"layers 1-{layer - 1}")
    forbidden = [
        package
        for contract in CONTRACTS.values()
        if f"rankdet.{room}" in contract.get("source_modules", ())
        for package in contract["forbidden_modules"]
        if package in ("torch", "mmdet", "numpy", "pandas")
    ]
    assert never == ", ".join(forbidden)


@pytest.mark.parametrize(
    ("module", "line", "message"),
    [
        ("evaluation/evaluate.py", "import rankdet.report", "rankdet.evaluation is not allowed"),
        ("errors.py", "import rankdet.study.plan", "rankdet.errors is not allowed"),
        ("papers/spec.py", "import torch", "rankdet.papers is not allowed to import torch"),
        ("study/runs.py", "import numpy", "rankdet.study is not allowed to import numpy"),
        (
            "evaluation/metrics/overlaps.py",
            "import rankdet.evaluation.evaluate",
            "No cycles are allowed in rankdet.evaluation",
        ),
    ],
)
def test_a_planted_import_is_found(tmp_path, module, line, message):
    shutil.copytree(ROOT / "rankdet", tmp_path / "rankdet")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "rankdet" / module).open("a") as file:
        file.write(f"\n{line}\n")
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert message in done.stdout


def test_scripts_of_snakemake_are_short():
    lengths = {
        path.name: len(path.read_text().splitlines())
        for path in (ROOT / "workflows/scripts").glob("*.py")
    }
    assert lengths and {name for name, length in lengths.items() if length > 20} == set()


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
