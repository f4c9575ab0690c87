"""Reliability of scores: precision over the score, for losses."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rankdet.charts.chart import Chart, Series
from rankdet.evaluation.metrics.gradient_balance import band
from rankdet.papers.figure_kinds import FigureOfRuns, no_values
from rankdet.results.recorded_run import RecordedRun

Record = Mapping[str, Any]


def read(run: RecordedRun) -> Record | None:
    """The calibration of the run's scores; None if its metrics do not have it."""
    found = run.main.content.get("calibration") or {}
    return found if found.get("bins") else None


def charts(series: Mapping[str, Sequence[Record]]) -> list[Chart]:
    """Precision of each bin on the left, the share of the detections in it on the right.

    A calibrated score lies on the diagonal. Mean and range of the seeds.
    """
    precision, share = [], []
    for name, records in series.items():
        precision.append(Series.of_band(name, band([_column(one, "precision") for one in records])))
        parts = [_column(one, "detections") for one in records]
        share.append(Series.of_band(name, band([one / max(1, one.sum()) for one in parts])))
    errors = "; ".join(f"{name} {_error(records)}" for name, records in series.items())
    return [
        Chart(
            name="precision",
            alt=f"Precision at IoU 0.50 over the score. Calibration error (D-ECE): {errors}.",
            x_label="score",
            y_label="precision at IoU 0.50",
            series=tuple(precision),
            x_limits=(0.0, 1.0),
            y_limits=(0.0, 1.0),
            diagonal=True,
        ),
        Chart(
            name="share",
            alt="Share of the detections in each bin of the score.",
            x_label="score",
            y_label="share of the detections",
            series=tuple(_stepped(one) for one in share),
            x_limits=(0.0, 1.0),
            y_limits=(0.0, 0.0),
        ),
    ]


def _stepped(curve: Series) -> Series:
    return Series(curve.name, curve.x, curve.y, curve.low, curve.high, steps="middle")


def _column(record: Record, name: str) -> pd.Series:
    bins = record["bins"]
    values = [np.nan if one[name] is None else float(one[name]) for one in bins]
    return pd.Series(values, [(one["low"] + one["high"]) / 2 for one in bins])


def _error(records: Sequence[Record]) -> str:
    known = [one["D_ECE"] for one in records if one.get("D_ECE") is not None]
    return f"{sum(known) / len(known):.3f}" if known else "undefined"


FIGURE = FigureOfRuns(read, charts, no_values, missing="its metrics have no calibration")
