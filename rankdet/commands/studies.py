"""The study that a command reads: its arguments, and its plan."""

import argparse
import difflib
from pathlib import Path

from rankdet.errors import InputError


def add_study(parser: argparse.ArgumentParser) -> None:
    """Adds the study, and the folder with the results of all studies."""
    parser.add_argument(
        "study", metavar="STUDY", help="the name of a study, its results folder, or its plan.json"
    )
    parser.add_argument(
        "--results", type=Path, default=Path("results"), metavar="DIR", help="default: results"
    )


def find_plan(study: str, results: Path) -> Path:
    """Returns the path of the plan of a study.

    Args:
        study: The name of the study, its results folder, or its plan file.
        results: The folder with the results of all studies.

    Raises:
        InputError: If there is no such plan; the message names the studies that have one.
    """
    for path in (Path(study), Path(study) / "plan.json", results / study / "plan.json"):
        if path.is_file():
            return path
    known = sorted(path.parent.name for path in results.glob("*/plan.json"))
    near = difflib.get_close_matches(study, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    there = f"studies with a plan: {', '.join(known)}" if known else "run `make smoke` first"
    raise InputError(f"no study {study!r} in {results}/: {hint}{there}")
