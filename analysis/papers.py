"""A paper's table or figure: its specification and the values that were published.

Specifications are YAML files (`workflows/papers/<paper>/<table>.yaml`), published values CSV files
(`data/published/<paper>/<table>.csv`): first column `row`, then numeric columns; an empty cell is
one that could not be read in the paper.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from analysis.errors import InputError
from analysis.records import REPOSITORY


@dataclass(frozen=True)
class Column:
    """One metric of a table: `scale` and `decimals` say how it is printed.

    Attributes:
        metric: key in `metrics.json`, `segm.<key>` for masks, or `training.<key>` of the run's
            record.
        header: what the paper calls it.
        scale: factor from the record's unit to the printed one (100 for AP).
        decimals: digits printed after the point.
        better: "higher", "lower", or None where no value is better than another.
        published: column of the published CSV, or None.
        variant: variants that this column adds to its row's loss, such as `w5`; for tables whose
            columns are settings.
    """

    metric: str
    header: str
    scale: float = 1.0
    decimals: int = 1
    better: str | None = None
    published: str | None = None
    variant: str = ""

    def loss(self, loss: str) -> str:
        """The loss that a cell of this column shows, for a row's loss."""
        return "+".join(filter(None, [loss, self.variant]))

    @property
    def arrow(self) -> str:
        """↑ where higher is better, ↓ where lower is, else nothing."""
        return {"higher": "↑", "lower": "↓"}.get(self.better or "", "")


@dataclass(frozen=True)
class Row:
    """One row: its key in the published CSV, the paper's labels, and the run that makes it.

    `view` is "lower" or "upper" where it shows a bound of that run instead of its metrics.
    """

    key: str
    labels: Mapping[str, str]
    run: Mapping[str, str] | None
    section: str = ""
    view: str = ""


@dataclass(frozen=True)
class Spec:
    """A table or figure of a paper."""

    id: str
    kind: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    published: Mapping[str, Mapping[str, float | None]]
    notes: tuple[str, ...] = ()
    figure: str = ""
    exact: str = ""
    other_runs: bool = False

    @property
    def paper(self) -> str:
        """The first part of the id: `alrp` of `alrp/table2`."""
        return self.id.split("/")[0]

    @property
    def wanted(self) -> set[tuple[str, str]]:
        """Detector and loss (with variants) of every run that is shown."""
        rows = [row.run for row in self.rows if row.run]
        return {(run["detector"], c.loss(run["loss"])) for run in rows for c in self.columns}

    @property
    def label_names(self) -> list[str]:
        """Names of the label columns, in the order of their first appearance."""
        return list(dict.fromkeys(name for row in self.rows for name in row.labels))


def load_spec(path: str | Path) -> Spec:
    """Reads a specification together with its published values.

    Raises:
        InputError: the file is missing or malformed, or it names a row or column that the published
            CSV does not have.
    """
    path = Path(path)
    data = _read_yaml(path)
    for key in ("id", "kind", "title", "rows"):
        if key not in data:
            raise InputError(f"{path}: key {key!r} is missing")
    name = data.get("published")
    published = read_published(_beside(path, name)) if name else {}
    columns = tuple(_column(path, entry) for entry in data.get("columns") or [])
    rows = tuple(_row(path, entry) for entry in data["rows"])
    _check_against_published(path, columns, rows, published)
    return Spec(
        id=data["id"],
        kind=data["kind"],
        title=data["title"],
        caption=data.get("caption") or "",
        columns=columns,
        rows=rows,
        published=published,
        notes=tuple(data.get("notes") or ()),
        figure=data.get("figure") or "",
        exact=data.get("exact") or "",
        other_runs=bool(data.get("other_runs")),
    )


def read_published(path: Path) -> dict[str, dict[str, float | None]]:
    """Reads published values: row key to column to value; None for a cell that is not legible.

    Raises:
        InputError: the file is missing, its first column is not `row`, a row occurs twice, or a
            cell is no number.
    """
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            header, *records = list(csv.reader(lines))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: published values cannot be read: {error}") from error
    if header[0] != "row":
        raise InputError(f"{path}: the first column is {header[0]!r}, expected 'row'")
    table: dict[str, dict[str, float | None]] = {}
    for number, record in enumerate(records, start=2):
        if len(record) != len(header):
            raise InputError(f"{path}:{number}: {len(record)} cells, expected {len(header)}")
        if record[0] in table:
            raise InputError(f"{path}:{number}: row {record[0]!r} occurs twice")
        try:
            values = [float(cell) if cell else None for cell in record[1:]]
        except ValueError as error:
            raise InputError(f"{path}:{number}: {error}; leave illegible cells empty") from error
        table[record[0]] = dict(zip(header[1:], values, strict=True))
    return table


def load_papers() -> dict[str, dict[str, str]]:
    """Paper name to its title, authors, venue and short title."""
    path = REPOSITORY / "workflows" / "papers" / "papers.yaml"
    return _read_yaml(path) if path.exists() else {}


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise InputError(f"{path}: expected a mapping of keys, found {type(data).__name__}")
    return data


def _beside(path: Path, name: str) -> Path:
    """The published file: relative to the specification's own repository, else to ours."""
    roots = [parent for parent in path.resolve().parents if (parent / name).exists()]
    return (roots[0] if roots else REPOSITORY) / name


def _column(path: Path, entry: Mapping[str, Any]) -> Column:
    unknown = set(entry) - set(Column.__dataclass_fields__)
    if unknown or "metric" not in entry:
        wrong = f"unknown key {sorted(unknown)[0]!r}" if unknown else "key 'metric' is missing"
        raise InputError(f"{path}: column {dict(entry)}: {wrong}")
    scale = float(entry.get("scale", 1))
    values = {"header": entry["metric"], "decimals": 1 if scale == 100 else 2, **entry}
    return Column(**{**values, "scale": scale})


def _row(path: Path, entry: Mapping[str, Any]) -> Row:
    if "row" not in entry:
        raise InputError(f"{path}: row {dict(entry)}: key 'row' is missing")
    run = entry.get("run")
    if run is not None and not {"detector", "loss"} <= set(run):
        raise InputError(f"{path}: row {entry['row']!r}: run needs `detector` and `loss`")
    labels = {str(k): str(v) for k, v in (entry.get("label") or {"": entry["row"]}).items()}
    view = str((run or {}).get("view") or "")
    if view not in ("", "lower", "upper"):
        raise InputError(f"{path}: row {entry['row']!r}: view {view!r} is neither lower nor upper")
    return Row(str(entry["row"]), labels, run, str(entry.get("section") or ""), view)


def _check_against_published(
    path: Path,
    columns: tuple[Column, ...],
    rows: tuple[Row, ...],
    published: Mapping[str, Mapping[str, float | None]],
) -> None:
    if not published:
        return
    missing = [row.key for row in rows if row.key not in published]
    if missing:
        raise InputError(f"{path}: row {missing[0]!r} is not in the published values")
    known = next(iter(published.values()))
    missing = [c.published for c in columns if c.published and c.published not in known]
    if missing:
        raise InputError(f"{path}: column {missing[0]!r} is not in the published values")
