"""Small studies in a folder `results`, and changes of their records."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.report.fake_study import make_study

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
