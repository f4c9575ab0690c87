"""AP and oLRP of one run over score thresholds, from its `sweep.json`."""

from collections.abc import Sequence

import numpy as np

from rankdet.charts.chart import Chart, Series
from rankdet.results.schemas.sweep import SweepRow

SHOWN = {"AP": "AP (× 100)", "oLRP": "oLRP (× 100)"}


def sweep_charts(rows: Sequence[SweepRow]) -> list[Chart]:
    """A chart of AP and one of oLRP over the lowest score that is kept before NMS.

    Args:
        rows: those of `sweep.json`, by ascending threshold; if they have metrics of masks,
            these are a second curve.
    """
    return [_chart(rows, metric, label) for metric, label in SHOWN.items()]


def _chart(rows: Sequence[SweepRow], metric: str, label: str) -> Chart:
    parts = {"boxes": [row.metrics for row in rows]}
    if any(row.segm is not None for row in rows):
        parts["masks"] = [row.segm or {} for row in rows]
    x = np.array([row.score_threshold for row in rows], dtype=float)
    series = []
    for name, found in parts.items():
        values = (metrics.get(metric) for metrics in found)
        y = np.array([np.nan if v is None else 100 * v for v in values])
        series.append(Series(name, x, y, marked=True))
    text = "; ".join(
        f"{s.name} " + ", ".join(f"{b:.1f} at {a:g}" for a, b in zip(s.x, s.y, strict=True))
        for s in series
    )
    return Chart(
        name=f"sweep-{metric.lower()}",
        alt=f"{metric} × 100 over the lowest score that is kept: {text.replace('nan', 'none')}.",
        x_label="lowest score that is kept before NMS",
        y_label=label,
        series=tuple(series),
        y_limits=(0.0, 0.0) if metric == "AP" else None,
    )
