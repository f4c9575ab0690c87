"""The papers' claims, tested by a study's numbers.

A claim holds or does not hold only with three seeds or more on both sides: by Welch's t-interval
over the seeds (a paired one if both sides are the same runs), widened for the number of claims of
the table (Holm). With fewer seeds only the direction is reported. Why: decision 026.
"""

from collections.abc import Sequence
from dataclasses import replace

from rankdet.evaluation.estimates import LEVEL, holm
from rankdet.evaluation.metric import LOWER
from rankdet.evaluation.registry import find
from rankdet.evaluation.units import DIGITS
from rankdet.papers.claims import Claim
from rankdet.papers.evidence import Evidence, Pair, Side, evidence, published
from rankdet.papers.match import find_runs
from rankdet.papers.run_values import RunValues
from rankdet.papers.spec import Column
from rankdet.papers.table_model import Block, Finding, Table
from rankdet.papers.verdicts import (
    DIRECTION,
    FAILS,
    MISSING,
    SIZE_UNDECIDED,
    UNDECIDED,
    VERDICTS,
    p_value,
    size_verdict,
    verdict,
)
from rankdet.results.layout import INTERVALS
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
        replace(block, findings=tuple(_findings(study, table, block, reader)))
        for block in table.blocks
    ]
    return replace(table, blocks=tuple(blocks))


def _findings(study: RecordedStudy, table: Table, block: Block, reader: RunValues) -> list[Finding]:
    """Tests the claims of a table on one dataset together."""
    tested = [_tested(study, table, block, claim, reader) for claim in table.spec.claims]
    p_values = {
        i: p_value(found.estimate, finding.claim, higher)
        for i, (finding, found, higher) in enumerate(tested)
        if found is not None and found.estimate is not None and found.several_seeds
    }
    corrected = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    return [
        _decided(finding, found, higher, corrected.get(i), len(corrected)) if found else finding
        for i, (finding, found, higher) in enumerate(tested)
    ]


def _tested(
    study: RecordedStudy, table: Table, block: Block, claim: Claim, reader: RunValues
) -> tuple[Finding, Evidence | None, bool]:
    """Returns a finding without a verdict, its evidence, and whether higher is better."""
    pairs = _pairs(study, table, block, claim, reader)
    column = next(c for c in table.spec.columns if c.header == claim.column)
    decimals = RATIO_DECIMALS if claim.ratio else column.decimals
    higher = higher_is_better(column)
    finding = Finding(claim, column.header, decimals, MISSING, better=better_of(column))
    if not pairs:
        return replace(finding, how=f"no row is on {block.title}"), None, higher
    finding = replace(finding, published=_rounded(published(claim, pairs)))
    for side in (side for pair in pairs for side in pair):
        if side.reason:
            return replace(finding, how=f"{side.name}: {side.reason}"), None, higher
    found = evidence(claim, pairs, study.folder / INTERVALS)
    if found.value is None:
        return replace(finding, how=found.how), None, higher
    found = replace(found, how="; ".join([found.how, *_without(pairs)]))
    finding = replace(finding, difference=_rounded(found.value), how=found.how)
    in_table = _in_table(block, finding, table.spec.columns) if table.spec.figure else None
    return replace(finding, in_table=in_table), found, higher


def _in_table(block: Block, finding: Finding, columns: Sequence[Column]) -> float | None:
    """The compared value of the cells of the table, if it is another one than the claim's.

    The extremes of a curve averaged over seeds are not the mean of the seeds' own extremes.
    """
    claim, rows = finding.claim, {row.row.key: row for row in block.rows}
    if claim.average or claim.view or claim.ratio:
        return None
    at = {column.header: i for i, column in enumerate(columns)}
    better = rows[claim.better].cells[at[claim.column]].ours
    worse = rows[claim.worse].cells[at[claim.over or claim.column]].ours
    if claim.equals is None and better is not None:
        better = None if worse is None else better - worse
    if better is None or finding.difference is None:
        return None
    apart = abs(better - finding.difference)  # half of the last printed digit is rounding
    return _rounded(better) if apart > 0.5 * 10.0**-finding.decimals else None


def _without(pairs: Sequence[Pair]) -> list[str]:
    """Says which seeds take no part, because they have barely learned."""
    out = {
        f"without seed {run.seed} of {side.name}, which has barely learned"
        for pair in pairs
        for side in pair
        for run in side.left_out
    }
    return sorted(out)


def _decided(
    finding: Finding,
    found: Evidence,
    higher: bool,
    corrected: tuple[float, float] | None,
    claims: int,
) -> Finding:
    """Returns a finding with its verdict.

    Args:
        finding: the finding.
        found: its evidence.
        higher: whether a higher value of the metric is better.
        corrected: Holm's p-value, and the α of this claim's interval; None if it is not tested.
        claims: number of claims that are tested together.
    """
    claim, how = finding.claim, finding.how
    level = 1 - corrected[1] if corrected else LEVEL
    ends = found.ends(claim, level)
    word, size = DIRECTION, ""
    if corrected or found.exact:
        word = verdict(ends, claim, higher)
        size = size_verdict(ends, finding.published, claim, higher)
        if word == FAILS or (word, size) == (UNDECIDED, SIZE_UNDECIDED):
            size = ""  # it would say nothing more
    if found.estimate:
        widened = corrected and claims > 1
        how += f", wider because {claims} claims are tested together (Holm)" if widened else ", 95%"
    return replace(
        finding,
        verdict=word,
        size_verdict=size,
        low=_rounded(ends[0]),
        high=_rounded(ends[1]),
        seeds=found.seeds,
        level=level if found.estimate else None,
        p=_rounded(corrected[0]) if corrected else None,
        how=how,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def better_of(column: Column) -> str | None:
    """The better direction of a column; a column of settings has that of its metric."""
    metric = find(column.metric)
    return column.better or (metric.better if metric else None)


def higher_is_better(column: Column) -> bool:
    """Whether a claim is about a higher value; so it is for a metric without a direction."""
    return better_of(column) != LOWER


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
    shown = view or found.row.view(column)
    runs = tuple(find_runs(study, block.dataset, request, shown)) if request else ()
    reason = cell.reason or found.reason
    if view:
        name = f"{name} ({view})"
        missing = reason or ("not in this study" if not runs else reader.unviewable(runs, view))
        cell, reason = replace(cell, published=None), missing
    view = view or found.row.view(column)
    counted = reader.counted(runs, column.metric)
    if not reason and runs and not counted:
        reason = f"seed {runs[0].seed} has barely learned: {runs[0].reason}"
    left_out = tuple(run for run in runs if run not in counted)
    runs = tuple(counted)
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
        left_out=left_out,
    )


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """How many findings have each verdict, in the order of `VERDICTS`."""
    return {word: sum(f.verdict == word for f in findings) for word in VERDICTS}
