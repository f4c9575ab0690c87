"""`rankdet agree`: compares a study's results with a committed record of the same study."""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

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
    from rankdet.results.leaderboard import leaderboard
    from rankdet.results.records import read_study

    check_writable(args.out, reads=(args.record, plan))
    metric = leaderboard_metric(args.metric)
    record, study = read_record(args.record), read_study(plan)
    check_same_study(args.record, study)
    rows = agreements(leaderboard(study), record, metric)
    if args.out:
        write_agreements(rows, args.out)
    for row in rows:
        print(_line(row, metric))
    print(_summary(rows, metric))
    return 0


def _line(row: Any, metric: Any) -> str:
    name = row.runs if row.split == "val" else f"{row.runs} ({row.split})"
    if row.difference is None:
        return f"{row.verdict}: {name}: {row.reason}"
    here, record = (f"{fmean(one):.{metric.decimals}f}" for one in (row.here, row.record))
    value, low, high = (
        f"{end:+.{metric.decimals}f}"
        for end in (row.difference.value, row.difference.low, row.difference.high)
    )
    return f"{row.verdict}: {name}: {here} here, {record} recorded; {value} [{low} to {high}]"


def _summary(rows: Sequence[Any], metric: Any) -> str:
    from rankdet.results.agreement import AGREES, DIFFERS, NOT_COMPARED

    counts = Counter(row.verdict for row in rows)
    text = f"{metric.header}: {counts[AGREES]} of {len(rows)} rows agree, {counts[DIFFERS]} differ"
    text += " beyond intervals"
    if counts[NOT_COMPARED]:
        text += f", {counts[NOT_COMPARED]} are not compared"
    text += " (Welch's intervals over seeds, widened by Holm for all compared rows)"
    return f"{text}{_together(rows)}"


def _together(rows: Sequence[Any]) -> str:
    """All rows in one test, which sees small differences in many rows."""
    from rankdet.evaluation.estimates import LEVEL
    from rankdet.results.agreement import joint_p

    p = joint_p(rows)
    if p is None:
        return ""
    found = "a difference somewhere" if p < 1 - LEVEL else "no sign of a difference"
    words = f"p = {p:.2f}" if p >= 0.01 else "p < .01"
    return f"; all rows together: {found} ({words}, Fisher's method)"
