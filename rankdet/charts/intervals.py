"""Draws values with their intervals as SVG, one below the other, in groups.

A filled dot with a solid line has an interval over seeds. A ring with dashes is a single seed, and
its interval is over images. So both can be told without colour.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from rankdet.charts.axis import Axis, linear_axis
from rankdet.charts.colours import colour
from rankdet.charts.names import name_lines
from rankdet.charts.svg_plot import FONT, WIDTH

LEFT, RIGHT = 172, 346  # ends of the plot, in pixels
LINE = 20  # height of a row
TEXTS = 23  # letters of a line of a row's text
MORE = 15  # height of its further lines
HEADINGS = 60  # letters of a line of a heading
MOST = 6  # lines of a name
WORDS = 14
SEEDS, IMAGES = "seeds", "images"  # what an interval is over


@dataclass(frozen=True)
class IntervalRow:
    """One value.

    Attributes:
        text: what it is the value of.
        value: the value; None if it is undefined.
        low: lower end of its interval; None without one.
        high: its upper end.
        over: `seeds` or `images`.
        words: the text at the right.
        look: the look of its loss, for the colour.
    """

    text: str
    value: float | None
    low: float | None
    high: float | None
    over: str
    words: str
    look: int = 0

    @property
    def known(self) -> list[float]:
        """The value and the ends that exist."""
        return [v for v in (self.value, self.low, self.high) if v is not None]


@dataclass(frozen=True)
class IntervalGroup:
    """Rows below one heading."""

    title: str
    rows: tuple[IntervalRow, ...]


def intervals_svg(groups: Sequence[IntervalGroup], label: str, title: str, name: str) -> str:
    """Returns the plot as inline SVG.

    Args:
        groups: the rows, at least one of which has a value.
        label: the metric, above the plot.
        title: the beginning of the description.
        name: the id of the description in the page.
    """
    rows = [row for group in groups for row in group.rows]
    axis = _axis(rows)
    bottom = 24.0 + sum(_heading(group) for group in groups) + sum(_height(row) for row in rows)
    parts = [f'<text x="4" y="14" font-weight="600">{escape(label)}</text>', *_grid(axis, bottom)]
    y = 24.0 + LINE - 6
    for group in groups:
        for k, line in enumerate(name_lines(group.title, HEADINGS, MOST)):
            parts.append(f'<text x="4" y="{y + MORE * k:.1f}" opacity=".8">{escape(line)}</text>')
        y += _heading(group)
        for row in group.rows:
            parts += _row(row, y, lambda value: _place(axis, value))
            y += _height(row)
    told = "; ".join(f"{row.text}: {row.words}" for row in rows)
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {bottom + 24:.0f}" role="img" '
        f'aria-labelledby="{name}" font-size="{FONT}" fill="currentColor">'
        f'<title id="{name}">{escape(f"{title}. {told}")}</title>{"".join(parts)}</svg>'
    )


def _axis(rows: Sequence[IntervalRow]) -> Axis:
    known = [value for row in rows for value in row.known]
    return linear_axis(min(known, default=0.0), max(known, default=1.0), None)


def _place(axis: Axis, value: float) -> float:
    return LEFT + float(axis.fraction(np.array(value))) * (RIGHT - LEFT)


def _grid(axis: Axis, bottom: float) -> Iterator[str]:
    for value, text in axis.ticks:
        x = _place(axis, value)
        yield (
            f'<path d="M{x:.1f} 24V{bottom:.1f}" stroke="currentColor" stroke-opacity=".14"/>'
            f'<text x="{x:.1f}" y="{bottom + 16:.1f}" text-anchor="middle">{text}</text>'
        )


def _heading(group: IntervalGroup) -> float:
    return LINE + MORE * (len(name_lines(group.title, HEADINGS, MOST)) - 1)


def _height(row: IntervalRow) -> float:
    return LINE + MORE * (len(name_lines(row.text, TEXTS, MOST)) - 1)


def _row(row: IntervalRow, y: float, place: Callable[[float], float]) -> Iterator[str]:
    for k, line in enumerate(name_lines(row.text, TEXTS, MOST)):
        yield f'<text x="14" y="{y + MORE * k:.1f}">{escape(line)}</text>'
    yield f'<text x="{RIGHT + 12}" y="{y:.1f}">{escape(_cut(row.words, WORDS))}</text>'
    if row.value is None:
        return
    single = row.over == IMAGES
    shade, middle = colour(row.look), y - 4.5
    if row.low is not None and row.high is not None:
        dash = ' stroke-dasharray="3 2"' if single else ""
        yield (
            f'<path d="M{place(row.low):.1f} {middle:.1f}H{place(row.high):.1f}" '
            f'stroke="{shade}" stroke-width="2"{dash}/>'
        )
    fill = 'fill="var(--paper, #fff)"' if single else f'fill="{shade}"'
    yield (
        f'<circle cx="{place(row.value):.1f}" cy="{middle:.1f}" r="4" stroke="{shade}" '
        f'stroke-width="2" {fill}/>'
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
