"""Draws curves and dots on axes as SVG: one panel, or several with the same axes."""

from html import escape
from typing import NamedTuple

import numpy as np

from rankdet.charts.axis import FORMATS, Axis, Floats, linear_axis, log_axis
from rankdet.charts.chart import HEIGHT, Chart, Series
from rankdet.charts.names import name_lines
from rankdet.charts.svg_marks import (
    LETTER,
    band_path,
    bar_path,
    dot_path,
    legend,
    legend_top,
    line_path,
    series_group,
)

WIDTH = 460
FONT, SMALL = 13, 11
MARGIN_RIGHT, MARGIN_BOTTOM = 14, 40
PANEL = 128  # height of a small panel in pixels, with a title of one line
TITLE = 26  # letters of a line of a small panel's title
SPACE = 14  # between two panels
TICKS_OF_PANEL = 3
LABEL, MOST = 16, 4  # height of a further line of the horizontal label, and its most lines
USUAL_TOP = 63  # of a plot below a legend of two lines; a longer legend makes a plot higher


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
    top = legend_top(chart, WIDTH)
    below = LABEL * (len(_level(chart)) - 1 + len(_note(chart)))
    if len(chart.panels) == 1:
        return round(HEIGHT + max(0.0, top - USUAL_TOP) + below)
    return round(top + -(-len(chart.panels) // 2) * (PANEL + _more(chart)) + MARGIN_BOTTOM + below)


def _level(chart: Chart) -> list[str]:
    """The lines of the label of the horizontal axis."""
    return name_lines(chart.x_label, int(WIDTH / LETTER) - 4, MOST)


def _note(chart: Chart) -> list[str]:
    """The lines of the remark below a chart, in smaller letters."""
    letters = int(WIDTH / LETTER * FONT / SMALL) - 4
    return name_lines(chart.note, letters, MOST) if chart.note else []


def plot(chart: Chart) -> str:
    """Axes with curves, bands and dots; several panels are two in a line."""
    key, top = legend(chart, WIDTH)
    horizontal, vertical = axes(chart)
    left = 12 + LETTER * max(len(text) for _, text in vertical.ticks)
    title = f'<text x="4" y="14" opacity=".8">{escape(chart.y_label)}</text>'
    lines = [f'<g class="head">{title}{key}</g>']
    height, level = plot_height(chart), _level(chart)
    note = _note(chart)
    height -= LABEL * (len(level) - 1 + len(note))
    if len(chart.panels) == 1:
        right, bottom = WIDTH - MARGIN_RIGHT, height - MARGIN_BOTTOM
        frame = Frame(left, top, right, bottom, horizontal, vertical)
        lines += [*_grid(frame), *_x_ticks(frame), *_marks(chart, chart.series, frame)]
        middle = (left + right) / 2
    else:
        lines += _small_panels(chart, Frame(left, top, 0, 0, horizontal, vertical))
        middle = WIDTH / 2
    lines += [
        f'<text x="{middle:.1f}" y="{height - 5 + LABEL * k}" text-anchor="middle" opacity=".8">'
        f"{escape(part)}</text>"
        for k, part in enumerate(level)
    ]
    lines += [
        f'<text x="4" y="{height - 5 + LABEL * (len(level) + k)}" font-size="{SMALL}" '
        f'opacity=".8">{escape(part)}</text>'
        for k, part in enumerate(note)
    ]
    return "".join(lines)


def _small_panels(chart: Chart, whole: Frame) -> list[str]:
    lines: list[str] = []
    width = (WIDTH - MARGIN_RIGHT - whole.left - SPACE) / 2
    count, more = len(chart.panels), _more(chart)
    for position, (title, series) in enumerate(chart.panels.items()):
        left = whole.left + (position % 2) * (width + SPACE)
        top = whole.top + (position // 2) * (PANEL + more) + more
        frame = whole._replace(left=left, top=top + 18, right=left + width, bottom=top + PANEL - 8)
        names = name_lines(title, TITLE)
        lines += [
            f'<text x="{left:.1f}" y="{top + 11 - 14 * k:.1f}">{escape(name)}</text>'
            for k, name in enumerate(reversed(names))
        ]
        lines += _grid(frame, texts=position % 2 == 0, few=True)
        lines += _x_ticks(frame, texts=position >= count - 2, few=True)
        lines += _marks(chart, series, frame)
    return lines


def _more(chart: Chart) -> int:
    """What a panel needs above `PANEL` for the second line of a title."""
    return 14 if any(len(name_lines(name, TITLE)) > 1 for name in chart.panels) else 0


def _grid(frame: Frame, texts: bool = True, few: bool = False) -> list[str]:
    ticks = _few(frame.vertical.ticks) if few else frame.vertical.ticks
    lines = ['<g class="ticks"><g stroke="currentColor" stroke-opacity=".16">']
    places = [(float(frame.y(np.array(value))), text) for value, text in ticks]
    lines += [f'<path d="M{frame.left:.1f} {y:.1f}H{frame.right:.1f}"/>' for y, _ in places]
    lines.append("</g>")
    if texts:
        lines += [
            f'<text x="{frame.left - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
            for y, text in places
        ]
    return [*lines, "</g>"]


def _x_ticks(frame: Frame, texts: bool = True, few: bool = False) -> list[str]:
    lines = ['<g class="ticks">']
    for value, text in _few(frame.horizontal.ticks) if few else frame.horizontal.ticks:
        x = float(frame.x(np.array(value)))
        lines.append(f'<path d="M{x:.1f} {frame.bottom:g}v4" stroke="currentColor"/>')
        if texts:
            lines.append(
                f'<text x="{x:.1f}" y="{frame.bottom + 17:g}" text-anchor="middle">{text}</text>'
            )
    axis = f'<path d="M{frame.left:.1f} {frame.bottom:g}H{frame.right:g}" stroke="currentColor"/>'
    return [*lines, "</g>", axis]


def _few(ticks: tuple[tuple[float, str], ...]) -> tuple[tuple[float, str], ...]:
    return ticks[:: -(-len(ticks) // TICKS_OF_PANEL)]


def _marks(chart: Chart, every: tuple[Series, ...] | list[Series], frame: Frame) -> list[str]:
    marks = [_area(chart, frame)]
    if chart.diagonal:
        ends = np.array([frame.horizontal.low, frame.horizontal.high])
        marks.append(line_path(frame.x(ends), frame.y(ends)))
    for series in every:
        place, look = chart.place(series), chart.look(series)
        marks.append(series_group(place, series.name))
        if series.dots:
            if series.low is not None and series.high is not None:
                low, high = frame.y(series.low), frame.y(series.high)
                marks.append(bar_path(frame.x(series.x), low, high, look))
            marks.append(dot_path(frame.x(series.x), frame.y(series.y), look, ".65") + "</g>")
            continue
        if band := series.band():
            x, low, high = band
            marks.append(band_path(frame.x(x), frame.y(low), frame.y(high), look))
        x, y = series.line()
        width = (place, len(chart.legend), chart.layered)
        alone = len(every) == 1  # a curve alone in its panel needs no dashes
        marks.append(line_path(frame.x(x), frame.y(y), look, width, dashed=not alone))
        if series.marked:
            marks.append(dot_path(frame.x(x), frame.y(y), look))
        marks.append("</g>")
    return [*marks, "</svg>"]


def _area(chart: Chart, frame: Frame) -> str:
    """The begin of the plotted area: scripts of pages zoom it, and read values from its axes."""
    size = (
        f"{frame.left:.1f} {frame.top:.1f} "
        f"{frame.right - frame.left:.1f} {frame.bottom - frame.top:.1f}"
    )
    x, y, width, height = size.split()
    rate = ' data-rate=""' if chart.y_format == "rate" else ""
    return (
        f'<svg class="area" x="{x}" y="{y}" width="{width}" height="{height}" viewBox="{size}" '
        f'preserveAspectRatio="none" overflow="visible" data-x="{_ends(frame.horizontal)}" '
        f'data-y="{_ends(frame.vertical)}" data-name="{escape(chart.x_label)}"{rate}>'
    )


def _ends(axis: Axis) -> str:
    return f"{axis.low:g} {axis.high:g}{' log' if axis.log else ''}"
