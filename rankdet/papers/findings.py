"""The papers' claims, tested by a study's numbers: each holds, does not hold, or stays undecided.

The compared difference gets a 95% interval. With several seeds on both sides this is Welch's
t-interval over the seeds (a paired one if both sides are the same runs). With one seed each it is a
paired bootstrap over the images. A claim "better" holds if the interval is above 0 and does not
hold if it is below 0. A claim with a size holds if the interval is inside the claimed range and
does not hold if it is outside. Otherwise the claim is undecided.
"""

from collections.abc import Sequence
from dataclasses import replace

from rankdet.evaluation.metric import LOWER
from rankdet.evaluation.registry import find
from rankdet.evaluation.units import DIGITS
from rankdet.papers.claims import FAILS, HOLDS, MISSING, UNDECIDED, Claim, verdict
from rankdet.papers.evidence import Pair, Side, evidence, published
from rankdet.papers.match import find_runs
from rankdet.papers.run_values import RunValues
from rankdet.papers.spec import Column
from rankdet.papers.table_model import Block, Finding, Table
from rankdet.results.records import RecordedStudy

RATIO_DECIMALS = 2


def with_findings(study: RecordedStudy, table: Table, values: RunValues | None = None) -> Table:
    """Tests every claim of a table on each of the study's datasets.

    Args:
        study: the study.
        table: the filled table, of a table or a figure.
        values: reads a cell from runs, as for `make_table`.
    """
    if not table.spec.claims:
        return table
    reader = values or RunValues()
    blocks = [
        replace(
            block,
            findings=tuple(
                _finding(study, table, block, claim, reader) for claim in table.spec.claims
            ),
        )
        for block in table.blocks
    ]
    return replace(table, blocks=tuple(blocks))


def _finding(
    study: RecordedStudy, table: Table, block: Block, claim: Claim, reader: RunValues
) -> Finding:
    pairs = _pairs(study, table, block, claim, reader)
    column = next(c for c in table.spec.columns if c.header == claim.column)
    decimals = RATIO_DECIMALS if claim.ratio else column.decimals
    finding = Finding(claim, column.header, decimals, MISSING)
    if not pairs:
        return replace(finding, how=f"no row is on {block.title}")
    theirs = published(claim, pairs)
    finding = replace(finding, published=None if theirs is None else round(theirs, DIGITS))
    for side in (side for pair in pairs for side in pair):
        if side.reason:
            return replace(finding, how=f"{side.name}: {side.reason}")
    found, how = evidence(claim, pairs, study.folder / "intervals")
    if found.value is None:
        return replace(finding, how=how)
    return replace(
        finding,
        verdict=verdict(found.low, found.high, claim, higher_is_better(column)),
        difference=round(found.value, DIGITS),
        low=None if found.low is None else round(found.low, DIGITS),
        high=None if found.high is None else round(found.high, DIGITS),
        how=how,
    )


def higher_is_better(column: Column) -> bool:
    """Whether a higher value is better; a column of settings has the direction of its metric."""
    metric = find(column.metric)
    return (column.better or (metric.better if metric else None)) != LOWER


def _pairs(
    study: RecordedStudy, table: Table, block: Block, claim: Claim, reader: RunValues
) -> list[Pair]:
    keys = [(claim.better, claim.worse)]
    if claim.average:
        keys = [(row.row.key,) * 2 for row in block.rows if row.row.run is not None]
    over = claim.over or claim.column
    return [
        (
            _side(study, table, block, reader, better, claim.column, bool(claim.over)),
            _side(study, table, block, reader, worse, over, bool(claim.over), claim.view),
        )
        for better, worse in keys
    ]


def _side(
    study: RecordedStudy,
    table: Table,
    block: Block,
    reader: RunValues,
    key: str,
    header: str,
    of_columns: bool,
    view: str = "",
) -> Side:
    at, column = next((i, c) for i, c in enumerate(table.spec.columns) if c.header == header)
    name = column.header if of_columns else key
    found = next((row for row in block.rows if row.row.key == key), None)
    if found is None:  # the row belongs to another of the study's datasets
        return Side(name, column, view, (), (), f"not on {block.title}", None)
    cell, request = found.cells[at], found.row.request(column)
    runs = tuple(find_runs(study, block.dataset, request)) if request else ()
    reason = cell.reason or found.reason
    if view:
        name = f"{name} ({view})"
        missing = reason or ("not in this study" if not runs else reader.unviewable(runs, view))
        cell, reason = replace(cell, published=None), missing
    view = view or found.row.view(column)
    values = [] if reason else [reader.value([run], column, view)[0] for run in runs]
    if not reason and (not values or None in values):
        reason, values = "undefined", []
    return Side(
        name=name,
        column=column,
        view=view,
        runs=runs,
        values=tuple(value for value in values if value is not None),
        reason=reason,
        published=cell.published,
        exact=reader.exact(column.metric),
    )


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """How many claims hold, do not hold, are undecided, and have no answer."""
    words = (HOLDS, FAILS, UNDECIDED, MISSING)
    return {word: sum(f.verdict == word for f in findings) for word in words}
