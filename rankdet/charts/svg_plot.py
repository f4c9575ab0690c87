"""Draws curves and dots on axes as SVG: one panel, or several with the same axes."""

from html import escape
from typing import NamedTuple

import numpy as np

from rankdet.charts.axis import FORMATS, Axis, Floats, linear_axis, log_axis
from rankdet.charts.chart import HEIGHT, Chart, Series
from rankdet.charts.svg_marks import LETTER, band_path, dot_path, legend, line_path

WIDTH = 460
FONT = 13
MARGIN_RIGHT, MARGIN_BOTTOM = 14, 40
PANEL = 128  # height of a small panel in pixels, with its title
SPACE = 14  # between two panels
TICKS_OF_PANEL = 3


class Frame(NamedTuple):
    """A plot's edges in pixels and its axes."""

    left: float
    top: float
    right: float
    bottom: float
    horizontal: Axis
    vertical: Axis

    def x(self, values: Floats) -> Floats:
        """Pixels of values on the horizontal axis."""
        return self.left + self.horizontal.fraction(values) * (self.right - self.left)

    def y(self, values: Floats) -> Floats:
        """Pixels of values on the vertical axis."""
        return self.bottom - self.vertical.fraction(values) * (self.bottom - self.top)


def axes(chart: Chart) -> tuple[Axis, Axis]:
    """The horizontal and the vertical axis of a chart."""
    make = log_axis if chart.log else linear_axis
    horizontal = linear_axis(*chart.x_range(), None, exact=True)
    if chart.x_log:
        horizontal = log_axis(*chart.x_range(), None)
    return horizontal, make(*chart.y_range(), FORMATS[chart.y_format])


def plot_height(chart: Chart) -> int:
    """The height of a plot in pixels."""
    if len(chart.panels) == 1:
        return HEIGHT
    top = legend(chart, WIDTH)[1]
    return round(top + -(-len(chart.panels) // 2) * PANEL + MARGIN_BOTTOM)


def plot(chart: Chart) -> str:
    """Axes with curves, bands and dots; several panels are two in a line."""
    key, top = legend(chart, WIDTH)
    horizontal, vertical = axes(chart)
    left = 12 + LETTER * max(len(text) for _, text in vertical.ticks)
    lines = [f'<text x="4" y="14" opacity=".8">{escape(chart.y_label)}</text>', key]
    height = plot_height(chart)
    if len(chart.panels) == 1:
        right, bottom = WIDTH - MARGIN_RIGHT, HEIGHT - MARGIN_BOTTOM
        frame = Frame(left, top, right, bottom, horizontal, vertical)
        lines += [*_grid(frame), *_x_ticks(frame), *_marks(chart, chart.series, frame)]
        middle = (left + right) / 2
    else:
        lines += _small_panels(chart, Frame(left, top, 0, 0, horizontal, vertical))
        middle = WIDTH / 2
    lines.append(
        f'<text x="{middle:.1f}" y="{height - 5}" text-anchor="middle" opacity=".8">'
        f"{escape(chart.x_label)}</text>"
    )
    return "".join(lines)


def _small_panels(chart: Chart, whole: Frame) -> list[str]:
    lines: list[str] = []
    width = (WIDTH - MARGIN_RIGHT - whole.left - SPACE) / 2
    count = len(chart.panels)
    for position, (title, series) in enumerate(chart.panels.items()):
        left = whole.left + (position % 2) * (width + SPACE)
        top = whole.top + (position // 2) * PANEL
        frame = whole._replace(left=left, top=top + 18, right=left + width, bottom=top + PANEL - 8)
        name = title if len(title) <= 28 else title[:27] + "…"
        lines.append(f'<text x="{left:.1f}" y="{top + 11:.1f}">{escape(name)}</text>')
        lines += _grid(frame, texts=position % 2 == 0, few=True)
        lines += _x_ticks(frame, texts=position >= count - 2, few=True)
        lines += _marks(chart, series, frame)
    return lines


def _grid(frame: Frame, texts: bool = True, few: bool = False) -> list[str]:
    ticks = _few(frame.vertical.ticks) if few else frame.vertical.ticks
    lines = ['<g stroke="currentColor" stroke-opacity=".16">']
    places = [(float(frame.y(np.array(value))), text) for value, text in ticks]
    lines += [f'<path d="M{frame.left:.1f} {y:.1f}H{frame.right:.1f}"/>' for y, _ in places]
    lines.append("</g>")
    if texts:
        lines += [
            f'<text x="{frame.left - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
            for y, text in places
        ]
    return lines


def _x_ticks(frame: Frame, texts: bool = True, few: bool = False) -> list[str]:
    lines = []
    for value, text in _few(frame.horizontal.ticks) if few else frame.horizontal.ticks:
        x = float(frame.x(np.array(value)))
        lines.append(f'<path d="M{x:.1f} {frame.bottom:g}v4" stroke="currentColor"/>')
        if texts:
            lines.append(
                f'<text x="{x:.1f}" y="{frame.bottom + 17:g}" text-anchor="middle">{text}</text>'
            )
    axis = f'<path d="M{frame.left:.1f} {frame.bottom:g}H{frame.right:g}" stroke="currentColor"/>'
    return [*lines, axis]


def _few(ticks: tuple[tuple[float, str], ...]) -> tuple[tuple[float, str], ...]:
    return ticks[:: -(-len(ticks) // TICKS_OF_PANEL)]


def _marks(chart: Chart, every: tuple[Series, ...] | list[Series], frame: Frame) -> list[str]:
    marks = []
    if chart.diagonal:
        ends = np.array([frame.horizontal.low, frame.horizontal.high])
        marks.append(line_path(frame.x(ends), frame.y(ends)))
    for series in every:
        place = chart.place(series)
        if series.dots:
            marks.append(dot_path(frame.x(series.x), frame.y(series.y), place, ".65"))
            continue
        if band := series.band():
            x, low, high = band
            marks.append(band_path(frame.x(x), frame.y(low), frame.y(high), place))
        x, y = series.line()
        width = (place, len(chart.legend), chart.layered)
        alone = len(every) == 1  # a curve alone in its panel needs no dashes
        marks.append(line_path(frame.x(x), frame.y(y), place, width, dashed=not alone))
        if series.marked:
            marks.append(dot_path(frame.x(x), frame.y(y), place))
    return marks
