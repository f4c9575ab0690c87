"""Tables and figures as JSON records: they contain everything that a page shows.

`table.json` (schema `rankdet.table/1`) has the keys of the specification, `scale` and `blocks`. In
a block, `row` names a row of the specification. `figure.json` (schema `rankdet.figure/1`) has
`table`, the record of a table, and `drawings`, the charts on each dataset. Undefined values are
null.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rankdet.charts.chart import Chart
from rankdet.errors import InputError, in_words
from rankdet.files import require_record
from rankdet.papers.claims import Claim
from rankdet.papers.figure_model import Drawing, Figure
from rankdet.papers.spec import Column, Row, Spec
from rankdet.papers.table_model import Block, Cell, Finding, Table, TableRow
from rankdet.results.schemas.base import first_problem

TABLE_SCHEMA = "rankdet.table/1"
FIGURE_SCHEMA = "rankdet.figure/1"
MOST_DECIMALS = 10


def table_record(table: Table) -> dict[str, Any]:
    """A table as JSON-serialisable values, in printed units."""
    spec = {
        **asdict(table.spec),
        "published": {k: dict(v) for k, v in table.spec.published.items()},
    }
    blocks = [_block_record(table, block) for block in table.blocks]
    return _nulls({"schema": TABLE_SCHEMA, **spec, "scale": table.scale, "blocks": blocks})


def figure_record(figure: Figure) -> dict[str, Any]:
    """A figure as JSON-serialisable values; curves have only the points that are drawn."""
    drawings = [
        {**vars(drawing), "charts": [chart.record() for chart in drawing.charts]}
        for drawing in figure.drawings
    ]
    return {"schema": FIGURE_SCHEMA, "table": table_record(figure.table), "drawings": drawings}


def read_table(path: str | Path) -> Table:
    """Reads a `table.json`.

    Raises:
        InputError: the file is missing, damaged, or of another schema.
    """
    record = require_record(path, TABLE_SCHEMA)
    try:
        return _table(record)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _damaged(path, error) from error


def read_figure(path: str | Path) -> Figure:
    """Reads a `figure.json`; its charts look like the original ones.

    Raises:
        InputError: the file is missing, damaged, or of another schema.
    """
    record = require_record(path, FIGURE_SCHEMA)
    try:
        if record["table"]["schema"] != TABLE_SCHEMA:
            raise ValueError(f"its table has schema {record['table']['schema']!r}")
        drawings = tuple(_drawing(one) for one in record["drawings"])
        return Figure(_table(record["table"]), drawings)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _damaged(path, error) from error


def _drawing(record: Mapping[str, Any]) -> Drawing:
    charts = tuple(Chart.from_record(chart) for chart in record["charts"])
    drawing = Drawing(**{**record, "charts": charts})
    for name in ("dataset", "title", "stem"):
        if not isinstance(getattr(drawing, name), str):
            raise ValueError(f"{name} of a drawing is not a text")
    return drawing


def _damaged(path: str | Path, error: Exception) -> InputError:
    return InputError(
        f"{path}: incomplete record ({in_words(error)}); delete the file and run again"
    )


def _block_record(table: Table, block: Block) -> dict[str, Any]:
    return {
        "dataset": block.dataset,
        "title": block.title,
        "split": block.split,
        "data_checksum": block.checksum,
        "findings": [asdict(finding) for finding in block.findings],
        "rows": [_row_record(table, row) for row in block.rows],
    }


def _row_record(table: Table, row: TableRow) -> dict[str, Any]:
    cells = zip(table.spec.columns, row.cells, strict=True)
    return {
        "row": row.row.key,
        "label": dict(row.row.labels),
        "runs": list(row.runs),
        "reason": row.reason,
        "remark": row.remark,
        "cells": {
            column.header: {**vars(cell), "difference": cell.difference(column.decimals)}
            for column, cell in cells
        },
    }


def _nulls(value: Any) -> Any:
    """The value with None for every number that is not finite, and lists for tuples."""
    if isinstance(value, Mapping):
        return {key: _nulls(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_nulls(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _table(record: Mapping[str, Any]) -> Table:
    columns = tuple(Column(**column) for column in record["columns"])
    rows = tuple(Row(**row) for row in record["rows"])
    parts = {
        "columns": columns,
        "rows": rows,
        "notes": tuple(record["notes"]),
        "claims": tuple(Claim(**claim) for claim in record["claims"]),
    }
    parts["datasets"] = tuple(record.get("datasets", ()))  # older records do not have it
    fields = Spec.__dataclass_fields__
    spec = Spec(**{**{key: record[key] for key in fields if key not in parts}, **parts})
    by_key = {row.key: row for row in rows}
    blocks = tuple(_block(block, columns, by_key) for block in record["blocks"])
    table = Table(spec, record["scale"], blocks)
    _check(table)
    return table


def _check(table: Table) -> None:
    """Checks what the classes do not: a text in place of a number breaks the page much later."""
    try:
        _types().validate_json(json.dumps(asdict(table)), strict=True)
    except ValidationError as error:
        raise ValueError(first_problem(error)) from None
    decimals = [column.decimals for column in table.spec.columns]
    decimals += [finding.decimals for block in table.blocks for finding in block.findings]
    if wrong := [number for number in decimals if not 0 <= number <= MOST_DECIMALS]:
        raise ValueError(f"decimals: {wrong[0]} is not a number from 0 to {MOST_DECIMALS}")


@lru_cache
def _types() -> TypeAdapter[Table]:
    return TypeAdapter(Table)


def _block(
    record: Mapping[str, Any], columns: tuple[Column, ...], rows: Mapping[str, Row]
) -> Block:
    return Block(
        dataset=record["dataset"],
        title=record["title"],
        split=record["split"],
        checksum=record["data_checksum"],
        rows=tuple(_row(row, columns, rows) for row in record["rows"]),
        findings=tuple(
            Finding(**{**finding, "claim": Claim(**finding["claim"])})
            for finding in record["findings"]
        ),
    )


def _row(
    record: Mapping[str, Any], columns: tuple[Column, ...], rows: Mapping[str, Row]
) -> TableRow:
    fields = Cell.__dataclass_fields__
    cells = (record["cells"][column.header] for column in columns)
    return TableRow(
        row=rows[record["row"]],
        cells=tuple(
            Cell(**{**{key: cell[key] for key in fields}, "values": tuple(cell["values"])})
            for cell in cells
        ),
        runs=tuple(record["runs"]),
        reason=record["reason"],
        remark=record["remark"],
    )
