"""The value of a cell from a run's record: a metric of the run or of a view.

A view is a part of the results or another evaluation of a run, such as a bound of AP or the images
of one bin. A specification names it (`run: {view: lower}`); `docs/add-a-paper.md` lists all views.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.evaluation.metrics.bounds import correlation_bounds
from rankdet.evaluation.metrics.matches import Matches, read_matches
from rankdet.evaluation.units import finite
from rankdet.papers.spec import MULTI_SCALE, threshold
from rankdet.results.layout import SPEED, SWEEP
from rankdet.results.recorded_run import Evaluation, RecordedRun
from rankdet.results.schemas.metrics import SparsityBin
from rankdet.results.schemas.sweep import Speed, SpeedRecord, SweepRecord, SweepRow

COEFFICIENTS = ("pearson", "spearman", "kendall")


def metric_value(run: RecordedRun, metric: str, view: str = "") -> float | None:
    """A metric of the main split; None where undefined or not recorded.

    Args:
        run: the run.
        metric: a key of its metrics, or `segm.<key>` (those of masks), `training.<key>`,
            `schedule.<key>` (as planned) or `speed.<key>` (of inference).
        view: empty for the whole run; else see the module.
    """
    room, _, key = metric.partition(".")
    if room == "training":
        return finite(run.training.get(key))
    if room == "schedule":
        return finite(run.settings.get(key))
    if room == "speed":
        speed = _speed(run, view)
        return finite(speed.get(key)) if speed else None
    if room == "segm":
        at_threshold = threshold(view) is not None
        masks = _swept(run, view, masks=True) if at_threshold else _tested(run, view).mask_metrics
        return finite(masks.get(key))
    return finite(view_metrics(run, view).get(metric))


def run_matches(run: RecordedRun) -> Matches | None:
    """The matches of a run on the main split; None where they are missing, damaged or left out."""
    if run.main.reason:  # its numbers are not used anywhere, for example because they are older
        return None
    try:
        return read_matches(run.main.folder / "matches.parquet")
    except InputError:
        return None


def view_metrics(run: RecordedRun, view: str) -> Mapping[str, Any]:
    """The metrics of a run's view; empty if they are undefined or missing.

    Args:
        run: the run.
        view: empty for the whole run; else see the module.
    """
    kind, _, rest = view.partition(" ")
    if not view:
        return run.main.metrics
    if kind in ("lower", "upper"):
        return _bound(run, kind)
    if kind == "objects":
        found = _bin(run, rest)
        return found.to_dict() if found else {}
    if threshold(view) is not None:
        return _swept(run, view, masks=kind == "masks")
    if kind == MULTI_SCALE:
        return _tested(run, view).metrics
    return run.main.mask_metrics if kind == "masks" else {}


def problem(run: RecordedRun, view: str) -> str | None:
    """Why a run does not have a view, in one line; None if it has it."""
    kind, _, rest = view.partition(" ")
    if kind == "objects" and _bin(run, rest) is None:
        return f"evaluated without a bin of {rest} objects per image"
    lowest = threshold(view)
    if lowest is not None and not _swept(run, view):
        return f"not swept: the study's score_thresholds for this run have no {lowest:g}"
    if kind == "masks" and not run.main.mask_metrics:
        return "its detections have no masks"
    if kind == MULTI_SCALE and (reason := _tested(run, view).reason):
        return f"multi-scale test: {reason}"
    return None


def _tested(run: RecordedRun, view: str) -> Evaluation:
    """The run's multi-scale evaluation if the view is one; else that of its main split."""
    return run.further(MULTI_SCALE) if view == f"{MULTI_SCALE} test" else run.main


def _speed(run: RecordedRun, view: str) -> Speed | None:
    """The speed of inference, at the view's score threshold if it has one."""
    if threshold(view) is None:
        return SpeedRecord.read(_tested(run, view).folder / SPEED)[0]
    row = _sweep_row(run, view)
    return row.speed if row else None


def _swept(run: RecordedRun, view: str, masks: bool = False) -> Mapping[str, float | None]:
    """The metrics of a run's sweep at the view's threshold; empty if they are missing."""
    row = _sweep_row(run, view)
    return ((row.segm if masks else row.metrics) or {}) if row else {}


def _sweep_row(run: RecordedRun, view: str) -> SweepRow | None:
    lowest = threshold(view)
    path = run.folder / SWEEP
    sweep = _sweep(path, path.stat().st_mtime_ns if path.exists() else 0)
    return None if sweep is None or lowest is None else sweep.row(lowest)


@lru_cache(maxsize=32)
def _sweep(path: Path, _stamp: int) -> SweepRecord | None:
    return SweepRecord.read(path)[0]


def _bin(run: RecordedRun, edges: str) -> SparsityBin | None:
    """The sparsity bin `0-3` or `21+` of a run's record."""
    low, _, high = edges.removesuffix("+").partition("-")
    edges_of = (int(low), int(high) if high else None)
    return next((b for b in run.main.sparsity if (b.low, b.high) == edges_of), None)


@lru_cache(maxsize=32)
def _bounds(path: Path) -> dict[str, dict[str, float | None]]:
    return correlation_bounds(read_matches(path))


def _bound(run: RecordedRun, view: str) -> dict[str, float | None]:
    """AP with the worst or best ranking of the same true positives; ρ is −1 or 1 by definition."""
    try:
        ap = _bounds(run.main.folder / "matches.parquet")[view]
    except InputError:
        return {}
    return {**ap, **dict.fromkeys(COEFFICIENTS, {"lower": -1.0, "upper": 1.0}[view])}
