"""Charts of what a run's record holds besides single numbers: calibration, and bounds of AP."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from rankdet.charts.chart import Chart, Series
from rankdet.evaluation.metrics.matches import IOU_THRESHOLDS

BOUNDS = {"best ranking": "upper", "this run": "", "worst ranking": "lower"}


def quality_charts(record: Mapping[str, Any]) -> list[Chart]:
    """Returns the charts whose values a record of metrics has.

    Args:
        record: `metrics.json`.
    """
    made = (calibration_chart(record), bounds_chart(record))
    return [chart for chart in made if chart is not None]


def calibration_chart(record: Mapping[str, Any]) -> Chart | None:
    """Precision over the score, and precision × IoU, bin by bin; None without detections."""
    found = record.get("calibration") or {}
    bins = [one for one in found.get("bins") or () if one["detections"]]
    if not bins:
        return None
    score, precision = (_numbers(one[name] for one in bins) for name in ("score", "precision"))
    iou = _numbers(one["iou"] or 0.0 for one in bins)  # undefined only if the precision is 0
    errors = ", ".join(
        f"{name} {100 * found[key]:.1f}"
        for name, key in (("D-ECE", "D_ECE"), ("LaECE", "LaECE"))
        if found.get(key) is not None
    )
    return Chart(
        name="calibration",
        alt=f"Precision over the score, in {len(bins)} bins of scores that have detections."
        f" Calibration errors × 100: {errors or 'undefined'}.",
        x_label="mean score of the detections in a bin",
        y_label="precision at IoU .5, and precision × IoU",
        series=(
            Series("precision", score, precision, marked=True),
            Series("precision × IoU", score, precision * iou, marked=True),
        ),
        x_limits=(0.0, 1.0),
        y_limits=(0.0, 1.0),
        diagonal=True,
    )


def bounds_chart(record: Mapping[str, Any]) -> Chart | None:
    """AP at each IoU threshold, with the AP of the best and worst ranking; None without bounds."""
    metrics, bounds = record.get("metrics") or {}, record.get("bounds") or {}
    rows = {"": metrics, **{name: bounds.get(name) or {} for name in ("upper", "lower")}}
    keys = [f"AP{round(100 * one)}" for one in IOU_THRESHOLDS]
    if any(rows[name].get(keys[0]) is None for name in rows):
        return None
    series = tuple(
        Series(
            name,
            IOU_THRESHOLDS.copy(),
            _numbers(_percent(rows[row].get(key)) for key in keys),
            marked=True,
        )
        for name, row in BOUNDS.items()
    )
    told = "; ".join(f"{one.name} {one.y[5]:.1f} at IoU .75" for one in series)
    return Chart(
        name="bounds",
        alt=f"AP × 100 over the IoU threshold, for other orders of the same scores: {told}.",
        x_label="IoU threshold",
        y_label="AP (× 100)",
        series=series,
        x_limits=(0.5, 0.95),
        y_limits=(0.0, 0.0),
    )


def _percent(value: float | None) -> float:
    return float(np.nan) if value is None else 100 * value


def _numbers(values: Iterable[float]) -> np.ndarray:
    return np.array(list(values), dtype=float)
