"""`rankdet agree`: compares a study's results with a committed record of the same study."""

import argparse
from pathlib import Path

from rankdet.commands.agreement_lines import show_agreements
from rankdet.commands.studies import add_study, check_out
from rankdet.results.find import find_plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the study, the record, and what is compared."""
    add_study(parser)
    parser.add_argument(
        "record", type=Path, metavar="RECORD", help="a folder that `rankdet record` has made"
    )
    parser.add_argument("--metric", default="AP", help="a metric of the leaderboard (default: AP)")
    parser.add_argument("--out", type=Path, metavar="FILE.csv", help="write the rows as CSV")


def run(args: argparse.Namespace) -> int:
    """Prints a line for each row of both leaderboards, and a summary."""
    plan = find_plan(args.study, args.results)
    from rankdet.results.agreement import (
        agreements,
        check_same_study,
        leaderboard_metric,
        read_record,
    )
    from rankdet.results.leaderboard import leaderboard
    from rankdet.results.records import read_study

    check_out(args.out, reads=(args.record,))
    metric = leaderboard_metric(args.metric)
    record, study = read_record(args.record), read_study(plan)
    check_same_study(args.record, study)
    rows = agreements(leaderboard(study), record, metric)
    show_agreements(rows, metric, ("here", "recorded"), args.out)
    return 0
