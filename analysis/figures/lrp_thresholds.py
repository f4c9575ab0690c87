"""LRP and its parts over the score threshold of losses."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from rankdet.charts.chart import Chart, Series
from rankdet.evaluation.metrics.gradient_balance import band
from rankdet.evaluation.metrics.matches import Matches
from rankdet.evaluation.metrics.olrp import LrpCurve, lrp_curve
from rankdet.papers.figure_kinds import FigureOfRuns, no_values
from rankdet.papers.values import run_matches
from rankdet.results.layout import MATCHES

THRESHOLDS = np.linspace(0, 1, 101).round(2)  # .7 is 0.7: scores may have two decimals
TITLES = {"lrp": "LRP", "precision": "precision", "recall": "recall"}  # means over classes


def charts(series: Mapping[str, Sequence[Matches]]) -> list[Chart]:
    """LRP, precision and recall of the detections above a score; mean and range of the seeds."""
    tables = {name: [over_scores(one) for one in records] for name, records in series.items()}
    return [_chart(tables, column, title) for column, title in TITLES.items()]


def over_scores(matches: Matches) -> pd.DataFrame:
    """Means over the classes with objects at each of `THRESHOLDS`.

    Returns:
        `lrp`, `precision` and `recall` by threshold. Without a detection at or above it a class has
        LRP 1 and recall 0, and its precision is left out.
    """
    classes = [_of_class(lrp_curve(one)) for one in matches.per_class() if one.positives()]
    together = pd.concat(classes) if classes else pd.DataFrame(columns=list(TITLES), dtype=float)
    return together.groupby(level=0).mean().reindex(THRESHOLDS)


def _of_class(curve: LrpCurve) -> pd.DataFrame:
    # The last detection of the lowest score that stays; -1, what is appended, without one.
    last = np.searchsorted(-curve.score, -THRESHOLDS, side="right") - 1
    tp, fp, lrp = (
        np.r_[table[0], nothing][last]
        for table, nothing in ((curve.tp, 0.0), (curve.fp, 0.0), (curve.lrp, 1.0))
    )
    found = np.where(tp + fp > 0, tp + fp, np.nan)
    rates = {"lrp": lrp, "precision": tp / found, "recall": tp / curve.positives[0]}
    return pd.DataFrame(rates, index=THRESHOLDS)


def _chart(tables: Mapping[str, Sequence[pd.DataFrame]], column: str, title: str) -> Chart:
    curves = tuple(
        replace(Series.of_band(name, band([one[column] for one in seeds])), steps="before")
        for name, seeds in tables.items()
    )
    extreme = np.nanmin if column == "lrp" else np.nanmax
    ends = "; ".join(
        f"{c.name} {extreme(c.y):.2f} at {c.x[np.flatnonzero(c.y == extreme(c.y))[0]]:.2f}"
        for c in curves
        if np.isfinite(c.y).any()
    )
    best = "smallest" if column == "lrp" else "largest"
    return Chart(
        name=column,
        alt=f"{title} over the score threshold, mean over classes, {best} value: {ends or 'none'}.",
        x_label="score threshold",
        y_label=title,
        series=curves,
        x_limits=(0.0, 1.0),
        y_limits=(0.0, 1.0),
    )


FIGURE = FigureOfRuns(run_matches, charts, no_values, missing="it has no matches", file=MATCHES)
