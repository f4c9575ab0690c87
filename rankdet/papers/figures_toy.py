"""Figures of the papers that need no training: the toy example of the aLRP paper."""

from html import escape

import numpy as np

from rankdet.charts.chart import COLOURS, WIDTH, Chart, Series
from rankdet.papers.toy_examples import IOUS, OBJECTS, POSITIVES, SCORES, THRESHOLDS, toy_pr

BOXES_HEIGHT = 176
NAMES = {"R1": "ranked as C", "R2": "ranked differently", "R3": "ranked inversely"}


def toy_outputs() -> list[Chart]:
    """Figure 1(a): the IoU that each box regressor gives the four positives, over their scores."""
    scores = np.array([SCORES[k] for k in POSITIVES])
    series = tuple(
        Series(f"{name}, {NAMES[name]}", scores[::-1], np.array(ious)[::-1])
        for name, ious in IOUS.items()
    )
    told = "; ".join(f"{s.name}: {', '.join(f'{v:.2f}' for v in s.y[::-1])}" for s in series)
    return [
        Chart(
            name="outputs",
            alt=f"IoU of the positives with scores 1.0, 0.8, 0.5 and 0.1. {told}.",
            x_label="score of the positive anchor",
            y_label="IoU of its box",
            series=series,
            x_limits=(0.0, 1.0),
            y_limits=(0.4, 1.0),
        )
    ]


def toy_curves() -> list[Chart]:
    """Figure A.6: interpolated precision over recall, a chart for every IoU threshold."""
    curves = toy_pr()
    recall = np.linspace(0, 1, 101)
    charts = []
    for threshold in THRESHOLDS:
        series = tuple(
            Series(f"C & {name}", recall, np.array(curves[threshold][name])) for name in IOUS
        )
        ends = "; ".join(
            f"{s.name} reaches recall {np.count_nonzero(s.y > 0) // (100 // OBJECTS) / OBJECTS:.1f}"
            for s in series
        )
        charts.append(
            Chart(
                name=f"iou-{round(100 * threshold)}",
                alt=f"Interpolated precision over recall at IoU {threshold:.2f}: {ends}.",
                x_label="recall",
                y_label=f"precision at IoU {threshold:.2f}",
                series=series,
                x_limits=(0.0, 1.0),
                y_limits=(0.0, 1.0),
            )
        )
    return charts


def toy_boxes() -> list[Chart]:
    """Figure A.5: for each output, the box of every positive beside its object, at the true IoU."""
    return [
        Chart(
            name=f"boxes-{name}",
            alt=f"Boxes of C & {name} and their objects, with IoUs "
            + ", ".join(f"{iou:.2f}" for iou in ious)
            + ".",
            x_label="",
            y_label="",
            series=(),
            drawn=_boxes(name, ious),
            height=BOXES_HEIGHT,
        )
        for name, ious in IOUS.items()
    ]


def _boxes(name: str, ious: tuple[float, ...]) -> str:
    """Squares shifted to the right by what leaves the wanted IoU: shift = side (1 − u)/(1 + u)."""
    side, step = 78.0, (WIDTH - 16) / len(ious)
    lines = [f'<text x="8" y="18">{escape(f"C & {name}: {NAMES[name]}")}</text>']
    top = 62.0
    for k, (anchor, iou) in enumerate(zip(POSITIVES, ious, strict=True)):
        left = 12 + k * step
        shift = side * (1 - iou) / (1 + iou)
        middle = left + (side + shift) / 2
        lines.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{side}" height="{side}" fill="none" '
            f'stroke="{COLOURS[1]}" stroke-width="2" stroke-dasharray="7 3"/>'
            f'<rect x="{left + shift:.1f}" y="{top:.1f}" width="{side}" height="{side}" '
            f'fill="{COLOURS[2]}" fill-opacity=".12" stroke="{COLOURS[2]}" stroke-width="2"/>'
            f'<text x="{middle:.1f}" y="{top - 10:.1f}" text-anchor="middle">a{anchor + 1}, '
            f"p = {SCORES[anchor]:.1f}</text>"
            f'<text x="{middle:.1f}" y="{top + side + 20:.1f}" text-anchor="middle">IoU '
            f"{iou:.2f}</text>"
        )
    return "".join(lines)
