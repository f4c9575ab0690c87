"""`rankdet agree`: compares a study's results with a committed record of the same study."""

import argparse
from pathlib import Path

from rankdet.commands.agreement_lines import row_line, summary
from rankdet.commands.arguments import check_writable
from rankdet.commands.studies import add_study, find_plan


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
        write_agreements,
    )
    from rankdet.results.layout import LEADERBOARD, LEADERBOARD_OF_SEEDS
    from rankdet.results.leaderboard import leaderboard
    from rankdet.results.records import read_study

    own = (plan.parent / name for name in (LEADERBOARD, LEADERBOARD_OF_SEEDS))
    check_writable(args.out, reads=(args.record, plan, *own))
    metric = leaderboard_metric(args.metric)
    record, study = read_record(args.record), read_study(plan)
    check_same_study(args.record, study)
    rows = agreements(leaderboard(study), record, metric)
    if args.out:
        write_agreements(rows, args.out)
    for row in rows:
        print(row_line(row, metric, ("here", "recorded")))
    print(summary(rows, metric))
    return 0
