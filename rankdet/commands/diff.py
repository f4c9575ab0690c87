"""`rankdet diff`: what differs between two studies, in their configs and in their numbers."""

import argparse
from pathlib import Path

from rankdet.commands.agreement_lines import show_agreements
from rankdet.commands.studies import check_out
from rankdet.errors import InputError
from rankdet.results.find import find_plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the studies, and what is compared."""
    for name in ("first", "second"):
        parser.add_argument(name, metavar=name.upper(), help="a study, or its folder")
    parser.add_argument(
        "--results", type=Path, default=Path("results"), metavar="DIR", help="default: results"
    )
    parser.add_argument("--metric", default="AP", help="a metric of the leaderboard (default: AP)")
    parser.add_argument("--out", type=Path, metavar="FILE.csv", help="write the rows as CSV")


def run(args: argparse.Namespace) -> int:
    """Prints the differences of the configs, then a line for each row of both leaderboards."""
    paths = [find_plan(one, args.results) for one in (args.first, args.second)]
    from rankdet.exchange.differences import differences
    from rankdet.exchange.sides import read_sides
    from rankdet.results.agreement import agreements, leaderboard_metric
    from rankdet.results.leaderboard import leaderboard

    check_out(args.out)
    metric = leaderboard_metric(args.metric)
    first, second = read_sides(*paths)
    lines = differences(first, second)
    sides = (f"in {first.called}", f"in {second.called}")
    print("\n".join(lines) if lines else "config, data and code are the same")
    print()
    try:
        rows = agreements(leaderboard(first.study), leaderboard(second.study), metric, sides)
    except InputError as error:  # two studies may have no run in common; the lines above say so
        print(error)
        return 0
    show_agreements(rows, metric, sides, args.out)
    return 0
