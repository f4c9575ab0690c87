"""Boxes of a toy example and their objects, at the true IoU (aLRP paper, Figure A.5)."""

from types import ModuleType

from rankdet.charts.chart import Box, Chart, Label
from rankdet.charts.svg_plot import WIDTH
from rankdet.papers.figure_kinds import ComputedFigure

HEIGHT, TOP, SIDE = 168, 62.0, 66.0  # in pixels: diagram height, top and side of the boxes


def charts(toy: ModuleType) -> list[Chart]:
    """For each output, the box and the object of every positive, at the true IoU."""
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
            labels=_labels(toy, name, ious),
            height=HEIGHT,
        )
        for name, ious in toy.IOUS.items()
    ]


def _places(ious: tuple[float, ...]) -> list[tuple[float, float]]:
    """Left edge of every object, and the shift of its box: side (1 − IoU)/(1 + IoU).

    Object and box together stand in the middle of a column, and the columns are equally wide.
    """
    step = WIDTH / len(ious)
    shifts = [SIDE * (1 - iou) / (1 + iou) for iou in ious]
    return [((k + 0.5) * step - (SIDE + shift) / 2, shift) for k, shift in enumerate(shifts)]


def _boxes(ious: tuple[float, ...]) -> tuple[Box, ...]:
    boxes = []
    for left, shift in _places(ious):
        boxes.append(Box(left, TOP, SIDE, SIDE, colour=1, dashed=True))
        boxes.append(Box(left + shift, TOP, SIDE, SIDE, colour=2, filled=True))
    return tuple(boxes)


def _labels(toy: ModuleType, name: str, ious: tuple[float, ...]) -> tuple[Label, ...]:
    labels = [Label(8, 18, f"C & {name}: {toy.NAMES[name]}")]
    for (left, shift), anchor, iou in zip(_places(ious), toy.POSITIVES, ious, strict=True):
        middle = left + (SIDE + shift) / 2
        above = f"a{anchor + 1}, p = {toy.SCORES[anchor]:.1f}"
        labels.append(Label(middle, TOP - 10, above, centred=True))
        labels.append(Label(middle, TOP + SIDE + 20, f"IoU {iou:.2f}", centred=True))
    return tuple(labels)


FIGURE = ComputedFigure(charts)
