"""Charts of one run's detections: precision over recall, and score against IoU."""

import pandas as pd

from rankdet.charts.chart import Chart, Series
from rankdet.evaluation.metrics.curves import precision_recall
from rankdet.evaluation.metrics.matches import Matches

SHOWN = (0.5, 0.75, 0.9)
MAX_DOTS = 400


def detection_charts(matches: Matches) -> list[Chart]:
    """Precision-recall curves, and score against IoU of the true positives if there are any."""
    rows = matches.detections
    hits = rows[(rows["true_all"] & 1) == 1]
    charts = [precision_recall_chart(matches)]
    return [*charts, score_iou_chart(hits)] if len(hits) else charts


def precision_recall_chart(matches: Matches) -> Chart:
    """Interpolated precision at the 101 recalls, averaged over the classes with ground truth."""
    frame = precision_recall(matches, SHOWN, per_class=False)
    series = [
        Series(
            f"IoU {threshold:.2f}",
            rows["recall"].to_numpy(),
            rows["precision"].to_numpy(),
            steps="before",
        )
        for threshold, rows in frame.groupby("iou_threshold")
    ]
    areas = "; ".join(f"{s.name} area {s.y.mean():.3f}" for s in series)
    return Chart(
        name="precision-recall",
        alt=f"Precision over recall, averaged over classes: {areas or 'no ground truth'}.",
        x_label="recall",
        y_label="precision (mean over classes)",
        series=tuple(series),
        x_limits=(0.0, 1.0),
        y_limits=(0.0, 1.0),
    )


def score_iou_chart(hits: pd.DataFrame) -> Chart:
    """Score against IoU of true positives at IoU .5: what the correlations are computed from.

    If there are more than 400, only every k-th in order of score is drawn.
    """
    ordered = hits.sort_values(["score", "image_id", "detection"], ignore_index=True)
    shown = ordered.iloc[:: -(-len(ordered) // MAX_DOTS)]
    score, iou = (shown[name].to_numpy(dtype=float) for name in ("score", "iou"))
    return Chart(
        name="score-iou",
        alt=f"Score against IoU of {len(shown)} of {len(ordered)} true positives, all classes.",
        x_label="score",
        y_label="IoU of true positives",
        series=(Series("true positives", score, iou, dots=True),),
        x_limits=(0.0, 1.0),
        y_limits=(0.5, 1.0),
    )
