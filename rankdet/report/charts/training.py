"""One run's training curves: losses, balance weight, gradient rate, learning rate."""

import re

import pandas as pd

from rankdet.charts.chart import Chart, Series
from rankdet.charts.gradient_balance import rate_chart
from rankdet.evaluation.metrics.gradient_balance import band, gradient_rates

LOSS_TITLES = {"loss": "total", "loss_cls": "classification", "loss_bbox": "localisation"}


def training_rates(frame: pd.DataFrame) -> pd.Series | None:
    """Returns the gradient rates of a training by iteration; None if they were not recorded.

    Args:
        frame: the run's `train.parquet`, one row per iteration.
    """
    return gradient_rates(frame) if {"grad_pos", "grad_neg"} <= set(frame.columns) else None


def training_charts(frame: pd.DataFrame, rates: pd.Series | None) -> list[Chart]:
    """The charts of one run: losses, then gradient rate, balance weight and learning rate.

    Args:
        frame: the run's `train.parquet`, one row per iteration.
        rates: its `training_rates`, which the page shows in words, too.
    """
    charts = [loss_chart(frame)]
    if rates is not None and rates.notna().any():
        charts.append(rate_chart({"rate": band([rates])}))
    for column, label in (
        ("balance_weight", "weight of the localisation loss"),
        ("lr", "learning rate"),
    ):
        if column in frame and frame[column].min() < frame[column].max():
            charts.append(_column_chart(frame, column, label))
    return charts


def loss_chart(frame: pd.DataFrame) -> Chart:
    """Total loss and its parts, as they were summed (after the balance weight)."""
    names = [n for n in frame.columns if n == "loss" or re.match(r"(s\d+_)?loss_", n)]
    x = frame["iteration"].to_numpy(dtype=float)
    series = tuple(
        Series(LOSS_TITLES.get(n, n.replace("loss_", "")), x, frame[n].to_numpy(dtype=float))
        for n in names
    )
    ends = (f"{s.name} from {s.y[0]:.2f} to {s.y[-1]:.2f}" for s in series)
    return Chart(
        name="losses",
        alt=f"Loss over {len(frame)} iterations: {'; '.join(ends)}.",
        x_label="iteration",
        y_label="loss",
        series=series,
        y_limits=(0.0, 0.0),
    )


def _column_chart(frame: pd.DataFrame, column: str, label: str) -> Chart:
    values = frame[column].to_numpy(dtype=float)
    return Chart(
        name=column.replace("_", "-"),
        alt=f"The {label} over the iterations: from {values[0]:.4g} to {values[-1]:.4g}.",
        x_label="iteration",
        y_label=label,
        series=(Series(column, frame["iteration"].to_numpy(dtype=float), values, steps="before"),),
        y_limits=(0.0, 0.0),
    )
