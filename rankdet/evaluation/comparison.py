"""Metrics of several runs side by side: best values, and which differences are significant."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rankdet.errors import InputError
from rankdet.evaluation import registry
from rankdet.evaluation.evaluate import SCHEMA
from rankdet.evaluation.intervals import Difference, paired_bootstrap
from rankdet.evaluation.metric import FAMILIES, best
from rankdet.evaluation.metrics.matches import read_matches
from rankdet.files import read_record


@dataclass(frozen=True)
class Compared:
    """One run.

    Attributes:
        name: The run's key, or the part of the path in which its file differs from the others.
        path: Its metrics file.
        metrics: Metric key to value, None where undefined.
        matches: The file of its matches; None if it does not exist.
    """

    name: str
    path: Path
    metrics: dict[str, float | None]
    matches: Path | None


def load_runs(paths: Sequence[Path | str]) -> list[Compared]:
    """Reads metrics files that belong to the same data.

    Args:
        paths: Files that `rankdet evaluate --out` or a study wrote. The matches of a run are
            expected in the folder of its file, as `<its name>.parquet` or `matches.parquet`.

    Raises:
        InputError: If a file is missing or has no metrics, or the runs are on different data.
    """
    files = [Path(p) for p in paths]
    data = [_metrics(p) for p in files]
    for path, one in zip(files, data, strict=True):
        for what, key in (("IoU type", "iou_type"), ("images", "images"), ("objects", "objects")):
            first, here = _identity(data[0])[key], _identity(one)[key]
            if first != here:
                raise InputError(
                    f"{path}: {what}: {here}, but {files[0]} has {first}: "
                    "only runs on the same data can be compared"
                )
    names = _names(files, data)
    return [
        Compared(name, path, registry.values(one), _matches_of(path, files))
        for name, path, one in zip(names, files, data, strict=True)
    ]


def read_files(paths: Sequence[Path | str]) -> list[Path]:
    """Returns the metrics files and every file that may have the matches of one of them."""
    return [one for path in map(Path, paths) for one in (path, *_places_of_matches(path))]


def best_runs(runs: Sequence[Compared], metric: str) -> set[int]:
    """Returns the positions of the runs with the best value of a metric; see `best`."""
    entry = registry.describe(metric)
    values = {i: entry.printed(run.metrics) for i, run in enumerate(runs)}
    return best(values, entry.better, entry.decimals)


def differences(
    runs: Sequence[Compared], metrics: Sequence[str], replicates: int = 1000, seed: int = 0
) -> list[dict[str, Difference] | None]:
    """Compares every run with the first, over the same drawn images.

    Args:
        runs: Two or more.
        metrics: Metric keys.
        replicates: Number of draws.
        seed: Seed of the draws, which are the same for each pair.

    Returns:
        For each run after the first: metric key to difference, for the metrics that have an
        interval; None where a run of the pair has no matches.
    """
    drawn = {registry.describe(metric).interval for metric in metrics}
    families = [family for family in FAMILIES if family in drawn]
    first = read_matches(runs[0].matches) if runs[0].matches else None
    out: list[dict[str, Difference] | None] = []
    for run in runs[1:]:
        if first is None or run.matches is None:
            out.append(None)
            continue
        if not families:
            out.append({})
            continue
        rng = np.random.default_rng(seed)
        found = paired_bootstrap(first, read_matches(run.matches), rng, replicates, families)
        out.append({m: found[m] for m in metrics if m in found})
    return out


def as_json(runs: Sequence[Compared], found: Sequence[dict[str, Difference] | None]) -> str:
    """Returns values and differences as JSON text."""
    records: list[dict[str, Any]] = []
    for run, differs in zip(runs, [None, *found], strict=True):
        record: dict[str, Any] = {"name": run.name, "file": str(run.path), "metrics": run.metrics}
        if differs is not None:
            record["difference_to_first"] = {
                name: {"value": d.value, "low": d.low, "high": d.high, "p": d.p}
                for name, d in differs.items()
            }
        records.append(record)
    return json.dumps({"schema": "rankdet.comparison/1", "runs": records}, indent=1) + "\n"


def _metrics(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise InputError(f"{path}: no such file; `rankdet evaluate --out` writes one")
    data, problem = read_record(path)
    if problem:
        raise InputError(
            f"{path}: is not a metrics file ({problem}); `rankdet evaluate --out` writes one"
        )
    if data.get("schema") != SCHEMA:
        raise InputError(f"{path}: is not a metrics file; `rankdet evaluate --out` writes one")
    if not isinstance(data.get("metrics"), dict):
        raise InputError(f"{path}: has no metrics (status: {data.get('status', 'unknown')})")
    for key in ("counts", "settings", "run"):
        if data.get(key) is not None and not isinstance(data[key], dict):
            raise InputError(f"{path}: is damaged: {key} is {data[key]!r}; evaluate the run again")
    for name, value in data["metrics"].items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise InputError(f"{path}: is damaged: {name} is {value!r}; evaluate the run again")
    return data


def _identity(data: dict[str, Any]) -> dict[str, Any]:
    counts = data.get("counts") or {}
    return {
        "iou_type": (data.get("settings") or {}).get("iou_type"),
        "images": counts.get("images"),
        "objects": counts.get("ground_truth"),
    }


def _names(paths: Sequence[Path], data: Sequence[dict[str, Any]]) -> list[str]:
    """Returns the run keys if all are known and different, else the parts in which paths differ."""
    keys = [_key(one.get("run")) for one in data]
    if all(keys) and len(set(keys)) == len(keys):
        return [str(k) for k in keys]
    parts = [p.absolute().with_suffix("").parts for p in paths]
    if len(set(parts)) < len(parts):
        return [str(p) for p in paths]
    while len({p[0] for p in parts}) == 1 and min(map(len, parts)) > 1:
        parts = [p[1:] for p in parts]
    while len({p[-1] for p in parts}) == 1 and min(map(len, parts)) > 1:
        parts = [p[:-1] for p in parts]
    return ["/".join(p) for p in parts]


def _key(run: Any) -> str | None:
    if not isinstance(run, dict) or not all(run.get(k) for k in ("dataset", "detector", "loss")):
        return None
    loss = "+".join(filter(None, (run["loss"], run.get("variant"))))
    return f"{run['dataset']}/{run['detector']}/{loss}/seed{run.get('seed')}"


def _matches_of(path: Path, paths: Sequence[Path]) -> Path | None:
    own, shared = _places_of_matches(path)
    if own.exists():
        return own
    alone = sum(p.absolute().parent == path.absolute().parent for p in paths) == 1
    return shared if alone and shared.exists() else None


def _places_of_matches(path: Path) -> tuple[Path, Path]:
    """Returns the file of one metrics file alone, and the file of the only run of a folder."""
    return path.with_suffix(".parquet"), path.with_name("matches.parquet")
