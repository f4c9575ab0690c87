"""The study that a command reads: its arguments, and what belongs to all such commands."""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rankdet.commands.arguments import check_writable

if TYPE_CHECKING:
    from rankdet.results.recorded_run import RecordedRun
    from rankdet.results.records import RecordedStudy


def add_study(parser: argparse.ArgumentParser) -> None:
    """Adds the study, and the folder with the results of all studies."""
    parser.add_argument(
        "study", metavar="STUDY", help="the name of a study, its results folder, or its plan.json"
    )
    parser.add_argument(
        "--results", type=Path, default=Path("results"), metavar="DIR", help="default: results"
    )


def check_out(out: Path | None, reads: Iterable[Path] = ()) -> None:
    """Checks that the output of a command can be written and is not in the folder of a study.

    Args:
        out: The file, or None if the command writes none.
        reads: The files and folders that the command reads.

    Raises:
        InputError: As `check_writable`, or if the file would be among a study's results.
    """
    from rankdet.results.outside import check_outside_studies

    check_writable(out, reads=reads)
    if out is not None:
        check_outside_studies(out, "file")


def say_left_out(
    study: "RecordedStudy",
    shown: "Callable[[RecordedRun], bool]" = lambda run: False,
    how: str = "is left out",
) -> None:
    """Prints a note for each run whose files are there, but give no numbers.

    Args:
        study: The study that was read.
        shown: Whether a run is shown nevertheless: a training has curves before its evaluation.
        how: What is said about such a run, before the reason.
    """
    from rankdet.results.status import WITHOUT_NUMBERS

    for run in study.runs:
        if run.status in WITHOUT_NUMBERS and not shown(run):
            print(f"note: {run.key} {how}: {run.reason}", file=sys.stderr)
