"""Figures that show the runs on all datasets of a study in one drawing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rankdet.errors import InputError
from rankdet.papers.figure_kinds import FigureOfRuns
from rankdet.papers.figure_model import Drawing, Figure
from rankdet.papers.spec import Row
from rankdet.papers.table import mark_best
from rankdet.papers.table_model import Block, Table, TableRow

TITLE = "All data"
DATA = "Data"  # the label column that tells the rows of the datasets apart


def across_datasets(
    table: Table, series: Mapping[str, Sequence[Any]], kind: FigureOfRuns
) -> Figure:
    """Returns a figure with one drawing, and one block of rows for all datasets.

    Args:
        table: the figure's table, one block for each dataset.
        series: label of a row to the records of its runs on all datasets.
        kind: the kind of figure.

    Raises:
        InputError: the specification has claims; these are about one dataset.
    """
    spec = table.spec
    if spec.claims:
        raise InputError(
            f"{spec.id}: claims are about one dataset, and the figure {spec.figure!r} shows all of "
            "them; move the claims to a table"
        )
    pairs = [(block, row) for block in table.blocks for row in block.rows if row.runs]
    rows = [_row(block, row) for block, row in pairs] or list(table.blocks[0].rows)
    merged = replace(spec, rows=tuple(row.row for row in rows))
    # Values on different data are not compared, so none is the best.
    columns = [replace(column, better=None) for column in spec.columns]
    block = replace(table.blocks[0], dataset="", title=TITLE, checksum=None, findings=())
    block = replace(block, rows=mark_best(columns, rows, kind.exact))
    charts = tuple(kind.charts(series)) if series else ()
    return Figure(
        replace(table, spec=merged, blocks=(block,)), (Drawing("", TITLE, "figure", charts),)
    )


def _row(block: Block, row: TableRow) -> TableRow:
    spec = row.row
    key = f"{block.title}: {spec.key}"
    labels = {DATA: block.title, **spec.labels}
    return replace(row, row=Row(key, labels, spec.run, spec.section, spec.reason, spec.split))
