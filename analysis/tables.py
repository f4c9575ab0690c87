"""The papers' tables: our values beside the published ones, with intervals, best and missing cells.

One `Table` is made per specification; `tables_export` writes it as CSV, JSON, Markdown and LaTeX,
and the report prints the same object, so that all of them show the same numbers.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from analysis.errors import InputError
from analysis.exact import EXACT
from analysis.measures.bounds import correlation_bounds
from analysis.measures.matches import read_matches
from analysis.papers import Column, Row, Spec, load_spec
from analysis.records import REPOSITORY, Run, Study, load_study
from analysis.statistics import mean_over_seeds
from analysis.tables_model import DIGITS, Block, Cell, Table, TableRow

NOT_OURS = "published only: not a run of this benchmark"
NOT_IN_STUDY = "not in this study"


def build_table(plan_path: str | Path, spec_path: str | Path, out_dir: str | Path) -> None:
    """Writes `table.csv`, `table.json`, `table.md` and `table.tex` of one table into a folder.

    Raises:
        InputError: the plan or the specification cannot be used; never for a run that failed.
    """
    from analysis.tables_export import write_table

    table = make_table(load_study(plan_path), load_spec(spec_path))
    write_table(table, Path(out_dir))


def make_table(study: Study | None, spec: Spec, source: "Source | None" = None) -> Table:
    """Gathers a table's cells from a study's runs; by default from their metrics.

    A table that is exact (`spec.exact`) is computed without any study.
    """
    if study is None or spec.exact:
        return Table(spec, "", (_exact_block(spec),))
    source = source or Source()
    blocks = tuple(_block(study, spec, dataset, source) for dataset in study.datasets())
    return Table(spec, study.scale, blocks)


class Source:
    """Where a table's values come from: the metrics of the main split, as means over seeds."""

    def unusable(self, run: Run, checksum: str | None) -> str | None:
        """Why a run's numbers cannot stand in a table, in one line; None where they can."""
        return unusable(run, checksum)

    def value(
        self, runs: Sequence[Run], column: Column, view: str
    ) -> tuple[float | None, float | None]:
        """Value and half-width of its interval, in printed units; None where undefined."""
        values = [metric_value(run, column.metric, view) for run in runs]
        return mean_over_seeds([None if v is None else v * column.scale for v in values])


def _exact_block(spec: Spec) -> Block:
    values = EXACT[spec.exact]()
    rows = []
    for row in spec.rows:
        published = spec.published.get(row.key, {})
        cells = [
            _fill(
                Cell(published=published.get(column.published or "")),
                values[row.key][column.metric] * column.scale,
                None,
            )
            for column in spec.columns
        ]
        rows.append(TableRow(row, tuple(cells), (), None))
    return Block("", "computed exactly, without training", "", None, tuple(rows))


def _block(study: Study, spec: Spec, dataset: str, source: Source) -> Block:
    manifest = study.manifests.get(dataset, {})
    checksum = manifest.get("checksum")
    rows = [_row(study, spec, dataset, row, checksum, source) for row in spec.rows]
    splits = [r.main.split for row in rows for r in row.runs]
    return Block(
        dataset=dataset,
        title=str(manifest.get("title") or dataset),
        split=splits[0] if splits else "",
        checksum=checksum,
        rows=_mark_best(spec.columns, rows),
    )


def _row(
    study: Study, spec: Spec, dataset: str, row: Row, checksum: str | None, source: Source
) -> TableRow:
    published = spec.published.get(row.key, {})
    cells = [Cell(published=published.get(c.published or "")) for c in spec.columns]
    if row.run is None:
        return TableRow(row, tuple(cells), (), NOT_OURS)
    found: dict[str, tuple[tuple[Run, ...], str | None]] = {}
    for loss in dict.fromkeys(column.loss(row.run["loss"]) for column in spec.columns):
        runs = tuple(study.find(dataset, row.run["detector"], loss))
        why = (source.unusable(run, checksum) for run in runs)
        found[loss] = runs, next(filter(None, why), None) if runs else NOT_IN_STUDY
    filled = []
    for cell, column in zip(cells, spec.columns, strict=True):
        runs, reason = found[column.loss(row.run["loss"])]
        value = (None, None) if reason else source.value(runs, column, row.view)
        filled.append(replace(_fill(cell, *value), reason=reason))
    reasons = {reason for _, reason in found.values()}
    common = reasons.pop() if len(reasons) == 1 else None
    every = tuple(run for runs, _ in found.values() for run in runs)
    remark = next((f"{r.status}: {r.reason}" for r in every if r.status == "collapsed"), None)
    return TableRow(row, tuple(filled), every, common, None if common else remark)


def unusable(run: Run, checksum: str | None) -> str | None:
    """Why a run's numbers cannot stand in a table, in one line; None where they can.

    A mean over seeds of which one is missing is missing, and a run made on another version of the
    data than the study's manifest names does not stand beside the others.
    """
    if run.status == "diverged":
        return f"seed {run.seed} diverged: {run.reason or 'no reason was recorded'}"
    if run.main.reason:
        return f"seed {run.seed}: {run.reason or run.main.reason}"
    made_on = run.provenance.get("data_checksum")
    if checksum and made_on and made_on != checksum:
        return f"seed {run.seed} was made on another version of the data ({made_on[:19]})"
    return None


def metric_value(run: Run, metric: str, view: str = "") -> float | None:
    """A metric of the main split, `segm.<key>` or `training.<key>`; None where undefined.

    Args:
        run: the run.
        metric: a key of its metrics; `segm.<key>` is that of its masks.
        view: "lower" or "upper" for the bounds of correlating the rankings instead (aLRP, Table 5).
    """
    if view:
        return _bound(run, view).get(metric)
    if metric.startswith("training."):
        return finite(run.training.get(metric.removeprefix("training.")))
    if metric.startswith("segm."):
        return finite(run.main.mask_metrics.get(metric.removeprefix("segm.")))
    return finite(run.main.metrics.get(metric))


@lru_cache(maxsize=32)
def _bounds(path: Path) -> dict[str, dict[str, float | None]]:
    return correlation_bounds(read_matches(path))


def _bound(run: Run, view: str) -> dict[str, float | None]:
    """AP under the worst or best ranking of the same true positives; ρ is −1 or 1 by definition."""
    try:
        ap = _bounds(run.main.folder / "matches.parquet")[view]
    except InputError:
        return {}
    rho = {"lower": -1.0, "upper": 1.0}[view]
    return {**ap, **dict.fromkeys(("pearson", "spearman", "kendall"), rho)}


def finite(value: Any) -> float | None:
    """The value as a float; None where it is missing, no number, or not finite."""
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if usable and math.isfinite(value) else None


def _fill(cell: Cell, value: float | None, interval: float | None) -> Cell:
    return replace(
        cell,
        ours=None if value is None else round(value, DIGITS),
        interval=None if interval is None else round(interval, DIGITS),
    )


def _mark_best(columns: Sequence[Column], rows: Sequence[TableRow]) -> tuple[TableRow, ...]:
    """Marks the best printed value of every column: equal as printed is a tie."""
    marked = [list(row.cells) for row in rows]
    for index, column in enumerate(columns):
        if column.better is None:
            continue
        ours = _best([cells[index].ours for cells in marked], column)
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
    """Positions of the best value; none where fewer than two values can be compared."""
    printed = {i: round(v, column.decimals) for i, v in enumerate(values) if v is not None}
    if len(printed) < 2:
        return set()
    best = (max if column.better == "higher" else min)(printed.values())
    return {i for i, v in printed.items() if v == best}


def spec_path(study: Study, name: str) -> Path:
    """Where a plan's specification file lies: beside the study, else in this repository."""
    path = study.resolve(name)
    return path if path.exists() else REPOSITORY / name
