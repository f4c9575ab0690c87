"""Draws charts as SVG that is legible on light and dark pages and without colour.

A report has hundreds of charts, so the SVG is written directly: this takes a millisecond per chart,
and texts can be selected. Lines and texts use `currentColor`, so a chart has the text colour of its
page; an SVG file follows `prefers-color-scheme`.
"""

import re
from collections.abc import Sequence
from html import escape

from rankdet.charts.chart import HEIGHT, Chart
from rankdet.charts.svg_plot import FONT, WIDTH, plot, plot_height
from rankdet.charts.svg_rows import diagram, dot_rows, heat_map, rows_height

PER_LINE = 2  # charts side by side in a file: with more, their text is too small on a page

STANDALONE = (
    "<style>svg{color:#1c2128;font-family:system-ui,sans-serif}"
    "@media(prefers-color-scheme:dark){svg{color:#e6e9ee}}</style>"
)


def chart_svg(chart: Chart, prefix: str) -> str:
    """One chart as inline SVG; its element ids begin with `prefix`."""
    name = _identifier(f"{prefix}-{chart.name}")
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {height(chart)}" role="img" '
        f'aria-labelledby="{name}" font-size="{FONT}" fill="currentColor">'
        f'<title id="{name}">{escape(chart.alt)}</title>'
        f"{_body(chart)}</svg>"
    )


def figure_svg(charts: Sequence[Chart], title: str, reasons: Sequence[str] = ()) -> str:
    """Charts, two in a line, as the content of an SVG file; without charts it shows reasons."""
    alt = escape(" ".join([f"{title}.", *(chart.alt for chart in charts)]))
    lines = [charts[at : at + PER_LINE] for at in range(0, len(charts), PER_LINE)]
    bodies, top = [], 0
    for line in lines:
        bodies += [
            f'<g transform="translate({WIDTH * position} {top})">{_body(chart)}</g>'
            for position, chart in enumerate(line)
        ]
        top += max(height(chart) for chart in line)
    if not charts:
        texts = [
            "There is nothing to draw.",
            *(r if len(r) < 64 else f"{r[:63]}…" for r in reasons),
        ]
        bodies = [f'<text x="12" y="{30 + 20 * k}">{escape(t)}</text>' for k, t in enumerate(texts)]
        top = max(HEIGHT, 30 + 20 * len(texts))
    width = WIDTH * max((len(line) for line in lines), default=1)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} '
        f'{top}" role="img" aria-labelledby="alt" font-size="{FONT}" fill="currentColor">'
        f'<title id="alt">{alt}</title>{STANDALONE}{"".join(bodies)}</svg>\n'
    )


def height(chart: Chart) -> int:
    """The height of a chart in pixels; its width is always `WIDTH`."""
    if chart.boxes:
        return chart.height
    return rows_height(chart) if chart.rows else plot_height(chart)


def _body(chart: Chart) -> str:
    if chart.boxes:
        return diagram(chart)
    if chart.cells:
        return heat_map(chart)
    return dot_rows(chart) if chart.rows else plot(chart)


def _identifier(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text)
