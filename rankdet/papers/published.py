"""The published values of a table, and the note on them.

The values are in a CSV file next to the specification. Its first column is `row`, the others are
numeric, and illegible cells are empty. A Markdown file of the same name gives their place in the
paper.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.files import read_csv, read_text, shown
from rankdet.papers.spec import Row, Spec
from rankdet.parsing import MOST_YAML, parse_number

HEADINGS = ("Where:", "What it claims")  # beginnings of two lines in every note


def published_file(path: Path, data: Mapping[str, Any]) -> Path | None:
    """The CSV that a specification names, or the one of the same name; None if there is no CSV."""
    if name := data.get("published"):
        return path.with_name(str(name))
    same = path.with_suffix(".csv")
    return same if same.exists() else None


def read_published(path: Path) -> dict[str, dict[str, float | None]]:
    """Reads published values: row key to column to value; None for an illegible cell.

    Raises:
        InputError: the file is missing, its first column is not `row`, a row occurs twice, or a
            cell is not a number.
    """
    header, records = read_csv(path)
    if header[0] != "row":
        raise InputError(f"{shown(path)}: the first column is {header[0]!r:.60}, expected 'row'")
    table: dict[str, dict[str, float | None]] = {}
    for number, record in records:
        where = f"{shown(path)}:{number}"
        key = record.pop("row")
        if key in table:
            raise InputError(f"{where}: row {key!r:.60} occurs twice")
        table[key] = {column: _number(where, cell) for column, cell in record.items()}
    return table


def _number(where: str, cell: str) -> float | None:
    try:
        return parse_number(cell) if cell else None
    except ValueError as error:
        raise InputError(f"{where}: {error}; leave illegible cells empty") from None


def check_note(file: Path, published: Mapping[str, Mapping[str, float | None]]) -> None:
    """Checks the note of a CSV: it has the place of the values in the paper and the claims."""
    note = file.with_suffix(".md")
    if not note.exists():
        raise InputError(f"{shown(note)}: missing; every CSV of published values needs a note")
    text = read_text(note, MOST_YAML)
    for heading in HEADINGS:
        if not any(line.startswith(heading) for line in text.splitlines()):
            raise InputError(f"{shown(note)}: no line begins with {heading!r}; add it")
    illegible = any(value is None for row in published.values() for value in row.values())
    if illegible and "empty" not in text.lower():
        raise InputError(f"{shown(note)}: {file.name} has empty cells; explain why they are empty")


def check_against_published(where: str, spec: Spec) -> None:
    """Checks that rows and columns are those of the CSV and that no published digit is rounded."""
    rows = [row.key for row in spec.rows]
    for key in rows:
        if key not in spec.published:
            raise InputError(f"{where}: row {key!r} is not in the published values")
    for key in spec.published:
        if key not in rows:
            raise InputError(f"{where}: there is no row for {key!r} of the published values")
    if rows != list(spec.published):
        raise InputError(f"{where}: the rows are not in the order of the published values")
    known = next(iter(spec.published.values()), {})
    for column in (column for column in spec.columns if column.published):
        name = str(column.published)
        if name not in known:
            raise InputError(f"{where}: column {name!r} is not in the published values")
        for row in spec.published.values():
            value = row[name]
            if value is not None and value != round(value, column.decimals):
                raise InputError(
                    f"{where}: column {column.header!r}: decimals: {column.decimals} would round "
                    f"the published {value:g}"
                )


def _listed(keys: Sequence[str], rows: int) -> str:
    named = "; ".join(f"“{key}”" for key in keys)
    return "all rows" if len(keys) == rows else f"these rows ({named})"


def split_notes(rows: Sequence[Row]) -> tuple[str, ...]:
    """Remarks on the rows whose published values are on another split than ours."""
    named: dict[str, list[str]] = {}
    for row in rows:
        if row.split:
            named.setdefault(row.split, []).append(row.key)
    return tuple(
        f"The published values of {_listed(keys, len(rows))} are on {split}; ours are on the main "
        "split of the study."
        for split, keys in named.items()
    )
