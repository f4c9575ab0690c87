"""Times and growth of plans and reports: `python -m tests.bench.bench_scale`.

For each number of runs it prints processor seconds (of the process and its children), memory, and
the exponent of the growth since the number before: 1 is linear. The parts:

- `dry-run`: `snakemake -n` of a study with many seeds;
- `plan`: `rankdet plan` of the same study;
- `report`: the first report of finished runs;
- `again`: the report after one of these runs was made anew.

Reports are made of at most 1,000 runs.

`pytest tests/bench/bench_scale.py` checks goals for 300 runs; pytest collects it only if it
is named.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from rankdet.repository import ROOT
from tests.report.fake_study import SEVERAL_SEEDS, make_study

PARTS = ("dry-run", "plan", "report", "again")
LOSSES = ("ce", "focal", "ap", "alrp", "rs")
DETECTORS = ("retinanet", "atss")
SEEDS = 20  # of each loss of a report
MOST_REPORTED = 1000  # runs of a report
BUILD = "import sys; from rankdet.report import build_report; build_report(*sys.argv[1:])"


@dataclass(frozen=True)
class Cost:
    """What a command took: processor seconds, with its children, and most memory in GB."""

    seconds: float
    memory: float


def cost(folder: Path, *command: str) -> Cost:
    """Runs a command of Python in a folder; raises RuntimeError with its last lines if it fails."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        lines = (folder / "output.txt").read_text().splitlines()
        raise RuntimeError(f"{command}: {process.returncode}: {lines[-5:]}")
    scale = 1 if sys.platform == "darwin" else 1024
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss * scale / 1e9)


def write_config(folder: Path, count: int) -> Path:
    """Writes the config of a study with `count` trainings, which differ in seeds mostly."""
    seeds = list(range(1, count // (len(LOSSES) * len(DETECTORS)) + 1))
    data = {"kind": "shapes", "title": "Shapes", "seed": 2, "image_size": 128}
    config = {
        "study": "scale",
        "title": "Scale",
        "scale": "Never trained.",
        "preset": "small",
        "datasets": {"shapes": {**data, "train_images": 64, "val_images": 96, "classes": 3}},
        "runs": [
            {"dataset": "shapes", "detectors": [*DETECTORS], "losses": [*LOSSES], "seeds": seeds}
        ],
        "schedule": {"image_size": 128, "batch_size": 4, "iterations": 195},
        "splits": ["val"],
        "tables": ["alrp/table2"],
        "figures": ["alrp/figure4"],
    }
    path = folder / "scale.yaml"
    path.write_text(json.dumps(config))  # JSON is YAML
    return path


def write_runs(folder: Path, count: int) -> Path:
    """Writes a study with `count` finished runs, and returns its plan.

    Their files are hard links to those of a small fake study, each with its name in the plan.
    """
    small = make_study(folder / "small", runs=SEVERAL_SEEDS)
    plan, target = json.loads(small.read_text()), folder / "results" / "scale"
    finished = [one for one in plan["runs"] if one["loss"] in ("ap", "alrp", "rs")]
    (target / "shapes").mkdir(parents=True)
    for path in (small.parent / "shapes").iterdir():
        if path.name in ("data", "dataset.json"):
            (target / "shapes" / path.name).symlink_to(path)
    runs = []
    for at in range(count):
        base, loss, seed = finished[at % len(finished)], at // SEEDS, at % SEEDS + 1
        detector, name = DETECTORS[loss % len(DETECTORS)], f"loss{loss}"
        key = f"shapes/{detector}/{name}/seed{seed}"
        (target / key).mkdir(parents=True)
        for path in (small.parent / base["key"]).iterdir():
            if path.is_file():
                (target / key / path.name).hardlink_to(path)
        titles = {**base["titles"], "loss": f"Loss {loss}", "detector": detector}
        entry = {"key": key, "dir": str(target / key), "detector": detector, "loss": name}
        runs.append({**base, **entry, "variant": "", "seed": seed, "titles": titles})
    new = target / "plan.json"
    new.write_text(json.dumps({**plan, "runs": runs}))
    return new


def make_anew(plan: Path) -> None:
    """Writes the files of one run anew, as if it had just been evaluated."""
    first = json.loads(plan.read_text())["runs"][0]["key"]
    for path in (plan.parent / first).iterdir():
        shutil.copy(path, path.with_suffix(".new"))  # the old file is one of several links
        path.with_suffix(".new").replace(path)


def measured(count: int, parts: Sequence[str], folder: Path) -> Iterator[tuple[str, Cost]]:
    """Yields the cost of each part for a number of runs, in an empty folder."""
    if {"dry-run", "plan"} & set(parts):
        config = str(write_config(folder, count))
        snakemake = ("-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2")
        if "dry-run" in parts:
            yield "dry-run", cost(folder, *snakemake, "-n", "-q", "all", "--configfile", config)
        if "plan" in parts:
            yield "plan", cost(folder, "-m", "rankdet.cli", "plan", "--configfile", config)
    if {"report", "again"} & set(parts) and count <= MOST_REPORTED:
        plan = write_runs(folder, count)
        yield "report", cost(folder, "-c", BUILD, str(plan), str(folder / "html"))
        if "again" in parts:
            make_anew(plan)
            yield "again", cost(folder, "-c", BUILD, str(plan), str(folder / "html"))


def main() -> None:
    """Prints a line for each number of runs and part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, nargs="+", default=[100, 300, 1000, 5000])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    args = parser.parse_args()
    before: dict[str, tuple[int, float]] = {}
    print(f"{'part':8} {'runs':>6} {'s':>8} {'GB':>6} {'exponent':>9} {'largest page':>13}")
    for count in sorted(args.runs):
        with tempfile.TemporaryDirectory() as folder:
            for part, found in measured(count, args.parts, Path(folder)):
                few, seconds = before.get(part, (0, 0.0))
                growth = math.log(found.seconds / seconds) / math.log(count / few) if few else 0.0
                before[part] = (count, found.seconds)
                power = f"{growth:.2f}" if few else ""
                pages = Path(folder).glob("html/**/*.html")
                largest = max((page.stat().st_size for page in pages), default=0)
                size = f"{largest / 1e6:.1f} MB" if largest else ""
                line = f"{part:8} {count:6} {found.seconds:8.1f} {found.memory:6.2f}"
                print(f"{line} {power:>9} {size:>13}", flush=True)


@pytest.mark.slow
def test_the_report_of_300_runs(tmp_path: Path) -> None:
    found = dict(measured(300, ("report", "again"), tmp_path))
    assert found["report"].seconds <= 60 and found["again"].seconds <= 0.5 * found["report"].seconds
    assert max(page.stat().st_size for page in tmp_path.glob("html/**/*.html")) <= 3e6


@pytest.mark.slow
def test_the_plan_of_300_runs(tmp_path: Path) -> None:
    found = dict(measured(300, ("dry-run", "plan"), tmp_path))
    assert found["dry-run"].seconds <= 15 and found["plan"].seconds <= 5


if __name__ == "__main__":
    main()
