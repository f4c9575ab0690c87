"""Score against IoU of true positives of losses, with the distributions of both."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from rankdet.charts.chart import Chart, Series
from rankdet.evaluation.metrics.matches import Matches
from rankdet.papers.figure_kinds import FigureOfRuns, no_values
from rankdet.papers.values import run_matches
from rankdet.results.layout import MATCHES

MAX_DOTS = 400
BINS = 20
LOWEST = 0.5  # IoU of a true positive


def charts(series: Mapping[str, Sequence[Matches]]) -> list[Chart]:
    """A panel for each loss, with the true positives of all its seeds.

    If there are more than 400, every k-th in order of score is drawn; the distributions have all.
    """
    every = (_dots(name, records) for name, records in series.items())
    dots = tuple(one for one in every if len(one.x))
    counts = "; ".join(f"{one.name} {len(one.x)} dots" for one in dots)
    return [
        Chart(
            name="score-iou",
            alt=f"IoU against score of true positives at IoU .5, all classes: {counts}.",
            x_label="score",
            y_label="IoU of true positives",
            series=dots,
            x_limits=(0.0, 1.0),
            y_limits=(LOWEST, 1.0),
        )
    ]


def _dots(name: str, records: Sequence[Matches]) -> Series:
    hits = pd.concat([one.detections[(one.detections["true_all"] & 1) == 1] for one in records])
    ordered = hits.sort_values(["score", "image_id", "detection"], ignore_index=True)
    shown = ordered.iloc[:: max(1, -(-len(ordered) // MAX_DOTS))]
    score, iou = (shown[key].to_numpy(dtype=float) for key in ("score", "iou"))
    return Series(
        name,
        score,
        iou,
        dots=True,
        panel=name,
        x_shares=_shares(ordered["score"], 0.0),
        y_shares=_shares(ordered["iou"], LOWEST),
    )


def _shares(values: pd.Series, low: float) -> np.ndarray:
    counts, _ = np.histogram(values, bins=BINS, range=(low, 1.0))
    return counts / max(1, counts.sum())


FIGURE = FigureOfRuns(run_matches, charts, no_values, missing="it has no matches", file=MATCHES)
