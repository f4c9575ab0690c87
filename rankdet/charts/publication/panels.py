"""Draws one panel of a chart on axes of matplotlib."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, NullLocator

from rankdet.charts.axis import Axis, linear_axis
from rankdet.charts.chart import Chart, Series
from rankdet.charts.colours import (
    FEW,
    HIGH,
    LOW,
    MIDDLE,
    SHAPES,
    colour,
    dashes,
    line_width,
    shape,
    text_colour,
)
from rankdet.charts.names import name_lines
from rankdet.charts.svg_marks import DIAGONAL
from rankdet.charts.svg_plot import WIDTH, axes
from rankdet.charts.svg_rows import row_offset, violin

MARKERS = dict(zip(SHAPES, ("o", "s", "^", "D", "x"), strict=True))
POINTS = 0.55  # points of a paper for a pixel of a page
GRID, STRIPE = "#dddddd", "#f3f3f3"
GUIDE: dict[str, Any] = {"color": "#888888", "linewidth": 0.7, "linestyle": (0, (3, 3))}
LETTER_SPACE = 26  # pixels left of a diagram for the letter of its panel


def plot(on: Axes, chart: Chart, series: Sequence[Series]) -> None:
    """Draws curves, bands and dots with the ranges and ticks that the page shows."""
    horizontal, vertical = axes(chart)
    if chart.log:
        on.set_yscale("log")
    if chart.x_log:
        on.set_xscale("log")
    _ticks(on, horizontal, vertical)
    if chart.diagonal:
        on.plot(on.get_xlim(), on.get_xlim(), **GUIDE)
    for one in series:
        look = chart.look(one)
        if one.dots:
            if one.low is not None and one.high is not None:
                on.vlines(one.x, one.low, one.high, color=colour(look), linewidth=0.7, alpha=0.6)
            _dots(on, one.x, one.y, look, 0.65)
            continue
        if band := one.band():
            on.fill_between(*band, color=colour(look), alpha=0.2, linewidth=0)
        on.plot(*one.line(), **_line(chart, one, dashed=len(series) > 1))
        if one.marked:
            _dots(on, one.x, one.y, look, 1)
    sns.despine(ax=on)


def sample(chart: Chart, series: Series) -> Line2D:
    """The mark of a series in the legend: a line for a curve, a dot for dots."""
    dotted: dict[str, Any] = {}
    if series.dots or series.marked:
        dotted = _marker(chart.look(series), few=int(np.isfinite(series.y).sum()) <= FEW)
    look = {"linestyle": "none"} if series.dots else _line(chart, series)
    return Line2D([], [], label=chart.legend[chart.place(series)], **look, **dotted)


def diagonal_sample() -> Line2D:
    """The mark of the diagonal in the legend."""
    return Line2D([], [], label=DIAGONAL, **GUIDE)


def dot_rows(on: Axes, chart: Chart) -> None:
    """A row for each name, with a dot and its horizontal interval for each series."""
    if chart.needs_legend:  # several dots in a row: stripes show which belong together
        for position in range(1, len(chart.rows), 2):
            on.axhspan(position - 0.5, position + 0.5, color=STRIPE, linewidth=0, zorder=0)
    for one in chart.series:
        look, heights = chart.look(one), one.y + row_offset(chart, one)
        if one.x_shares is not None:
            x, half = violin(chart, one)
            middle = float(heights[0])
            on.fill_between(x, middle - half, middle + half, color=colour(look), alpha=0.3, lw=0)
        if one.low is not None and one.high is not None:
            on.hlines(heights, one.low, one.high, color=colour(look), linewidth=0.9)
        _dots(on, one.x, heights, look, 1)
    on.axvline(0, color="#555555", linewidth=0.6)
    on.set_yticks(range(len(chart.rows)), [_lines(name) for name in chart.rows])
    on.set_ylim(len(chart.rows) - 0.35, -0.65)  # room for the lowest dots
    _level_ticks(on, linear_axis(*chart.x_range(), None))
    on.tick_params(axis="y", length=0)
    on.grid(color=GRID)
    sns.despine(ax=on, left=True)


def heat_map(on: Axes, chart: Chart) -> None:
    """A cell with its value for each row and column; colours are symmetric around 0."""
    values = np.array([[np.nan if v is None else v for v in row] for row in chart.cells])
    largest = float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 0.0
    colours = LinearSegmentedColormap.from_list("difference", [LOW, MIDDLE, HIGH])
    names = [_lines(name, 14) for name in chart.columns]
    sns.heatmap(
        values,
        ax=on,
        cmap=colours,
        vmin=-(largest or 1.0),
        vmax=largest or 1.0,
        annot=True,
        fmt=".1f",
        linewidths=0.4,
        xticklabels=names,
        yticklabels=[_lines(name) for name in chart.rows],
        cbar=False,
    )
    shades = np.asarray(on.collections[0].get_facecolor())
    for text, cell in zip(on.texts, shades[np.isfinite(values).ravel()], strict=True):
        red, green, blue = (round(255 * part) for part in cell[:3])
        text.set_color(text_colour(f"#{red:02x}{green:02x}{blue:02x}"))
    on.tick_params(axis="y", rotation=0, length=0)
    on.tick_params(axis="x", rotation=30 if max(map(len, names)) > 8 else 0, length=0)


def diagram(on: Axes, chart: Chart) -> None:
    """Rectangles and texts without axes, at the places that the page shows."""
    for box in chart.boxes:
        line = colour(box.colour)
        look: dict[str, Any] = {"linestyle": (0, (4, 2))} if box.dashed else {}
        corner, size = (box.x, box.y), (box.width, box.height)
        if box.filled:
            on.add_patch(Rectangle(corner, *size, facecolor=line, alpha=0.12, linewidth=0))
        on.add_patch(Rectangle(corner, *size, fill=False, edgecolor=line, linewidth=0.9, **look))
    for label in chart.labels:
        on.text(label.x, label.y, label.text, ha="center" if label.centred else "left")
    on.set_xlim(-LETTER_SPACE, WIDTH)
    on.set_ylim(chart.height, 0)
    on.set_aspect("equal")
    on.axis("off")


def margins(above: Axes, beside: Axes, chart: Chart, series: Sequence[Series]) -> None:
    """The distributions of a scatter's x above it, and of its y beside it."""
    for one in series:
        shade = colour(chart.look(one))
        for on, shares, limits in (
            (above, one.x_shares, chart.x_range()),
            (beside, one.y_shares, chart.y_range()),
        ):
            if shares is not None:
                edges = np.linspace(*limits, len(shares) + 1)
                way: Any = "vertical" if on is above else "horizontal"
                on.stairs(shares, edges, orientation=way, color=shade, fill=True, alpha=0.35)
                on.stairs(shares, edges, orientation=way, color=shade, linewidth=0.8)
    for on in (above, beside):
        on.axis("off")


def _ticks(on: Axes, horizontal: Axis, vertical: Axis) -> None:
    _level_ticks(on, horizontal)
    _set_ticks(on.yaxis, vertical)
    on.set_ylim(vertical.low, vertical.high)
    on.grid(axis="y", color=GRID)
    on.set_axisbelow(True)


def _level_ticks(on: Axes, axis: Axis) -> None:
    _set_ticks(on.xaxis, axis)
    on.set_xlim(axis.low, axis.high)


def _set_ticks(on: XAxis | YAxis, axis: Axis) -> None:
    on.set_major_locator(FixedLocator([value for value, _ in axis.ticks]))
    on.set_minor_locator(NullLocator())
    on.set_ticklabels([text for _, text in axis.ticks])


def _line(chart: Chart, series: Series, dashed: bool = True) -> dict[str, Any]:
    look = chart.look(series)
    dash = dashes(look) if dashed else ""
    lengths = [float(length) for length in dash.split()]
    width = line_width(chart.place(series), len(chart.legend), chart.layered, dash)
    return {
        "color": colour(look),
        "linewidth": POINTS * width,
        "linestyle": (0, tuple(length / 2 for length in lengths)) if lengths else "-",
    }


def _dots(on: Axes, x: np.ndarray, y: np.ndarray, look: int, opacity: float) -> None:
    count = int(np.isfinite(y).sum())
    if count == 0:  # matplotlib gives an empty line without a clip an infinite size
        return
    few = count <= FEW
    on.plot(x, y, linestyle="none", clip_on=not few, **_marker(look, few, opacity))


def _marker(look: int, few: bool, opacity: float = 1) -> dict[str, Any]:
    hollow = few and shape(look) != SHAPES[0]
    return {
        "marker": MARKERS[shape(look)] if few else "o",
        "markersize": 4.2 if few else 2.4,
        "markerfacecolor": "none" if hollow else colour(look),
        "markeredgecolor": colour(look),
        "markeredgewidth": 0.9 if few else 0,
        "alpha": 1 if few else opacity,
    }


def _lines(name: str, letters: int = 26) -> str:
    return "\n".join(name_lines(name, letters, 3))
