"""AP and oLRP of losses by the number of objects in an image."""

from collections.abc import Mapping, Sequence

import numpy as np

from rankdet.charts.chart import Chart, Series
from rankdet.evaluation.intervals import mean_over_seeds
from rankdet.papers.figure_kinds import FigureOfRuns, no_values
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.schemas.metrics import SparsityBin

METRICS = {"AP": "AP × 100", "oLRP": "oLRP × 100"}


def read(run: RecordedRun) -> list[SparsityBin] | None:
    """The bins in the run's metrics."""
    return run.main.sparsity or None


def charts(series: Mapping[str, Sequence[Sequence[SparsityBin]]]) -> list[Chart]:
    """A row for each bin, a dot for each loss: the mean over the seeds with its 95 % interval."""
    first = next(iter(series.values()))[0]
    rows = tuple(_words(one) for one in first)
    return [_chart(series, rows, metric, label) for metric, label in METRICS.items()]


def _chart(
    series: Mapping[str, Sequence[Sequence[SparsityBin]]],
    rows: tuple[str, ...],
    metric: str,
    label: str,
) -> Chart:
    dots = tuple(_dots(name, records, len(rows), metric) for name, records in series.items())
    values = "; ".join(
        f"{one.name} " + ", ".join("none" if np.isnan(v) else f"{v:.1f}" for v in one.x)
        for one in dots
    )
    return Chart(
        name=metric.lower(),
        alt=f"{label} by objects in an image ({', '.join(rows)}): {values}.",
        x_label=label,
        y_label="objects in an image",
        series=dots,
        rows=rows,
    )


def _dots(name: str, records: Sequence[Sequence[SparsityBin]], bins: int, metric: str) -> Series:
    found = []
    for at in range(bins):
        values = [one[at].get(metric) if at < len(one) else None for one in records]
        found.append(mean_over_seeds([None if v is None else 100 * v for v in values]))
    mean, half = (
        np.array([np.nan if v is None else v for v in c]) for c in zip(*found, strict=True)
    )
    return Series(name, mean, np.arange(bins, dtype=float), mean - half, mean + half, dots=True)


def _words(one: SparsityBin) -> str:
    images = f"({one.images} images)"
    return f"{one.low} or more {images}" if one.high is None else f"{one.low}–{one.high} {images}"


FIGURE = FigureOfRuns(read, charts, no_values, missing="its metrics have no bins", results=True)
