"""Figures of the papers that need no training: the toy example of the aLRP paper."""

import numpy as np

from rankdet.charts.chart import Box, Chart, Label, Series
from rankdet.charts.svg import WIDTH
from rankdet.papers.toy_examples import IOUS, OBJECTS, POSITIVES, SCORES, THRESHOLDS, toy_pr

HEIGHT, TOP, SIDE = 176, 62.0, 78.0  # of the diagram and its boxes, in pixels
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
            boxes=_boxes(ious),
            labels=_labels(name, ious),
            height=HEIGHT,
        )
        for name, ious in IOUS.items()
    ]


def _places(ious: tuple[float, ...]) -> list[tuple[float, float]]:
    """Left edge of every object, and how far its box is shifted: side (1 − IoU)/(1 + IoU)."""
    step = (WIDTH - 16) / len(ious)
    return [(12 + k * step, SIDE * (1 - iou) / (1 + iou)) for k, iou in enumerate(ious)]


def _boxes(ious: tuple[float, ...]) -> tuple[Box, ...]:
    boxes = []
    for left, shift in _places(ious):
        boxes.append(Box(left, TOP, SIDE, SIDE, colour=1, dashed=True))
        boxes.append(Box(left + shift, TOP, SIDE, SIDE, colour=2, filled=True))
    return tuple(boxes)


def _labels(name: str, ious: tuple[float, ...]) -> tuple[Label, ...]:
    labels = [Label(8, 18, f"C & {name}: {NAMES[name]}")]
    for (left, shift), anchor, iou in zip(_places(ious), POSITIVES, ious, strict=True):
        middle = left + (SIDE + shift) / 2
        above = f"a{anchor + 1}, p = {SCORES[anchor]:.1f}"
        labels.append(Label(middle, TOP - 10, above, centred=True))
        labels.append(Label(middle, TOP + SIDE + 20, f"IoU {iou:.2f}", centred=True))
    return tuple(labels)
