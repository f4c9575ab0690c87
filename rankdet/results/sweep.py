"""AP, oLRP and speed of one run over score thresholds before NMS: `sweep.json`.

Rank & Sort Loss (Oksuz et al., ICCV 2021), supplement, Tables S10 and S11. Each threshold is a
detection run of its own, so that the speed is measured and not derived.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rankdet.files import read_record, require_record, write_record
from rankdet.results.records import METRICS_SCHEMA

SCHEMA = "rankdet.sweep/1"


def write_sweep(
    thresholds: Sequence[float],
    metrics: Sequence[str | Path],
    speeds: Sequence[str | Path],
    out: str | Path,
) -> None:
    """Gathers the records at each threshold into `sweep.json`.

    Args:
        thresholds: lowest scores that were kept before NMS.
        metrics: the `metrics.json` at each of them.
        speeds: the `speed.json` at each of them.
        out: where to write; schema `rankdet.sweep/1`: `run`, `status`, `reason` and `dataset` as in
            `metrics.json`, and `rows`, by ascending threshold: `score_threshold`,
            `detections_per_image`, `metrics`, `segm` (the metrics of masks, where there are any)
            and `speed` (`images_per_second`, `seconds_per_image`, `device`, `hardware`; the first
            images are left out).

    Raises:
        InputError: a record is missing or no such record.
    """
    rows = []
    first: Mapping[str, Any] = {}
    for threshold, path, speed in sorted(zip(thresholds, metrics, speeds, strict=True)):
        record = require_record(path, METRICS_SCHEMA)
        first = first or record
        row = {
            "score_threshold": threshold,
            "detections_per_image": _per_image(record["counts"]),
            "metrics": record["metrics"],
            "speed": require_record(speed),
        }
        if "segm" in record:
            row["segm"] = record["segm"]["metrics"]
        rows.append(row)
    kept = {key: first.get(key) for key in ("run", "status", "reason", "dataset")}
    write_record(Path(out), {"schema": SCHEMA, **kept, "rows": rows})


def sweep_row(sweep: Mapping[str, Any], threshold: float) -> Mapping[str, Any]:
    """Returns the row of a threshold; empty where there is none."""
    rows = (r for r in sweep.get("rows") or [] if abs(r["score_threshold"] - threshold) < 1e-12)
    return next(rows, {})


def read_sweep(folder: Path) -> dict[str, Any]:
    """Returns a run's `sweep.json`; empty where there is none that can be used."""
    record, problem = read_record(folder / "sweep.json")
    return {} if problem or record.get("schema") != SCHEMA else record


def _per_image(counts: Mapping[str, int]) -> float | None:
    return counts["detections"] / counts["images"] if counts["images"] else None
