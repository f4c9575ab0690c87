"""Distributions of scores and IoUs of true positives (APE Loss paper, Figure 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from rankdet.charts.chart import Chart, Series
from rankdet.evaluation.metrics.gradient_balance import band
from rankdet.evaluation.metrics.matches import Matches
from rankdet.evaluation.metrics.normalised_scores import score_means, score_table
from rankdet.papers.figure_kinds import FigureOfRuns
from rankdet.papers.values import run_matches
from rankdet.results.layout import MATCHES

BINS = 20
FLOOR = 0.5  # IoU above which a detection is a true positive
VERSIONS = {"": "unchanged", "_normalised": "normalised to 0-1"}  # ending of a column


def charts(series: Mapping[str, Sequence[Matches]]) -> list[Chart]:
    """Shares of detections with IoU above .5 over score and IoU, unchanged and normalised."""
    return [_chart(series, ending, version) for ending, version in VERSIONS.items()]


def _chart(series: Mapping[str, Sequence[Matches]], ending: str, version: str) -> Chart:
    curves = []
    for name, records in series.items():
        tables = [score_table(m, FLOOR) for m in records]
        if not any(map(len, tables)):
            continue
        curves += [
            _histogram(f"{name}: {word}", [table[f"{key}{ending}"] for table in tables])
            for key, word in (("score", "scores"), ("iou", "IoUs"))
        ]
    means = "; ".join(f"{curve.name} mean {_mean(curve):.2f}" for curve in curves)
    return Chart(
        name=f"distribution{ending.replace('_', '-')}",
        alt=f"Distributions of scores and IoUs of true positives, {version}: {means}.",
        x_label=f"score or IoU, {version}",
        y_label="share of the true positives",
        series=tuple(replace(c, steps="middle", panel=c.name.rpartition(": ")[0]) for c in curves),
        x_limits=(0.0, 1.0),
        y_limits=(0.0, 0.0),
    )


def _histogram(name: str, seeds: Sequence[pd.Series]) -> Series:
    """Shares of each seed: their mean as a curve, the lowest and highest as a band."""
    shares = []
    for values in seeds:
        counts, edges = np.histogram(values, bins=BINS, range=(0.0, 1.0))
        shares.append(pd.Series(counts / max(1, counts.sum()), (edges[:-1] + edges[1:]) / 2))
    return Series.of_band(name, band(shares))


def _mean(series: Series) -> float:
    total = float(series.y.sum())
    return float((series.x * series.y).sum()) / total if total else float("nan")


def summary(records: Sequence[Matches]) -> dict[str, float | None]:
    """Means over all runs' true positives."""
    return score_means(records, FLOOR)


FIGURE = FigureOfRuns(
    read=run_matches, charts=charts, summary=summary, missing="it has no matches", file=MATCHES
)
