"""Reads a paper's table or figure: its specification and the values that were published.

Specifications are YAML files (`analysis/papers/<paper>/<table>.yaml`), published values CSV files
(`analysis/papers/<paper>/<table>.csv`): first column `row`, then numeric columns; an empty cell is
one that could not be read in the paper.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from rankdet.errors import InputError
from rankdet.papers.spec import Claim, Column, Row, Spec, Wanted
from rankdet.repository import PAPERS, ROOT

RUN_KEYS = (*(key for key in Wanted.__dataclass_fields__ if key != "epoch"), "view")
VIEW = re.compile(
    r"lower|upper|box|masks|multi-scale test|epoch \d+|(masks )?score>=[0-9.]+|objects \d+(-\d+|\+)"
)
KEYS = (*Spec.__dataclass_fields__, "run", "reason")


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
    if unknown := sorted(set(data) - set(KEYS)):
        raise InputError(f"{path}: unknown key {unknown[0]!r}; known: {', '.join(sorted(KEYS))}")
    name = data.get("published")
    published = read_published(_beside(path, name)) if name else {}
    columns = tuple(_column(path, entry) for entry in data.get("columns") or [])
    rows = tuple(_row(path, entry, data) for entry in data["rows"])
    _check_unique(f"{path}: row", [row.key for row in rows])
    _check_unique(f"{path}: column", [column.header for column in columns])
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
        claims=tuple(_claim(path, c, columns, rows) for c in data.get("claims") or ()),
        figure=data.get("figure") or "",
        exact=data.get("exact") or "",
        other_runs=bool(data.get("other_runs")),
        options=data.get("options") or {},
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


def reading_order(name: str) -> tuple[Any, ...]:
    """Sort key of `alrp/table2`: papers as in `papers.yaml`, then as a reader meets them.

    The paper itself comes before its appendix, and there figures, tables and others by number.
    """
    paper, _, stem = name.partition("/")
    papers = list(load_papers())
    found = re.fullmatch(r"(figure|table)([A-Z]?)(\d+)(\w*)", stem)
    kind, letter, number, rest = found.groups() if found else ("timings", "", "0", stem)
    at = papers.index(paper) if paper in papers else len(papers)
    return at, paper, letter, kind, int(number), rest


@lru_cache
def load_papers() -> dict[str, dict[str, str]]:
    """Paper name to its title, authors, venue and short title."""
    path = PAPERS / "papers.yaml"
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
    return (roots[0] if roots else ROOT) / name


def _column(path: Path, entry: Mapping[str, Any]) -> Column:
    where = f"{path}: column {dict(entry)}"
    unknown = set(entry) - set(Column.__dataclass_fields__)
    if unknown or "metric" not in entry:
        wrong = f"unknown key {sorted(unknown)[0]!r}" if unknown else "key 'metric' is missing"
        raise InputError(f"{where}: {wrong}")
    scale = float(entry.get("scale", 1))
    values = {"header": entry["metric"], "decimals": 1 if scale == 100 else 2, **entry}
    return Column(**{**values, "scale": scale, "run": _run(where, entry.get("run") or {})})


def _row(path: Path, entry: Mapping[str, Any], data: Mapping[str, Any]) -> Row:
    """One row; `run` and `reason` of the whole file fill in what it leaves out."""
    if "row" not in entry:
        raise InputError(f"{path}: row {dict(entry)}: key 'row' is missing")
    where = f"{path}: row {entry['row']!r}"
    run = entry.get("run")
    if run is not None:
        run = _run(where, {**(data.get("run") or {}), **run})
        if not {"detector", "loss"} <= set(run):
            raise InputError(f"{where}: run needs `detector` and `loss`")
    labels = {str(k): str(v) for k, v in (entry.get("label") or {"": entry["row"]}).items()}
    section, reason = entry.get("section") or "", entry.get("reason") or data.get("reason") or ""
    return Row(str(entry["row"]), labels, run, str(section), str(reason))


def _run(where: str, entry: Mapping[str, Any]) -> dict[str, str]:
    if unknown := sorted(set(entry) - set(RUN_KEYS)):
        raise InputError(f"{where}: run: unknown key {unknown[0]!r}; known: {', '.join(RUN_KEYS)}")
    view = str(entry.get("view") or "")
    if view and not VIEW.fullmatch(view):
        raise InputError(f"{where}: view {view!r} is unknown; see docs/add-a-paper.md")
    return {key: str(value) for key, value in entry.items()}


def _claim(
    path: Path, entry: Mapping[str, Any], columns: tuple[Column, ...], rows: tuple[Row, ...]
) -> Claim:
    where = f"{path}: claim {entry.get('text', dict(entry))!r}"
    unknown = set(entry) - set(Claim.__dataclass_fields__)
    missing = {"text", "source", "column"} - set(entry)
    if unknown or missing:
        wrong = f"unknown key {sorted(unknown)[0]!r}" if unknown else f"no {sorted(missing)[0]!r}"
        raise InputError(f"{where}: {wrong}")
    only = rows[0].key if len(rows) == 1 else ""
    claim = Claim(**{"better": only, "worse": entry.get("better", only), **entry})
    for row in (claim.better, claim.worse):
        if row not in {r.key for r in rows}:
            raise InputError(f"{where}: there is no row {row!r}")
    for header in filter(None, (claim.column, claim.over)):
        if header not in {c.header for c in columns}:
            raise InputError(f"{where}: there is no column {header!r}")
    return claim


def _check_unique(where: str, names: Sequence[str]) -> None:
    """Records and claims name rows by key and columns by header."""
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{where} {name!r} occurs twice; give each its own name")


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
