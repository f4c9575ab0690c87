"""The tables of a check's page: what each part measured, as heads and rows of cells."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from rankdet.training.attempts import Row

Table = tuple[list[str], list[list[str]]]
REFERENCES = ("focal", "copy")
FORMS = ("plain", "fused", "graph", "bucketed", "looped", *REFERENCES, "copy graph")

# Part to its columns: key of a row, header. Columns that no row has are left out.
COLUMNS: dict[str, tuple[tuple[str, str], ...]] = {
    "correctness": (
        ("loss", "loss"),
        ("form", "form"),
        ("cases", "cases"),
        ("worst_loss", "worst loss"),
        ("worst_gradient", "worst gradient"),
        ("worst_case", "in the case"),
    ),
    "iterations": (
        ("detector", "detector"),
        ("loss", "loss"),
        ("form", "form"),
        ("precision", "precision"),
        ("ratio", "ratio"),
        ("ms", "ms"),
        ("baseline_ms", "baseline ms"),
        ("peak_mb", "peak MB"),
    ),
    "loader": (
        ("workers", "workers"),
        ("image_size", "px"),
        ("batch_size", "batch"),
        ("ms", "ms per batch"),
        ("images_per_second", "images per s"),
    ),
    "modes": (
        ("mode", "mode"),
        ("detector", "detector"),
        ("loss", "loss"),
        ("seconds_per_iteration", "s per iteration"),
        ("ratio", "ratio to fp32"),
        ("AP", "AP"),
    ),
}


def tables(part: str, rows: Sequence[Row]) -> list[Table]:
    """Returns the tables of a part.

    Args:
        part: Its name.
        rows: Its measured rows.
    """
    if part == "losses":
        keys = {"ms": "ms", "peak_mb": "MB"}
        return [_by_form(rows, k, unit) for k, unit in keys.items() if any(r[k] for r in rows)]
    if part == "trainings":
        return [_of_seeds(rows)]
    names = dict.fromkeys(key for row in rows for key in row)
    return [_plain(COLUMNS.get(part, [(key, key) for key in names]), rows)]


def shown(value: Any) -> str:
    """Returns a value as a cell: numbers with four digits, a dash for None."""
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _plain(columns: Sequence[tuple[str, str]], rows: Sequence[Row]) -> Table:
    kept = [(key, head) for key, head in columns if any(row.get(key) is not None for row in rows)]
    cells = [[shown(row.get(key)) for key, _ in kept] for row in rows]
    return [head for _, head in kept], cells


def _by_form(rows: Sequence[Row], key: str, unit: str) -> Table:
    """One row per loss and size, one column per form; the references stand in every row."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        at = (row["loss"], *(str(row[name]) for name in ("positives", "logits", "stage")))
        found.setdefault(at, {})[row["form"]] = row[key]
    losses = {at: values for at, values in found.items() if at[0] not in REFERENCES}
    for at, values in losses.items():
        for reference in REFERENCES:
            for form, value in found.get((reference, *at[1:]), {}).items():
                values[form if form == reference else f"{reference} {form}"] = value
    forms = [form for form in FORMS if any(form in values for values in losses.values())]
    heads = ["loss", "P", "N", "stage", *(f"{form}, {unit}" for form in forms)]
    return heads, [[*at, *(shown(v.get(form)) for form in forms)] for at, v in losses.items()]


def _of_seeds(rows: Sequence[Row]) -> Table:
    """One row per detector and loss: the mean over seeds, and how they ended."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["detector"], row["loss"]), []).append(row)
    heads = ["detector", "loss", "seeds", "mean AP", "sd", "lowest", "highest", "mean oLRP"]
    heads += ["not trained", "s per training"]
    body = []
    for names, those in groups.items():
        aps = [row["AP"] for row in those if row["AP"] is not None]
        body.append(
            [
                *names,
                str(len(those)),
                _of(aps, statistics.fmean),
                _of(aps, statistics.stdev if len(aps) > 1 else None),
                _of(aps, min),
                _of(aps, max),
                _of([r["oLRP"] for r in those if r["oLRP"] is not None], statistics.fmean),
                str(sum(row["outcome"] != "trained" for row in those)),
                _of([row["train_seconds"] for row in those], statistics.fmean),
            ]
        )
    return heads, body


def _of(values: list[float], measure: Callable[[list[float]], float] | None) -> str:
    return shown(float(measure(values)) if values and measure else None)
