"""Tests the papers' claims with a study's numbers: each holds, does not hold, or is undecided.

The difference of the two cells that a claim names gets a 95% interval. With several seeds on both
sides it is Welch's t-interval over the seeds; with one seed each it is a paired bootstrap over the
images. A claim "better" holds if the interval is above 0 and does not hold if it is below 0. A
claim "the same to within d" holds if the interval is within ±d and does not hold if it is outside.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rankdet.errors import InputError
from rankdet.evaluation.interval_cache import REPLICATES, difference
from rankdet.evaluation.intervals import Difference, welch_interval
from rankdet.evaluation.metric import LOWER
from rankdet.evaluation.registry import find
from rankdet.evaluation.units import DIGITS
from rankdet.papers.match import find_runs
from rankdet.papers.spec import Claim, Column, Row
from rankdet.papers.table_model import (
    FAILS,
    HOLDS,
    MISSING,
    UNDECIDED,
    Block,
    Finding,
    Table,
)
from rankdet.papers.values import metric_value
from rankdet.results.records import Run, Study

OF_MASKS = "segm."  # the bootstrap draws matches of boxes


@dataclass(frozen=True)
class _Side:
    row: Row
    column: Column
    runs: tuple[Run, ...]
    reason: str | None
    published: float | None


def with_findings(study: Study, table: Table) -> Table:
    """Tests every claim of a table on each of the study's datasets."""
    if not table.spec.claims:
        return table
    blocks = [
        replace(
            block,
            findings=tuple(_finding(study, table, block, claim) for claim in table.spec.claims),
        )
        for block in table.blocks
    ]
    return replace(table, blocks=tuple(blocks))


def _finding(study: Study, table: Table, block: Block, claim: Claim) -> Finding:
    better = _side(study, table, block, claim.better, claim.column)
    worse = _side(study, table, block, claim.worse, claim.over or claim.column)
    column = better.column
    finding = Finding(claim, column.header, column.decimals, MISSING)
    if better.published is not None and worse.published is not None:
        finding = replace(finding, published=round(better.published - worse.published, DIGITS))
    for side in (better, worse):
        if side.reason:
            return replace(finding, how=f"{_name(claim, side)}: {side.reason}")
    found, how = _difference(better, worse, study.folder / "intervals")
    if found.value is None:
        return replace(finding, how=how)
    return replace(
        finding,
        verdict=verdict(found, claim.within, higher_is_better(column)),
        difference=round(found.value, DIGITS),
        low=None if found.low is None else round(found.low, DIGITS),
        high=None if found.high is None else round(found.high, DIGITS),
        how=how,
    )


def _name(claim: Claim, side: _Side) -> str:
    return side.column.header if claim.over else side.row.key


def higher_is_better(column: Column) -> bool:
    """Which direction is better; a column of settings has the direction of its metric."""
    metric = find(column.metric)
    return (column.better or (metric.better if metric else None)) != LOWER


def verdict(found: Difference, within: float | None, higher: bool) -> str:
    """Whether a claim holds, from a difference (better side minus worse side) and its interval.

    Args:
        found: the difference; without an interval the claim is undecided.
        within: for a claim that both are the same: the largest difference.
        higher: for a claim that one is better: whether higher is better.
    """
    if found.low is None or found.high is None:
        return UNDECIDED
    if within is not None:
        if -within <= found.low and found.high <= within:
            return HOLDS
        return FAILS if found.low > within or found.high < -within else UNDECIDED
    low, high = (found.low, found.high) if higher else (-found.high, -found.low)
    if low > 0:
        return HOLDS
    return FAILS if high < 0 else UNDECIDED


def _side(study: Study, table: Table, block: Block, key: str, header: str) -> _Side:
    at, column = next((i, c) for i, c in enumerate(table.spec.columns) if c.header == header)
    found = next((row for row in block.rows if row.row.key == key), None)
    if found is None:  # the row belongs to another of the study's datasets
        row = next(row for row in table.spec.rows if row.key == key)
        return _Side(row, column, (), f"not on {block.title}", None)
    cell, request = found.cells[at], found.row.request(column)
    runs = tuple(find_runs(study, block.dataset, request)) if request else ()
    reason = cell.reason or found.reason
    if reason is None and cell.ours is None:
        reason = "undefined"
    return _Side(found.row, column, runs, reason, cell.published)


def _difference(better: _Side, worse: _Side, store: Path) -> tuple[Difference, str]:
    sides = [_values(side) for side in (better, worse)]
    if better.runs == worse.runs and better.row.view(better.column) == worse.row.view(worse.column):
        return Difference(None, None, None, None), "both sides are the same run"
    first, second = (np.array(values) for values in sides)
    value = float(first.mean() - second.mean())
    if len(first) > 1 and len(second) > 1:
        low, high = welch_interval(first, second)
        seeds = f"{len(first)} and {len(second)} seeds"
        return Difference(value, low, high, None), f"95% t-interval over {seeds} (Welch)"
    nothing = Difference(value, None, None, None)
    if len(first) > 1 or len(second) > 1:
        return nothing, "one side has a single seed: no interval"
    metric = better.column.metric
    family = _family(metric)
    if family is None or better.row.view(better.column) or worse.row.view(worse.column):
        return nothing, "one seed each, and no interval over images for this metric"
    first_path, second_path = (
        side.runs[0].main.folder / "matches.parquet" for side in (worse, better)
    )
    try:
        found = difference(first_path, second_path, metric, family, store)
    except (InputError, OSError) as error:
        return nothing, f"one seed each, and no interval over images: {error}"
    if found is None or found.low is None or found.high is None:
        return nothing, "one seed each; undefined in some draw of images, so no interval"
    scale = better.column.scale
    return (
        Difference(value, found.low * scale, found.high * scale, found.p),
        f"95% interval over images (paired bootstrap, {REPLICATES} draws); "
        "one seed each: says nothing about other seeds",
    )


def _values(side: _Side) -> list[float]:
    view = side.row.view(side.column)
    values = (metric_value(run, side.column.metric, view) for run in side.runs)
    return [math.nan if value is None else value * side.column.scale for value in values]


def _family(metric: str) -> str | None:
    """The family of metrics whose bootstrap gives the metric an interval; None without one."""
    found = None if metric.startswith(OF_MASKS) else find(metric)
    return found.interval if found else None


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """How many claims hold, do not, are undecided, and have no answer."""
    words = (HOLDS, FAILS, UNDECIDED, MISSING)
    return {word: sum(f.verdict == word for f in findings) for word in words}
