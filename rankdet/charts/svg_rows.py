"""Draws charts whose vertical positions have names as SVG: dots with intervals, and heat maps.

Diagrams without axes are drawn here too.
"""

from html import escape

import numpy as np

from rankdet.charts.axis import Floats, linear_axis, short
from rankdet.charts.chart import Chart, Series
from rankdet.charts.colours import COLOURS, colour, heat_colour, text_colour
from rankdet.charts.names import name_lines
from rankdet.charts.svg_marks import LETTER, band_path, dot_path, legend, legend_top, series_group

WIDTH = 460
ROW = 22  # height of a row in pixels
LONGEST = 24  # letters of a line of a name
LINE = 14  # height of a line of a name
BELOW = 40


def rows_height(chart: Chart) -> int:
    """The height of a chart with rows in pixels."""
    if chart.cells:
        return round(_heat_top(chart) + _row_height(chart) * len(chart.rows) + 8)
    return round(legend_top(chart, WIDTH) + _row_height(chart) * len(chart.rows) + BELOW)


def dot_rows(chart: Chart) -> str:
    """A row for each name, with a dot and its horizontal interval for each series."""
    key, top = legend(chart, WIDTH)
    row = _row_height(chart)
    left, right = _names_end(chart), WIDTH - 14
    bottom = top + row * len(chart.rows)
    axis = linear_axis(*chart.x_range(), None)
    lines = [f'<text x="4" y="14" opacity=".8">{escape(chart.y_label)}</text>', key]
    for position, name in enumerate(chart.rows):
        y = top + row * (position + 0.5)
        if chart.needs_legend and position % 2:  # stripes show which dots belong together
            lines.append(
                f'<rect x="{left:.1f}" y="{y - row / 2:.1f}" width="{right - left:.1f}" '
                f'height="{row:.1f}" fill-opacity=".05"/>'
            )
        lines.append(
            f"{_name(name, left - 6, y + 4)}"
            f'<path d="M{left:.1f} {y:.1f}H{right}" stroke="currentColor" stroke-opacity=".12"/>'
        )
    for value, text in axis.ticks:
        x = left + float(axis.fraction(np.array(value))) * (right - left)
        strength = ".6" if value == 0 else ".16"
        lines.append(
            f'<path d="M{x:.1f} {top:.1f}V{bottom:.1f}" stroke="currentColor" '
            f'stroke-opacity="{strength}"/>'
            f'<text x="{x:.1f}" y="{bottom + 17:.1f}" text-anchor="middle">{text}</text>'
        )
    for series in chart.series:
        place, look = chart.place(series), chart.look(series)
        heights = top + row * (series.y + row_offset(chart, series) + 0.5)
        lines.append(series_group(place, series.name))
        if series.low is not None and series.high is not None:
            low, high = (
                left + axis.fraction(a) * (right - left) for a in (series.low, series.high)
            )
            lines += _intervals(low, high, heights, look)
        if series.x_shares is not None:
            along, half = violin(chart, series)
            along, half = left + axis.fraction(along) * (right - left), row * half
            lines.append(band_path(along, heights[0] - half, heights[0] + half, look))
        lines.append(dot_path(left + axis.fraction(series.x) * (right - left), heights, look))
        lines.append("</g>")
    lines.append(
        f'<text x="{(left + right) / 2:.1f}" y="{bottom + 35:.1f}" text-anchor="middle" '
        f'opacity=".8">{escape(chart.x_label)}</text>'
    )
    return "".join(lines)


def crowding(chart: Chart) -> float:
    """How much higher a row is than a row of two dots, so that its dots do not touch."""
    return 1.0 if chart.cells or not chart.needs_legend else max(1.0, 0.55 * len(chart.legend))


def row_offset(chart: Chart, series: Series) -> float:
    """How far the dots of a series lie from the middle of their rows, in rows."""
    count = len(chart.legend)
    several = count > 1 and any(one.x_shares is None for one in chart.series)
    return 0.52 * (chart.place(series) / (count - 1) - 0.5) if several else 0.0


def violin(chart: Chart, series: Series) -> tuple[Floats, Floats]:
    """The outline of the distribution around a dot: x, and half its height in rows."""
    shares = np.asarray(series.x_shares)
    edges = np.linspace(*chart.x_range(), len(shares) + 1)
    largest = max(float(np.max(s.x_shares)) for s in chart.series if s.x_shares is not None)
    half = 0.46 * shares / (largest or 1.0)
    return np.repeat(edges, 2)[1:-1], np.repeat(half, 2)


def heat_map(chart: Chart) -> str:
    """A cell with its value for each row and column; colours are symmetric around 0."""
    largest = max((abs(v) for row in chart.cells for v in row if v is not None), default=0.0)
    left, top, row = _names_end(chart), _heat_top(chart), _row_height(chart)
    wide = _column_width(chart)
    lines = [f'<text x="4" y="14" opacity=".8">{escape(chart.y_label)}</text>']
    for place, name in enumerate(chart.columns):
        x = left + wide * (place + 0.5)
        parts = _column_name(chart, name)
        y = top - 8 - LINE * (len(parts) - 1)
        lines += [
            f'<text x="{x:.1f}" y="{y + LINE * k:g}" text-anchor="middle">{escape(part)}</text>'
            for k, part in enumerate(parts)
        ]
    for position, (name, values) in enumerate(zip(chart.rows, chart.cells, strict=True)):
        y = top + row * position
        lines.append(_name(name, left - 6, y + row / 2 + 4))
        for place, value in enumerate(values):
            if value is None:
                continue
            back = heat_colour(value, largest)
            x = left + wide * place
            lines.append(
                f'<rect x="{x:.1f}" y="{y:g}" width="{wide - 1:.1f}" height="{row - 1:g}" '
                f'fill="{back}"/><text x="{x + wide / 2:.1f}" y="{y + row / 2 + 4:g}" '
                f'text-anchor="middle" '
                f'fill="{text_colour(back)}">{short(round(value, 1))}</text>'
            )
    return "".join(lines)


def diagram(chart: Chart) -> str:
    """Rectangles and texts without axes."""
    marks = []
    for box in chart.boxes:
        line = COLOURS[box.colour % len(COLOURS)]
        fill = f'fill="{line}" fill-opacity=".12"' if box.filled else 'fill="none"'
        dash = ' stroke-dasharray="7 3"' if box.dashed else ""
        marks.append(
            f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width}" height="{box.height}" '
            f'{fill} stroke="{line}" stroke-width="2"{dash}/>'
        )
    for label in chart.labels:
        anchor = ' text-anchor="middle"' if label.centred else ""
        marks.append(
            f'<text x="{label.x:.1f}" y="{label.y:.1f}"{anchor}>{escape(label.text)}</text>'
        )
    return "".join(marks)


def _intervals(low: Floats, high: Floats, y: Floats, look: int) -> list[str]:
    ends = zip(low, high, y, strict=True)
    path = "".join(f"M{a:.1f} {at:.1f}H{b:.1f}" for a, b, at in ends if not np.isnan(a + b))
    return [f'<path d="{path}" stroke="{colour(look)}" stroke-width="1.6"/>'] if path else []


def _row_height(chart: Chart) -> float:
    """The height of a row: enough for its dots, and for the lines of its name."""
    lines = max((len(name_lines(name, LONGEST)) for name in chart.rows), default=1)
    return max(ROW * crowding(chart), 8.0 + LINE * lines)


def _names_end(chart: Chart) -> float:
    """Where the names of rows end, with some space, in pixels from the left."""
    longest = (max(map(len, name_lines(name, LONGEST))) for name in chart.rows)
    return 10 + LETTER * max(longest)


def _name(name: str, x: float, middle: float) -> str:
    """A name that ends at x, in lines around a height."""
    lines = name_lines(name, LONGEST)
    top = middle - LINE * (len(lines) - 1) / 2
    return "".join(
        f'<text x="{x:.1f}" y="{top + LINE * k:.1f}" text-anchor="end">{escape(line)}</text>'
        for k, line in enumerate(lines)
    )


def _column_width(chart: Chart) -> float:
    return (WIDTH - 6 - _names_end(chart)) / max(1, len(chart.columns))


def _column_name(chart: Chart, name: str) -> list[str]:
    return name_lines(name, max(3, int(_column_width(chart) / LETTER)), 4)


def _heat_top(chart: Chart) -> float:
    lines = max((len(_column_name(chart, name)) for name in chart.columns), default=1)
    return 30.0 + LINE * lines
