"""Precision over recall of a toy example's outputs (aLRP paper, Figure A.6)."""

from types import ModuleType

import numpy as np

from rankdet.charts.chart import Chart, Series
from rankdet.papers.figure_kinds import ComputedFigure


def charts(toy: ModuleType) -> list[Chart]:
    """Interpolated precision over recall, a chart for every IoU threshold."""
    curves = toy.curves()
    recall = np.linspace(0, 1, 101)
    every = []
    for threshold in toy.THRESHOLDS:
        series = tuple(
            Series(f"C & {name}", recall, np.array(curves[threshold][name]), steps="before")
            for name in toy.IOUS
        )
        found = (np.count_nonzero(s.y > 0) // (100 // toy.OBJECTS) for s in series)
        ends = "; ".join(
            f"{s.name} reaches recall {count / toy.OBJECTS:.1f}"
            for s, count in zip(series, found, strict=True)
        )
        every.append(
            Chart(
                name=f"iou-{round(100 * threshold)}",
                alt=f"Interpolated precision over recall at IoU {threshold:.2f}: {ends}.",
                x_label="recall",
                y_label=f"precision at IoU {threshold:.2f}",
                series=series,
                x_limits=(0.0, 1.0),
                y_limits=(0.0, 1.0),
                layered=True,
            )
        )
    return every


FIGURE = ComputedFigure(charts)
