"""`rankdet report`: builds the report of a study from its files, also when runs are missing."""

import argparse
import difflib
import webbrowser
from pathlib import Path

from rankdet.commands.arguments import check_repository
from rankdet.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the study, the folders, and `--open`."""
    parser.add_argument(
        "study", metavar="STUDY", help="the name of a study, its results folder, or its plan.json"
    )
    parser.add_argument(
        "--results", type=Path, default=Path("results"), metavar="DIR", help="default: results"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="default: reports/html/<name of the study>"
    )
    parser.add_argument("--open", action="store_true", help="open it in the browser")


def run(args: argparse.Namespace) -> int:
    """Builds the report and prints the path of its first page."""
    check_repository("report")
    plan = find_plan(args.study, args.results)
    from rankdet.report import build_report

    out = args.out or Path("reports/html") / plan.resolve().parent.name
    page = build_report(plan, out)
    print(page)
    if args.open:
        webbrowser.open(page.resolve().as_uri())
    return 0


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
