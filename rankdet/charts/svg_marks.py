"""The marks of a plot as SVG: lines, bands, dots with shapes, and the legend that explains them."""

from html import escape

import numpy as np

from rankdet.charts.axis import Floats
from rankdet.charts.chart import Chart, Series
from rankdet.charts.colours import FEW, colour, dashes, line_width, shape

LETTER = 6.9  # mean width of a letter at the font size of a chart
DIAGONAL = "precision = score"  # of the diagonal, in a legend
GREY = 'stroke="currentColor" stroke-opacity=".45" stroke-dasharray="3 3"'
# Outlines around a point, as steps from it in pixels; those after the first are hollow.
OUTLINES = {
    "square": "m-4.5 -4.5h9v9h-9z",
    "triangle": "m0 -5.5l5.5 9.5h-11z",
    "diamond": "m0 -6l5 6l-5 6l-5 -6z",
    "cross": "m-4 -4l8 8m0 -8l-8 8",
}


def line_path(
    x: Floats,
    y: Floats,
    look: int | None = None,
    width: tuple[int, int, bool] | None = None,
    dashed: bool = True,
) -> str:
    """A line through points in pixels, with a look; without one it is a grey guide."""
    path = f'<path d="{_through(x, y)}" fill="none" '
    if look is None:
        return f"{path}{GREY}/>"
    lengths = dashes(look) if dashed else ""
    dash = f' stroke-dasharray="{lengths}"' if lengths else ""
    size = line_width(*(width or (0, 1, False)), lengths)
    return f'{path}stroke="{colour(look)}" stroke-width="{size:g}" stroke-linejoin="round"{dash}/>'


def band_path(x: Floats, low: Floats, high: Floats, look: int) -> str:
    """The area between two curves, in pixels."""
    path = _through(np.concatenate([x, x[::-1]]), np.concatenate([low, high[::-1]]))
    return f'<path d="{path}Z" fill="{colour(look)}" fill-opacity=".2"/>'


def series_group(place: int, name: str) -> str:
    """The begin of the group of a series; scripts of pages find it by these attributes."""
    return f'<g class="series" data-series="{place}" data-name="{escape(name)}">'


def dot_path(x: Floats, y: Floats, look: int, opacity: str = "1") -> str:
    """Dots at points in pixels; a few have the shape of their look."""
    keep = ~(np.isnan(x) | np.isnan(y))
    few = keep.sum() <= FEW
    outline = OUTLINES.get(shape(look)) if few else None
    points = zip(np.asarray(x)[keep], np.asarray(y)[keep], strict=True)
    path = "".join(f"M{a:.1f} {b:.1f}{outline or 'h0'}" for a, b in points)
    if outline:
        return f'<path d="{path}" fill="none" stroke="{colour(look)}" stroke-width="1.9"/>'
    return (
        f'<path d="{path}" stroke="{colour(look)}" stroke-opacity="{opacity}" '
        f'stroke-width="{8 if few else 5}" '
        'stroke-linecap="round"/>'
    )


def bar_path(x: Floats, low: Floats, high: Floats, look: int) -> str:
    """The vertical intervals of dots, in pixels."""
    ends = zip(x, low, high, strict=True)
    path = "".join(f"M{a:.1f} {b:.1f}L{a:.1f} {c:.1f}" for a, b, c in ends if np.isfinite(b + c))
    return f'<path d="{path or "M0 0"}" stroke="{colour(look)}" stroke-opacity=".6"/>'


def legend(chart: Chart, width: float) -> tuple[str, float]:
    """The legend above a plot, wrapped to its width, and the top of the plot.

    It shows a line for a curve and a dot for dots. A plot with one series in each panel has none.
    """
    keys, top = _keys(chart, width)
    count = len(chart.legend)
    first = {chart.place(one): one for one in reversed(chart.series)} if chart.needs_legend else {}
    marks = (
        f'<g class="key" data-series="{place}">'
        f"{_sample(chart, first[place], (place, count, chart.layered), x, y - 4)}"
        f'<text x="{x + 29:.1f}" y="{y:.1f}">{escape(name)}</text></g>'
        for place, (name, x, y) in enumerate(keys[: len(chart.legend)] if first else ())
    )
    guide = _diagonal_key(*keys[-1]) if chart.diagonal else ""
    return "".join(marks) + guide, top


def _diagonal_key(name: str, x: float, y: float) -> str:
    line = line_path(np.array([x, x + 24]), np.array([y - 4, y - 4]))
    return f'<g class="key">{line}<text x="{x + 29:.1f}" y="{y:.1f}">{escape(name)}</text></g>'


def legend_top(chart: Chart, width: float) -> float:
    """The top of the plot below its legend, without drawing the legend."""
    return _keys(chart, width)[1]


def _keys(chart: Chart, width: float) -> tuple[list[tuple[str, float, float]], float]:
    """The name of each key of the legend with its place in pixels, and the top of the plot."""
    names = [*(chart.legend if chart.needs_legend else ()), DIAGONAL if chart.diagonal else ""]
    if not any(names):
        return [], 26.0
    x, y, keys = 4.0, 32.0, []
    most = int((width - 40) / LETTER)
    for text in filter(None, names):
        name = text if len(text) <= most else text[: most - 1] + "…"
        wide = 40 + LETTER * len(name)
        if x > 4 and x + wide > width:
            x, y = 4.0, y + 17
        keys.append((name, x, y))
        x += wide
    return keys, y + 14


def _sample(chart: Chart, series: Series, width: tuple[int, int, bool], x: float, y: float) -> str:
    look = chart.look(series)
    middle = np.array([x + 12]), np.array([y])
    few = int(np.isfinite(series.y).sum()) <= FEW
    dot = dot_path(*middle, look if few else 0)
    if not few:
        dot = dot.replace(colour(0), colour(look))
    if series.dots:
        return dot
    line = line_path(np.array([x, x + 24]), np.array([y, y]), look, width)
    return line + dot if series.marked else line


def _through(x: Floats, y: Floats) -> str:
    points = [f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True)]
    return f"M{'L'.join(points)}" if points else "M0 0"
