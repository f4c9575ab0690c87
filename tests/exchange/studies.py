"""Small studies in a folder `results`, and changes of their records."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rankdet.results.leaderboard import leaderboard
from rankdet.results.records import read_study
from tests.report.fake_study import make_study

BOTH = "shapes/retinanet/ap/seed2"  # a run of both parts
MERGE = ["merge", "a", "b", "--out", "results/c"]
BASE = ("retinanet", "untrained", "", 1, "untrained")
PART_A = (BASE, *(("retinanet", loss, "", s, "trained") for loss in ("ap", "alrp") for s in (1, 2)))
PART_B = (
    BASE,
    ("retinanet", "ap", "", 2, "trained"),
    ("retinanet", "ap", "", 3, "trained"),
    ("retinanet", "alrp", "", 3, "trained"),
    ("retinanet", "focal", "", 1, "trained"),
)


def make_parts(root: Path) -> None:
    """Writes two parts of one study, `a` and `b`, with the same data."""
    make_study(root, "a", runs=PART_A)
    make_study(root, "b", runs=PART_B)
    for name in "ab":
        plan = root / "results" / name / "plan.json"
        content = json.loads(plan.read_text())
        for run in content["runs"]:
            run["dir"] = f"results/{name}/{run['key']}"
        plan.write_text(json.dumps(content))


def copy_parts(made: Path, root: Path) -> None:
    """Copies both parts, with the times of their files; their data are in the copy."""
    shutil.copytree(made / "results", root / "results")
    for manifest in (root / "results").glob("*/shapes/dataset.json"):
        text = manifest.read_text()
        manifest.write_text(text.replace(str(made), str(root)))


def change(path: Path, edit: Callable[[Any], object]) -> None:
    """Changes a JSON file."""
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def values(name: str) -> dict[str, float]:
    """AP of each run of a study."""
    entries = leaderboard(read_study(f"results/{name}/plan.json"))
    return {entry.key: entry.values["AP"] for entry in entries}


def other_data(parts: Path) -> None:
    """Part b has other images."""
    change(parts / "b/shapes/dataset.json", lambda one: one.update(checksum="sha256:0"))


def other_versions(parts: Path) -> None:
    """A run of part b was made with another torch."""
    record = parts / "b" / "shapes/retinanet/focal/seed1/run.json"
    change(record, lambda one: one["provenance"]["versions"].update(torch="2.0.0"))


def other_settings(parts: Path) -> None:
    """A run that both parts have was trained at another rate in b."""

    def edit(plan: dict) -> None:
        run = next(one for one in plan["runs"] if one["key"] == BOTH)
        run["settings"] = {"lr": 0.5}

    change(parts / "b/plan.json", edit)
