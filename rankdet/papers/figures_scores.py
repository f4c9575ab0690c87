"""Distributions of scores and IoUs of detections, as they are and normalised (APE, Figures 2, 3).

The paper draws candidate boxes before NMS; a run keeps its detections, after NMS. Both scores and
IoUs are normalised to 0-1 over the detections of one image and class, as PAA* does over the
candidates of one object.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from rankdet.charts.chart import Chart, Series
from rankdet.evaluation.metrics.matches import Matches

BINS = 20
MAX_DOTS = 300
KEYS = ("score", "iou", "score_normalised", "iou_normalised")
FORMS = {"": "as they are", "_normalised": "normalised to 0-1"}  # a column's ending


def score_table(matches: Matches, floor: float = 0.0) -> pd.DataFrame:
    """Score and best IoU of detections, and both normalised to 0-1 within each image and class.

    Args:
        matches: a run's matches.
        floor: detections whose best IoU is not above it are left out.

    Returns:
        Columns of `KEYS`, one row a detection; a group whose values are all equal is at 1.
    """
    rows = matches.detections
    frame = pd.DataFrame({"score": rows["score"], "iou": rows["best_iou"]}).astype(float)
    group = [rows["image_id"], rows["category_id"]]
    for name in ("score", "iou"):
        low = frame[name].groupby(group).transform("min")
        span = frame[name].groupby(group).transform("max") - low
        frame[f"{name}_normalised"] = ((frame[name] - low) / span.where(span > 0)).fillna(1.0)
    return frame[frame["iou"] > floor].reset_index(drop=True)


def score_summary(records: Sequence[Matches], floor: float = 0.0) -> dict[str, float | None]:
    """Means of the four columns over all runs' detections; None where there are none."""
    every = pd.concat([score_table(m, floor) for m in records])
    return {f"mean_{key}": float(every[key].mean()) if len(every) else None for key in KEYS}


def distribution_charts(series: Mapping[str, Sequence[Matches]]) -> list[Chart]:
    """Shares of detections with IoU above .5 over score and IoU: as they are, then normalised."""
    return [_distribution_chart(series, ending, form) for ending, form in FORMS.items()]


def _distribution_chart(series: Mapping[str, Sequence[Matches]], ending: str, form: str) -> Chart:
    curves = []
    for name, records in series.items():
        table = pd.concat([score_table(m, 0.5) for m in records])
        curves += [
            _histogram(f"{name}: {word}", table[f"{key}{ending}"])
            for key, word in (("score", "scores"), ("iou", "IoUs"))
        ]
    means = "; ".join(f"{curve.name} mean {_mean(curve):.2f}" for curve in curves)
    return Chart(
        name=f"distribution{ending.replace('_', '-')}",
        alt=f"Distributions of scores and IoUs of true positives, {form}: {means}.",
        x_label=f"score or IoU, {form}",
        y_label="share of the true positives",
        series=tuple(curves),
        x_limits=(0.0, 1.0),
        y_limits=(0.0, 0.0),
    )


def gap_charts(series: Mapping[str, Sequence[Matches]]) -> list[Chart]:
    """Score against best IoU of all detections: as they are, then normalised."""
    return [_gap_chart(series, ending, form) for ending, form in FORMS.items()]


def _gap_chart(series: Mapping[str, Sequence[Matches]], ending: str, form: str) -> Chart:
    score, iou = f"score{ending}", f"iou{ending}"
    dots = []
    for name, records in series.items():
        table = pd.concat([score_table(m) for m in records])
        table = table.sort_values([score, iou], ignore_index=True)
        shown = table.iloc[:: max(1, -(-len(table) // MAX_DOTS))]
        x, y = (shown[key].to_numpy(dtype=float) for key in (score, iou))
        dots.append(Series(name, x, y, dots=True))
    counts = "; ".join(f"{one.name} {len(one.x)} dots" for one in dots)
    return Chart(
        name=f"gap{ending.replace('_', '-')}",
        alt=f"Score against IoU of detections, {form}: {counts}.",
        x_label=f"score, {form}",
        y_label=f"IoU, {form}",
        series=tuple(dots),
        x_limits=(0.0, 1.0),
        y_limits=(0.0, 1.0),
    )


def _histogram(name: str, values: pd.Series) -> Series:
    counts, edges = np.histogram(values, bins=BINS, range=(0.0, 1.0))
    share = counts / max(1, counts.sum())
    return Series(name, (edges[:-1] + edges[1:]) / 2, share)


def _mean(series: Series) -> float:
    total = float(series.y.sum())
    return float((series.x * series.y).sum()) / total if total else float("nan")
