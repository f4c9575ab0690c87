"""Makes the papers' tables: our values and the published ones, with intervals and best values.

A specification gives one `Table`. `rankdet.papers.export` writes it as CSV, JSON, Markdown and
LaTeX, and the report prints the same object, so that all of them show the same numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rankdet.evaluation.metric import best, without_best
from rankdet.evaluation.seeds import like_the_best
from rankdet.evaluation.units import DIGITS
from rankdet.papers.computed import computed_values
from rankdet.papers.findings import with_findings
from rankdet.papers.load import load_spec
from rankdet.papers.match import find_runs, rows_on, why_missing
from rankdet.papers.run_values import RunValues
from rankdet.papers.spec import HYPERPARAMETERS, Column, Row, RunRequest, Spec
from rankdet.papers.table_model import Block, Cell, Table, TableRow
from rankdet.repository import ROOT
from rankdet.results.epochs import run_key
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.records import RecordedStudy, read_study

NOT_OURS = "published only: not a run of this benchmark"


def build_table(plan_path: str | Path, spec_path: str | Path, out_dir: str | Path) -> None:
    """Writes `table.csv`, `table.json`, `table.md` and `table.tex` of one table into a folder.

    Raises:
        InputError: the plan or the specification cannot be used; never for a run that failed.
    """
    from rankdet.papers.export import write_table

    study = read_study(plan_path)
    write_table(with_findings(study, make_table(study, load_spec(spec_path))), Path(out_dir))


def make_table(study: RecordedStudy | None, spec: Spec, values: RunValues | None = None) -> Table:
    """Fills a table's cells from a study's runs, or computes it.

    Args:
        study: None only for a computed table.
        spec: the specification.
        values: reads a cell from runs; by default their metrics.
    """
    if study is None or spec.computed_by:
        return Table(spec, "", (_computed_block(spec, study),))
    values = values or RunValues()
    every = [_block(study, spec, dataset, values) for dataset in spec.on(study.datasets())]
    shown = [block for block in every if block.rows]
    if not study.papers.get("datasets"):
        # A study that lists its runs may have each table on some of its data alone.
        shown = [block for block in shown if any(row.runs for row in block.rows)]
    return Table(spec, study.scale, tuple(shown) or (every[0],))


def _computed_block(spec: Spec, study: RecordedStudy | None) -> Block:
    """The block of a computed table; a row without values has a reason."""
    values = computed_values(spec, study)
    counted = spec.computed_by == HYPERPARAMETERS
    title = "counted from the loss cards" if counted else "computed exactly, without training"
    rows = []
    for row in spec.rows:
        published = spec.published.get(row.key, {})
        found = values.get(row.key)
        cells = tuple(
            _fill(
                Cell(published=published.get(column.published or "")),
                None if found is None else found[column.metric] * column.scale,
                None,
            )
            for column in spec.columns
        )
        rows.append(TableRow(row, cells, (), None if found else row.reason or NOT_OURS))
    return Block("", title, "", None, mark_best(spec.columns, rows, lambda metric: True))


def _block(study: RecordedStudy, spec: Spec, dataset: str, values: RunValues) -> Block:
    checksum = study.checksum(dataset)
    chosen = rows_on(study, spec, dataset)
    rows = [_row(study, spec, dataset, row, checksum, values) for row in chosen]
    shown = {run_key(key) for row in rows for key in row.runs}
    splits = [run.main.split for run in study.runs if run.key in shown]
    return Block(
        dataset=dataset,
        title=study.dataset_title(dataset),
        split=splits[0] if splits else "",
        checksum=checksum,
        rows=mark_best(spec.columns, rows, values.exact),
    )


def _row(
    study: RecordedStudy,
    spec: Spec,
    dataset: str,
    row: Row,
    checksum: str | None,
    values: RunValues,
) -> TableRow:
    published = spec.published.get(row.key, {})
    cells = [Cell(published=published.get(c.published or "")) for c in spec.columns]
    if row.run is None:
        return TableRow(row, tuple(cells), (), row.reason or NOT_OURS)
    found: dict[tuple[RunRequest, str], tuple[tuple[RecordedRun, ...], str | None]] = {}
    filled = []
    for cell, column in zip(cells, spec.columns, strict=True):
        request = row.request(column)
        assert request is not None  # the row has a run
        view = row.view(column)
        if (request, view) not in found:
            runs = tuple(find_runs(study, dataset, request, view))
            why = (values.unusable(run, checksum) for run in runs)
            found[request, view] = (
                runs,
                next(filter(None, why), None) if runs else why_missing(study, request),
            )
        runs, reason = found[request, view]
        reason = reason or values.unviewable(runs, view)
        filled.append(
            replace(cell, reason=reason) if reason else _cell(cell, values, runs, column, view)
        )
    reasons = {cell.reason for cell in filled}
    common = reasons.pop() if len(reasons) == 1 else None
    every = tuple({run.key: run for runs, _ in found.values() for run in runs}.values())
    remark = _remark(every)
    keys = tuple(run.key for run in every)
    return TableRow(row, tuple(filled), keys, common, None if common else remark)


def _cell(
    cell: Cell, values: RunValues, runs: Sequence[RecordedRun], column: Column, view: str
) -> Cell:
    """Fills a cell from the runs that have learned; from all of them if none has."""
    counted = values.counted(runs, column.metric)
    shown = counted or runs
    filled = _fill(cell, *values.value(shown, column, view))
    seeds = [values.value([run], column, view)[0] for run in shown]
    known = tuple(round(seed, DIGITS) for seed in seeds if seed is not None)
    whole = filled.ours is not None and len(known) == len(seeds)
    return replace(filled, values=known if whole else (), learned=bool(counted))


def _remark(runs: Sequence[RecordedRun]) -> str | None:
    """Names the runs of a row that have barely learned; None if all have learned."""
    reasons = {run.seed: run.reason for run in runs if not run.learned}
    if not reasons:
        return None
    seeds = "; ".join(f"seed {seed}: {reason}" for seed, reason in reasons.items())
    alone = all(not run.learned for run in runs)
    what = "verdicts and bold values" if alone else "means, verdicts and bold values"
    return f"barely learned, so left out of {what} ({seeds})"


def _fill(cell: Cell, value: float | None, interval: float | None) -> Cell:
    return replace(
        cell,
        ours=None if value is None else round(value, DIGITS),
        interval=None if interval is None else round(interval, DIGITS),
    )


def mark_best(
    columns: Sequence[Column], rows: Sequence[TableRow], exact: Callable[[str], bool]
) -> tuple[TableRow, ...]:
    """Marks in every column all rows that cannot be distinguished from the best.

    Rows are compared over three seeds or more, as verdicts are. Published values, and ours without
    uncertainty, are compared as printed; values that are printed equal are a tie. Our times
    and our calibration errors are never marked.

    Args:
        columns: the columns.
        rows: the rows.
        exact: whether values of a metric have no uncertainty.
    """
    marked = [list(row.cells) for row in rows]
    for index, column in enumerate(columns):
        if without_best(column.metric):
            ours = set()
        elif exact(column.metric):
            ours = _best([cells[index].ours for cells in marked], column)
        else:
            seeds = {i: c[index].values for i, c in enumerate(marked) if c[index].learned}
            ours = like_the_best(seeds, column.better)
        theirs = _best([cells[index].published for cells in marked], column)
        for position, cells in enumerate(marked):
            cells[index] = replace(
                cells[index],
                best=position in ours,
                tied=position in ours and len(ours) > 1,
                published_best=position in theirs,
            )
    return tuple(replace(row, cells=tuple(cells)) for row, cells in zip(rows, marked, strict=True))


def _best(values: Sequence[float | None], column: Column) -> set[int]:
    """The positions of the best value."""
    return best(dict(enumerate(values)), column.better, column.decimals)


def spec_path(study: RecordedStudy, name: str) -> Path:
    """The file of a specification in a plan: in the study's repository, else in this one."""
    path = study.resolve(name)
    return path if path.exists() else ROOT / name
