"""How the comparison of a claim is printed: + is better, in points.

`table.json` and `findings.csv` have the plain difference of the metric, first loss minus second.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rankdet.evaluation.metric import LOWER, PERCENT
from rankdet.evaluation.registry import find
from rankdet.evaluation.units import digits_that_show, in_digits
from rankdet.papers.findings import better_of
from rankdet.papers.spec import Column
from rankdet.papers.table_model import Finding

CORRELATION = "correlation"  # family of metrics that tables print as coefficients
POINT_DECIMALS = 1
# What a page that prints gains says once.
GAINS = "Claims: + is better, as the claim says, in points (AP, oLRP and correlations × 100)."


@dataclass(frozen=True)
class Gain:
    """What a finding compares, as pages print it.

    Attributes:
        value: the gain of the better side, a ratio or a value; None if it is unknown.
        low: lower end of its interval; None without an interval.
        high: upper end of its interval; None without an interval.
        published: the same of the paper's values; None if one is not printed.
        decimals: digits to print.
        signed: whether it is printed with its sign.
        size: the size that the paper claims, in words; empty without one.
        in_table: the same of the cells of the table; None if it is `value`.
    """

    value: float | None
    low: float | None
    high: float | None
    published: float | None
    decimals: int
    signed: bool
    size: str
    in_table: float | None


def column_of(finding: Finding, columns: Sequence[Column]) -> Column:
    """Returns the column of a finding's metric."""
    return next(one for one in columns if one.header == finding.metric)


def gain_factor(finding: Finding, column: Column) -> float:
    """The factor from a finding's difference to points that are positive where it is better."""
    if not finding.signed:
        return 1.0
    return -points(column) if better_of(column) == LOWER else points(column)


def points(column: Column) -> float:
    """The factor from the printed unit to points: correlations are printed as coefficients."""
    metric = find(column.metric)
    found = metric is not None and metric.interval == CORRELATION and column.scale == 1.0
    return PERCENT if found else 1.0


def gain(finding: Finding, column: Column) -> Gain:
    """Returns what a finding compares, as pages print it."""
    factor = gain_factor(finding, column)
    value, published, in_table = (
        None if one is None else one * factor
        for one in (finding.difference, finding.published, finding.in_table)
    )
    ends = (finding.low, finding.high)
    low, high = sorted(e * factor for e in ends if e is not None) if None not in ends else ends
    scale = points(column) if finding.signed else 1.0
    decimals = finding.decimals if scale == 1.0 else POINT_DECIMALS
    more = "better" if better_of(column) else "larger"
    size = finding.claim.size(decimals, scale, more)
    return Gain(value, low, high, published, decimals, finding.signed, size, in_table)


def gain_text(found: Gain) -> str:
    """Returns the value of a gain, such as `+1.2`; – if it is unknown."""
    return _signed(found, found.value, found.decimals)


def published_text(found: Gain) -> str:
    """Returns the paper's value of a gain; – if it is not printed."""
    return _signed(found, found.published, found.decimals)


def ends_text(found: Gain) -> str:
    """Returns its interval, such as ` (+0.2 to +2.1)`; empty without one."""
    ends = (found.low, found.high)
    if None in ends:
        return ""
    low, high = (_signed(found, end, digits_that_show(end, found.decimals)) for end in ends)
    return f" ({low} to {high})"


def _signed(found: Gain, value: float | None, decimals: int) -> str:
    return "–" if value is None else in_digits(value, decimals, found.signed)
