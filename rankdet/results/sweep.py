"""AP, oLRP and speed of one run over score thresholds before NMS: `sweep.json`.

Rank & Sort Loss (Oksuz et al., ICCV 2021), supplement, Tables S10 and S11. The run detects again at
each threshold, so that the speed is measured and not derived.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rankdet.results.schemas.metrics import MetricsRecord
from rankdet.results.schemas.sweep import SpeedRecord, SweepRecord
from rankdet.results.seals import MADE_OF


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
        out: where to write; see `SweepRecord`.

    Raises:
        InputError: A record is missing or damaged.
    """
    rows = []
    records = []
    for threshold, path, speed in sorted(zip(thresholds, metrics, speeds, strict=True)):
        record = MetricsRecord.from_disk(path)
        records.append(record)
        row: dict[str, Any] = {
            "score_threshold": threshold,
            "detections_per_image": record.detections_per_image,
            "metrics": record.metrics,
            "speed": _without_notes(SpeedRecord.from_disk(speed).to_dict()),
        }
        if record.segm is not None:
            row["segm"] = record.segm.metrics
        rows.append(row)
    first = records[0].to_dict() if records else {}
    kept = {key: first.get(key) for key in ("run", "status", "reason", "dataset")}
    SweepRecord.of(**kept, rows=rows).to_disk(out)


def _without_notes(speed: dict[str, Any]) -> dict[str, Any]:
    """A speed without the checksums of the files it was written with."""
    return {key: value for key, value in speed.items() if key != MADE_OF}
