"""The lines that `rankdet agree` and `rankdet diff` print about rows of two leaderboards."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from rankdet.errors import counted


def show_agreements(
    rows: Sequence[Any], metric: Any, sides: tuple[str, str], out: Path | None
) -> None:
    """Writes the rows to a CSV file, if one is named, and prints a line for each and a summary.

    Args:
        rows: `Agreement`s.
        metric: The metric that was compared.
        sides: Words after the first and the second mean.
        out: The file; None writes none.
    """
    from rankdet.results.agreement import write_agreements

    if out:
        write_agreements(rows, out)
    for row in rows:
        print(row_line(row, metric, sides))
    print(summary(rows, metric))


def row_line(row: Any, metric: Any, sides: tuple[str, str]) -> str:
    """Returns the line of a row: its verdict, its means and their difference.

    Args:
        row: An `Agreement`.
        metric: The metric that was compared.
        sides: Words after the first and the second mean.
    """
    from rankdet.evaluation.units import digits_that_show, in_digits
    from rankdet.results.agreement import EQUAL

    name = row.runs if row.split == "val" else f"{row.runs} ({row.split})"
    if row.difference is None and row.verdict == EQUAL:
        seeds = f", {counted(len(row.here), 'seed')}" if len(row.here) > 1 else ""
        return f"{EQUAL}: {name}: {in_digits(fmean(row.here), metric.decimals)}{seeds}"
    if row.difference is None:
        return f"{row.verdict}: {name}: {row.reason}"
    means = zip((row.here, row.record), sides, strict=True)
    text = ", ".join(f"{in_digits(fmean(one), metric.decimals)} {side}" for one, side in means)
    value = in_digits(row.difference.value, metric.decimals, sign=True)
    low, high = (  # with the digits that show on which side of 0 they are
        in_digits(end, digits_that_show(end, metric.decimals), sign=True)
        for end in (row.difference.low, row.difference.high)
    )
    return f"{row.verdict}: {name}: {text}; {value} [{low} to {high}]"


def summary(rows: Sequence[Any], metric: Any) -> str:
    """Returns how many rows agree, and the test of all rows together."""
    from rankdet.results.agreement import AGREES, DIFFERS, EQUAL, NOT_COMPARED

    counts = Counter(row.verdict for row in rows)
    if counts[EQUAL] == len(rows):
        rest = "row has equal values" if len(rows) == 1 else "rows have equal values"
        return f"{metric.header}: {len(rows)} of {len(rows)} {rest}, seed by seed"
    text = f"{metric.header}: {counts[AGREES]} of {len(rows)} rows agree, {counts[DIFFERS]} differ"
    text += " beyond intervals"
    if counts[EQUAL]:
        text += f", {counts[EQUAL]} with too few seeds for an interval have equal values"
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
