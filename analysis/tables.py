"""The papers' tables: our values beside the published ones, with intervals, best and missing cells.

One `Table` is made per specification; `tables_export` writes it as CSV, JSON, Markdown and LaTeX,
and the report prints the same object, so that all of them show the same numbers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from analysis.exact import EXACT
from analysis.papers import Column, Row, Spec, load_spec
from analysis.records import REPOSITORY, Run, Study, load_study
from analysis.statistics import mean_over_seeds

NOT_OURS = "published only: not a run of this benchmark"
NOT_IN_STUDY = "not in this study"
DIGITS = 6  # values are kept in printed units, rounded far below what is printed


@dataclass(frozen=True)
class Cell:
    """One metric of one row, in printed units.

    Attributes:
        ours: mean over the seeds; None where undefined or missing.
        interval: half-width of the 95% t-interval of the mean over seeds; None for one seed.
        published: the paper's value; None where it prints none or it is not legible.
        best: ours is the best of its column, as printed.
        tied: another row shares the best printed value.
        published_best: the paper's value is the best of the paper's column.
    """

    ours: float | None = None
    interval: float | None = None
    published: float | None = None
    best: bool = False
    tied: bool = False
    published_best: bool = False

    @property
    def difference(self) -> float | None:
        """Ours minus published; None where either is missing."""
        if self.ours is None or self.published is None:
            return None
        return round(self.ours - self.published, DIGITS)


@dataclass(frozen=True)
class TableRow:
    """One row of a block: labels, cells, and the reason where our cells are empty."""

    row: Row
    cells: tuple[Cell, ...]
    runs: tuple[Run, ...]
    reason: str | None
    remark: str | None = None


@dataclass(frozen=True)
class Block:
    """The rows on one dataset; all of them made on the same version of it."""

    dataset: str
    title: str
    split: str
    checksum: str | None
    rows: tuple[TableRow, ...]


@dataclass(frozen=True)
class Table:
    """A paper's table with our numbers, one block per dataset of the study."""

    spec: Spec
    scale: str
    blocks: tuple[Block, ...]


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

    def value(self, runs: Sequence[Run], column: Column) -> tuple[float | None, float | None]:
        """Value and half-width of its interval, in printed units; None where undefined."""
        values = [metric_value(run, column.metric) for run in runs]
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
    runs = tuple(study.find(dataset, row.run["detector"], row.run["loss"]))
    if not runs:
        return TableRow(row, tuple(cells), (), NOT_IN_STUDY)
    reason = next(filter(None, (source.unusable(run, checksum) for run in runs)), None)
    if reason:
        return TableRow(row, tuple(cells), runs, reason)
    filled = [
        _fill(cell, *source.value(runs, column))
        for cell, column in zip(cells, spec.columns, strict=True)
    ]
    remark = next((f"{r.status}: {r.reason}" for r in runs if r.status == "collapsed"), None)
    return TableRow(row, tuple(filled), runs, None, remark)


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


def metric_value(run: Run, metric: str) -> float | None:
    """A metric of the main split, or `training.<key>`; None where undefined."""
    if metric.startswith("training."):
        return finite(run.training.get(metric.removeprefix("training.")))
    return finite(run.main.metrics.get(metric))


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
