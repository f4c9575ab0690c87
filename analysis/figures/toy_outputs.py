"""IoU over score of the positives of a toy example (aLRP paper, Figure 1a)."""

from types import ModuleType

import numpy as np

from rankdet.charts.chart import Chart, Series
from rankdet.papers.figure_kinds import ComputedFigure


def charts(toy: ModuleType) -> list[Chart]:
    """The IoU that each box regressor gives the four positives, over their scores."""
    scores = np.array([toy.SCORES[k] for k in toy.POSITIVES])
    series = tuple(
        Series(f"{name}, {toy.NAMES[name]}", scores[::-1], np.array(ious)[::-1], dots=True)
        for name, ious in toy.IOUS.items()
    )
    values = "; ".join(f"{s.name}: {', '.join(f'{v:.2f}' for v in s.y[::-1])}" for s in series)
    return [
        Chart(
            name="outputs",
            alt=f"IoU of the positives with scores 1.0, 0.8, 0.5 and 0.1. {values}.",
            x_label="score of the positive anchor",
            y_label="IoU of its box",
            series=series,
            x_limits=(0.0, 1.0),
            y_limits=(0.4, 1.0),
        )
    ]


FIGURE = ComputedFigure(charts)
