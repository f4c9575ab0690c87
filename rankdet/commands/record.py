"""`rankdet record`: writes the outcome of a study into a folder that can be committed."""

import argparse
from pathlib import Path

from rankdet.commands.studies import add_study, say_left_out
from rankdet.results.find import find_plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the study and the folder."""
    add_study(parser)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="a new folder, or an older record"
    )


def run(args: argparse.Namespace) -> int:
    """Writes the record and says what is in it."""
    plan = find_plan(args.study, args.results)
    from rankdet.papers.study_record import write_study_record

    told = write_study_record(plan, args.out, say_left_out)
    print(f"{args.out}: {told}")
    return 0
