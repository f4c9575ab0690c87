"""A small study whose records are added while tests watch it."""

import shutil
from pathlib import Path

from rankdet.study.plan import Study
from tests.report.fake_study import make_study
from tests.study.tiny import study

DONE, LATER = "shapes/retinanet/ap/seed1", "shapes/retinanet/focal/seed1"
RUNS = (("retinanet", "ap", "", 1, "trained"), ("retinanet", "focal", "", 1, "trained"))
GROUP = {"dataset": "shapes", "detectors": ["retinanet"], "losses": ["ap", "focal"]}


def half_done(root: Path) -> tuple[Study, Path]:
    """Writes `results/fake` below a folder, with one of two runs.

    Returns the study, and the folder of the other run's records, which `add` takes.
    """
    plan = make_study(root, runs=RUNS)
    aside = root / "aside"
    shutil.move(plan.parent / LATER, aside)
    schedule = {"image_size": 64, "batch_size": 2, "iterations": 92}
    made = study(study="fake", runs=[GROUP], untrained=False, schedule=schedule, tables=[])
    assert [run.key for run in made.runs] == [DONE, LATER]
    return made, aside


def add(root: Path, aside: Path) -> None:
    """Adds the records of the other run."""
    shutil.copytree(aside, root / "results/fake" / LATER, dirs_exist_ok=True)
