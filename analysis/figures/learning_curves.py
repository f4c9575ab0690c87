"""Losses of classification and localisation over the training of losses."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from rankdet.charts.chart import Chart, Series
from rankdet.evaluation.metrics.gradient_balance import band
from rankdet.papers.figure_kinds import FigureOfRuns, no_values
from rankdet.results.layout import TRAINING
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.training_record import training_record

PARTS = {"loss_cls": "classification loss", "loss_bbox": "localisation loss"}


def read(run: RecordedRun) -> pd.DataFrame | None:
    """The run's training record."""
    return training_record(run, ["iteration", *PARTS])


def charts(series: Mapping[str, Sequence[pd.DataFrame]]) -> list[Chart]:
    """A panel for each loss: losses have different scales, so only their course can be compared."""
    return [_chart(series, column, title) for column, title in PARTS.items()]


def _chart(series: Mapping[str, Sequence[pd.DataFrame]], column: str, title: str) -> Chart:
    curves = []
    for name, frames in series.items():
        curve = band([frame.set_index("iteration")[column] for frame in frames])
        curves.append(replace(Series.of_band(name, curve), panel=name))
    ends = "; ".join(f"{c.name} from {c.y[0]:.2f} to {c.y[-1]:.2f}" for c in curves)
    return Chart(
        name=column.replace("_", "-"),
        alt=f"{title.capitalize()} over the iterations: {ends}.",
        x_label="iteration",
        y_label=title,
        series=tuple(curves),
        y_limits=(0.0, 0.0),
    )


FIGURE = FigureOfRuns(
    read,
    charts,
    no_values,
    missing="its training record does not have the parts of the loss",
    file=TRAINING,
)
