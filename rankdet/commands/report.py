"""`rankdet report`: builds the report of a study from its files, also when runs are missing."""

import argparse
import sys
import webbrowser
from pathlib import Path

from rankdet.commands.studies import add_study
from rankdet.errors import InputError
from rankdet.results.find import find_plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the study, the folders, and `--open`."""
    add_study(parser)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="default: reports/html/<name of the study>"
    )
    parser.add_argument(
        "--watch",
        action="store_true",
        help="serve it, and build it again as runs end: the same as `rankdet watch STUDY`",
    )
    parser.add_argument("--open", action="store_true", help="open the report in the browser")


def run(args: argparse.Namespace) -> int:
    """Builds the report and prints the path of its first page; or serves it."""
    if args.watch:
        return _watch(args)
    plan = find_plan(args.study, args.results)
    from rankdet.report import build_report

    out = args.out or Path("reports/html") / plan.resolve().parent.name
    page = build_report(plan, out, lambda line: print(f"note: {line}", file=sys.stderr))
    print(page)
    if args.open:
        webbrowser.open(page.resolve().as_uri())
    return 0


def _watch(args: argparse.Namespace) -> int:
    """Does what `rankdet watch` does without further arguments."""
    from rankdet.commands import watch

    if args.out:
        raise InputError("--out: --watch writes no folder; give one of the two")
    parser = argparse.ArgumentParser()
    watch.add_arguments(parser)
    return watch.run(parser.parse_args([args.study, *(["--open"] if args.open else [])]))
