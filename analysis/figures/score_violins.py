"""Distributions of the scores and IoUs of true positives, a violin for each loss."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from rankdet.charts.chart import Chart, Series
from rankdet.evaluation.metrics.matches import Matches
from rankdet.evaluation.metrics.normalised_scores import score_table
from rankdet.papers.figure_kinds import FigureOfRuns, no_values
from rankdet.papers.values import run_matches
from rankdet.results.layout import MATCHES

BINS = 40
FLOOR = 0.5  # IoU above which a detection is a true positive
COLUMNS = {"score": "score of true positives", "iou": "IoU of true positives"}


def charts(series: Mapping[str, Sequence[Matches]]) -> list[Chart]:
    """A row for each loss: the distribution over all its seeds, and a dot at the mean."""
    tables = {
        name: pd.concat([score_table(one, FLOOR) for one in records])
        for name, records in series.items()
    }
    found = {name: table for name, table in tables.items() if len(table)}
    return [_chart(found, column, label) for column, label in COLUMNS.items()] if found else []


def _chart(tables: Mapping[str, pd.DataFrame], column: str, label: str) -> Chart:
    violins = []
    for at, (name, table) in enumerate(tables.items()):
        counts, _ = np.histogram(table[column], bins=BINS, range=(0.0, 1.0))
        shares, mean = counts / counts.sum(), np.array([table[column].mean()])
        violins.append(Series(name, mean, np.array([float(at)]), dots=True, x_shares=shares))
    means = "; ".join(f"{one.name} mean {one.x[0]:.2f}" for one in violins)
    return Chart(
        name=column,
        alt=f"Distributions of the {label}: {means}.",
        x_label=label,
        y_label="",
        series=tuple(violins),
        x_limits=(0.0, 1.0),
        rows=tuple(tables),
    )


FIGURE = FigureOfRuns(run_matches, charts, no_values, missing="it has no matches", file=MATCHES)
