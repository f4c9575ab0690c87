"""AP and oLRP of one run over score thresholds, from its `sweep.json`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rankdet.charts.chart import Chart, Series
from rankdet.evaluation.units import finite

SHOWN = {"AP": "AP (× 100)", "oLRP": "oLRP (× 100)"}


def sweep_charts(rows: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """A chart of AP and one of oLRP over the lowest score that is kept before NMS.

    Args:
        rows: those of `sweep.json`, by ascending threshold; where they hold masks, these are a
            second curve.
    """
    return [_chart(rows, metric, label) for metric, label in SHOWN.items()]


def _chart(rows: Sequence[Mapping[str, Any]], metric: str, label: str) -> Chart:
    parts = {"boxes": "metrics"} | ({"masks": "segm"} if any("segm" in r for r in rows) else {})
    x = np.array([row["score_threshold"] for row in rows], dtype=float)
    series = []
    for name, part in parts.items():
        values = (finite((row.get(part) or {}).get(metric)) for row in rows)
        y = np.array([np.nan if v is None else 100 * v for v in values])
        series.append(Series(name, x, y, marked=True))
    told = "; ".join(
        f"{s.name} " + ", ".join(f"{b:.1f} at {a:g}" for a, b in zip(s.x, s.y, strict=True))
        for s in series
    )
    return Chart(
        name=f"sweep-{metric.lower()}",
        alt=f"{metric} × 100 over the lowest score that is kept: {told.replace('nan', 'none')}.",
        x_label="lowest score that is kept before NMS",
        y_label=label,
        series=tuple(series),
        y_limits=(0.0, 0.0) if metric == "AP" else None,
    )
