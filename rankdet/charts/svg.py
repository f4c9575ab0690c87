"""Draws line and dot charts as SVG that is legible on light and dark pages and without colour.

A report has hundreds of charts, so the SVG is written directly: this takes a millisecond per chart,
and texts can be selected. Lines and texts use `currentColor`, so a chart has the text colour of its
page; an SVG file follows `prefers-color-scheme`. The colours of series have a contrast of at least
3:1 on white and on near-black. Neighbouring series also differ in their dashes.
"""

import re
from collections.abc import Callable, Sequence
from html import escape

import numpy as np

from rankdet.charts.axis import FORMATS, linear_axis, log_axis
from rankdet.charts.chart import HEIGHT, Chart, Floats, Series, thin

COLOURS = ("#2f7ed8", "#d2601a", "#1f9254", "#a463c9", "#c2418c", "#8a7a1f", "#1b97a6", "#c7473f")
DASHES = ("", "7 3", "2 2.5", "9 3 2 3", "14 3")
WIDTH = 460
MARGIN_RIGHT, MARGIN_BOTTOM = 14, 40
FONT = 13
LETTER = 6.9  # mean width of a letter at this font size

STANDALONE = (
    "<style>svg{color:#1c2128;font-family:system-ui,sans-serif}"
    "@media(prefers-color-scheme:dark){svg{color:#e6e9ee}}</style>"
)


def chart_svg(chart: Chart, prefix: str) -> str:
    """One chart as inline SVG; its element ids begin with `prefix`."""
    name = _identifier(f"{prefix}-{chart.name}")
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {chart.height}" role="img" '
        f'aria-labelledby="{name}" font-size="{FONT}" fill="currentColor">'
        f'<title id="{name}">{escape(chart.alt)}</title>'
        f"{_body(chart)}</svg>"
    )


def figure_svg(charts: Sequence[Chart], title: str) -> str:
    """Charts side by side as the content of an SVG file."""
    alt = escape(" ".join([f"{title}.", *(chart.alt for chart in charts)]))
    bodies = "".join(
        f'<g transform="translate({WIDTH * position} 0)">{_body(chart)}</g>'
        for position, chart in enumerate(charts)
    )
    if not charts:
        bodies = '<text x="12" y="30">No run of this figure has a training record yet.</text>'
    height = max((chart.height for chart in charts), default=HEIGHT)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH * max(len(charts), 1)} '
        f'{height}" role="img" aria-labelledby="alt" font-size="{FONT}" fill="currentColor">'
        f'<title id="alt">{alt}</title>{STANDALONE}{bodies}</svg>\n'
    )


def style(position: int) -> tuple[str, str]:
    """Colour and dashes of the series at a position; there are eight colours and five dashes."""
    return COLOURS[position % len(COLOURS)], DASHES[position % len(DASHES)]


def _body(chart: Chart) -> str:
    if chart.boxes:
        return _diagram(chart)
    legend, top = _legend(chart)
    make = log_axis if chart.log else linear_axis
    vertical = make(*chart.y_range(), FORMATS[chart.y_format])
    left = 12 + LETTER * max(len(text) for _, text in vertical.ticks)
    if chart.x_log:
        horizontal = log_axis(*chart.x_range(), None)
    else:
        horizontal = linear_axis(*chart.x_range(), None, exact=True)
    right, bottom = WIDTH - MARGIN_RIGHT, HEIGHT - MARGIN_BOTTOM

    def place_x(value: Floats) -> Floats:
        return left + horizontal.fraction(value) * (right - left)

    def place_y(value: Floats) -> Floats:
        return bottom - vertical.fraction(value) * (bottom - top)

    lines = [f'<text x="4" y="14" opacity=".8">{escape(chart.y_label)}</text>', legend]
    lines.append('<g stroke="currentColor" stroke-opacity=".16">')
    for value, _ in vertical.ticks:
        y = place_y(np.array(value))
        lines.append(f'<path d="M{left:.1f} {y:.1f}H{right}"/>')
    lines.append("</g>")
    for value, text in vertical.ticks:
        y = place_y(np.array(value)) + 4
        lines.append(f'<text x="{left - 6:.1f}" y="{y:.1f}" text-anchor="end">{text}</text>')
    for value, text in horizontal.ticks:
        x = place_x(np.array(value))
        lines.append(
            f'<path d="M{x:.1f} {bottom}v4" stroke="currentColor"/>'
            f'<text x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{text}</text>'
        )
    middle = (left + right) / 2
    label = escape(chart.x_label)
    lines.append(f'<path d="M{left:.1f} {bottom}H{right}" stroke="currentColor"/>')
    lines.append(
        f'<text x="{middle:.1f}" y="{HEIGHT - 5}" text-anchor="middle" opacity=".8">{label}</text>'
    )
    for position, series in enumerate(chart.series):
        lines += _marks(series, position, place_x, place_y)
    return "".join(lines)


def _diagram(chart: Chart) -> str:
    marks = []
    for box in chart.boxes:
        colour = COLOURS[box.colour % len(COLOURS)]
        fill = f'fill="{colour}" fill-opacity=".12"' if box.filled else 'fill="none"'
        dash = ' stroke-dasharray="7 3"' if box.dashed else ""
        marks.append(
            f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width}" height="{box.height}" '
            f'{fill} stroke="{colour}" stroke-width="2"{dash}/>'
        )
    for label in chart.labels:
        anchor = ' text-anchor="middle"' if label.centred else ""
        marks.append(
            f'<text x="{label.x:.1f}" y="{label.y:.1f}"{anchor}>{escape(label.text)}</text>'
        )
    return "".join(marks)


def _marks(
    series: Series,
    position: int,
    place_x: Callable[[Floats], Floats],
    place_y: Callable[[Floats], Floats],
) -> list[str]:
    colour, dashes = style(position)
    if series.dots:
        return [_dots(place_x(series.x), place_y(series.y), colour, opacity=".65")]
    marks = []
    if series.low is not None and series.high is not None and np.any(series.high > series.low):
        x, low = thin(series.x, series.low)
        high = thin(series.x, series.high)[1]
        around = np.concatenate([x, x[::-1]]), np.concatenate([low, high[::-1]])
        path = _path(place_x(around[0]), place_y(around[1]))
        marks.append(f'<path d="{path}Z" fill="{colour}" fill-opacity=".2"/>')
    x, y = thin(series.x, series.y)
    dash = f' stroke-dasharray="{dashes}"' if dashes else ""
    marks.append(
        f'<path d="{_path(place_x(x), place_y(y))}" fill="none" stroke="{colour}" '
        f'stroke-width="1.9" stroke-linejoin="round"{dash}/>'
    )
    return [*marks, _dots(place_x(x), place_y(y), colour)] if series.marked else marks


def _dots(x: Floats, y: Floats, colour: str, opacity: str = "1") -> str:
    path = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in zip(x, y, strict=True))
    return (
        f'<path d="{path}" stroke="{colour}" stroke-opacity="{opacity}" stroke-width="5" '
        'stroke-linecap="round"/>'
    )


def _path(x: Floats, y: Floats) -> str:
    points = [f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True)]
    return f"M{'L'.join(points)}" if points else "M0 0"


def _legend(chart: Chart) -> tuple[str, float]:
    """Returns the legend above the plot, wrapped to its width, and the top of the plot."""
    x, y, marks = 4.0, 32.0, []
    if len(chart.series) < 2:
        return "", 26.0
    for position, series in enumerate(chart.series):
        colour, dashes = style(position)
        name = series.name if len(series.name) <= 44 else series.name[:43] + "…"
        width = 40 + LETTER * len(name)
        if x > 4 and x + width > WIDTH:
            x, y = 4.0, y + 17
        dash = f' stroke-dasharray="{dashes}"' if dashes else ""
        marks.append(
            f'<path d="M{x:.1f} {y - 4:.1f}h24" stroke="{colour}" stroke-width="2.4"{dash}/>'
            f'<text x="{x + 29:.1f}" y="{y:.1f}">{escape(name)}</text>'
        )
        x += width
    return "".join(marks), y + 14


def _identifier(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text)
