"""Reads the specification of a paper's table or figure: `analysis/papers/<paper>/<table>.yaml`.

`docs/add-a-paper.md` explains all keys.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from rankdet.errors import InputError
from rankdet.evaluation.metric import Metric
from rankdet.evaluation.registry import find
from rankdet.files import read_yaml, shown
from rankdet.papers.claims import Claim, fault
from rankdet.papers.epochs import kept_epoch
from rankdet.papers.folders import figure_kinds
from rankdet.papers.published import (
    check_against_published,
    check_note,
    published_file,
    read_published,
    split_notes,
)
from rankdet.papers.spec import (
    HYPERPARAMETERS,
    MULTI_SCALE,
    Column,
    Row,
    RunRequest,
    Spec,
    threshold,
)
from rankdet.strict import first_problem
from rankdet.suggest import choice, nearest

Part = TypeVar("Part", Column, Row, Claim, Spec)
RUN_KEYS = (*RunRequest.__dataclass_fields__, "view")
VIEW = re.compile(
    r"lower|upper|masks|multi-scale test|(masks )?score>=[0-9.]+|objects \d+(-\d+|\+)"
)
FUNCTION = re.compile(r"(\w+)\.(\w+)")  # `computed_by`: a file of the paper's folder, a function
ROW_KEYS = {"row": "key", "label": "labels"}  # in the file, and in `Row`
COMMON = ("run", "reason", "split")  # keys of the file that are defaults of all rows
FILE_KEYS = (*(key for key in Spec.__dataclass_fields__ if key != "id"), *COMMON)


def load_spec(path: str | Path) -> Spec:
    """Reads a specification with its published values; its folder and file name give its id.

    Raises:
        InputError: a file is missing or has a fault, or the specification does not fit the
            published values.
    """
    path = Path(path)
    where = shown(path)
    data = read_yaml(path)
    _check_keys(where, data, FILE_KEYS, ("title", "rows"))
    file = published_file(path, data)
    published = read_published(file) if file else {}
    known = next(iter(published.values()), {})
    runs = not (data.get("computed_by") or data.get("figure"))  # these define their own metrics
    columns = tuple(_column(where, one, known, runs) for one in _list(where, data, "columns"))
    rows = tuple(_row(where, entry, data) for entry in _list(where, data, "rows"))
    for name, values in (("row", [r.key for r in rows]), ("column", [c.header for c in columns])):
        for value in values:  # records and claims use these names
            if values.count(value) > 1:
                raise InputError(
                    f"{where}: {name} {value!r} occurs twice; give them different names"
                )
    claims = tuple(_claim(where, entry, columns, rows) for entry in _list(where, data, "claims"))
    given = {key: value for key, value in data.items() if key not in COMMON}
    parts = {"columns": columns, "rows": rows, "claims": claims, "published": published}
    parts["notes"] = (*split_notes(rows), *_list(where, data, "notes"))
    defaults = {"id": f"{path.absolute().parent.name}/{path.stem}", "caption": ""}
    spec = _made(Spec, where, {**defaults, **given, **parts})
    _check_names(where, path, spec)
    _check_epochs(where, spec)
    if file:
        check_note(file, published)
        check_against_published(where, spec)
    return spec


def spec_inputs(path: Path) -> list[Path]:
    """The files of a specification: its YAML first, then the files that it names."""
    data = read_yaml(path)
    files = [published_file(path, data), code_file(path, str(data.get("computed_by") or ""))]
    return [path, *(file for file in files if file)]


def code_file(path: Path, computed_by: str) -> Path | None:
    """The Python file that `computed_by` names, in the same folder; None if it names no file."""
    found = FUNCTION.fullmatch(computed_by)
    return path.with_name(f"{found[1]}.py") if found else None


def _check_keys(where: str, entry: Any, known: Sequence[str], required: Sequence[str] = ()) -> None:
    if not isinstance(entry, Mapping):
        raise InputError(f"{where}: found {entry!r}; expected a mapping of keys")
    for key in entry:
        if key not in known:
            raise InputError(f"{where}: unknown key {key!r}; {nearest(key, known)}")
    for key in required:
        if key not in entry:
            raise InputError(f"{where}: key {key!r} is missing")


def _list(where: str, data: Mapping[str, Any], key: str) -> list[Any]:
    found = data.get(key) or []
    if not isinstance(found, list):
        raise InputError(f"{where}: {key}: found {found!r}; expected a list")
    return found


def _made(kind: type[Part], where: str, entry: Mapping[str, Any]) -> Part:
    """Returns the checked part of a specification: the types of all values are right."""
    try:
        part: Part = _checkers()[kind].validate_python(entry)
        return part
    except ValidationError as error:
        raise InputError(f"{where}: {first_problem(error)}") from error


@cache
def _checkers() -> dict[type[Any], TypeAdapter[Any]]:
    """The checker of each kind of part; to make one takes longer than to check with it."""
    return {kind: TypeAdapter(kind) for kind in (Column, Row, Claim, Spec)}


def _column(where: str, entry: Any, published: Collection[str], from_runs: bool) -> Column:
    """One column; missing keys are filled in from the metric and the published CSV."""
    where = f"{where}: column {entry}"
    _check_keys(where, entry, tuple(Column.__dataclass_fields__), ("metric",))
    name = str(entry["metric"])
    metric = (find(name) if from_runs else None) or Metric(name, name, "", "", None)
    defaults = {key: getattr(metric, key) for key in ("header", "scale", "decimals", "better")}
    if entry.get("variant") or entry.get("run"):
        defaults["better"] = None  # the columns are settings; the best is not marked over the rows
    values = {**defaults, **entry, "run": _run(where, entry.get("run") or {})}
    header = values["header"]
    same = header if isinstance(header, str) and header in published else None
    return _made(Column, where, {"published": same, **values})


def _row(where: str, entry: Any, data: Mapping[str, Any]) -> Row:
    """One row; missing keys are filled in from `run`, `reason` and `split` of the file."""
    known = [*ROW_KEYS, *(k for k in Row.__dataclass_fields__ if k not in ROW_KEYS.values())]
    _check_keys(f"{where}: row {entry}", entry, known, ("row",))
    where = f"{where}: row {entry['row']!r}"
    run = entry.get("run")
    if run is not None:
        shared = data.get("run") or {}
        if not isinstance(shared, Mapping) or not isinstance(run, Mapping):
            wrong = run if isinstance(shared, Mapping) else shared
            raise InputError(f"{where}: run: found {wrong!r}; give a mapping of keys")
        run = _run(where, {**shared, **run})
        if not {"detector", "loss"} <= set(run):
            raise InputError(f"{where}: run needs `detector` and `loss`")
    values = {ROW_KEYS.get(key, key): value for key, value in entry.items()}
    values["labels"] = _texts(f"{where}: label", values.get("labels") or {"": entry["row"]})
    values["inputs"] = _texts(f"{where}: inputs", entry.get("inputs") or {})
    reason = entry.get("reason") or data.get("reason") or ""
    split = entry.get("split") or data.get("split") or ""
    found = {"key": str(entry["row"]), "run": run, "reason": reason, "split": split}
    return _made(Row, where, {**values, **found})


def _texts(where: str, entry: Any) -> dict[str, str]:
    if not isinstance(entry, Mapping):
        raise InputError(f"{where}: found {entry!r}; expected a mapping of names to texts")
    return {str(name): str(text) for name, text in entry.items()}


def _run(where: str, entry: Any) -> dict[str, str]:
    _check_keys(f"{where}: run", entry, RUN_KEYS)
    view = str(entry.get("view") or "")
    if view and not VIEW.fullmatch(view):
        raise InputError(f"{where}: view {view!r} is unknown; see docs/add-a-paper.md")
    epoch = str(entry.get("epoch") or "")
    if epoch and not (epoch.isdecimal() and int(epoch) > 0):
        raise InputError(f"{where}: epoch: found {epoch!r}; it should be a number of at least 1")
    return {key: str(value) for key, value in entry.items()}


def _claim(where: str, entry: Any, columns: tuple[Column, ...], rows: tuple[Row, ...]) -> Claim:
    text = entry.get("text") if isinstance(entry, Mapping) else entry
    where = f"{where}: claim {text!r}"
    _check_keys(where, entry, tuple(Claim.__dataclass_fields__), ("text", "source", "column"))
    only = rows[0].key if len(rows) == 1 else ""
    only = rows[0].key if entry.get("average") else only  # each row is compared with itself
    values = {"better": only, "worse": entry.get("better", only), **entry}
    claim = _made(Claim, where, values)
    if found := fault(claim):
        raise InputError(f"{where}: {found}")
    if claim.view and not VIEW.fullmatch(claim.view):
        raise InputError(f"{where}: view {claim.view!r} is unknown; see docs/add-a-paper.md")
    for row in (claim.better, claim.worse):
        if row not in {r.key for r in rows}:
            raise InputError(f"{where}: there is no row {row!r}")
    for header in filter(None, (claim.column, claim.over)):
        if header not in {c.header for c in columns}:
            raise InputError(f"{where}: there is no column {header!r}")
    return claim


def _check_epochs(where: str, spec: Spec) -> None:
    """Checks that the epochs of cells are on the way of their schedules, and have their views."""
    for request, view in spec.cells:
        try:
            kept_epoch(request)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        # These views are tests of their own, and an epoch on the way has only the usual test.
        if request.epoch and (threshold(view) is not None or view == f"{MULTI_SCALE} test"):
            raise InputError(
                f"{where}: epoch {request.epoch} has no view {view!r}; leave one of them out"
            )


def _check_names(where: str, path: Path, spec: Spec) -> None:
    """Checks that `figure` and `computed_by` name files that exist."""
    kinds = figure_kinds()
    if spec.figure and spec.figure not in kinds:
        raise InputError(f"{where}: figure: found {spec.figure!r}; {choice(spec.figure, kinds)}")
    file = code_file(path, spec.computed_by)
    if spec.computed_by not in ("", HYPERPARAMETERS) and file is None:
        raise InputError(
            f"{where}: computed_by: found {spec.computed_by!r}; write <file>.<function> of a "
            f"Python file in the same folder, or {HYPERPARAMETERS!r}"
        )
    if file and not file.exists():
        raise InputError(f"{where}: computed_by: there is no file {shown(file)}")
