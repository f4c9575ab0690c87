"""Draws the same differences on several data or detectors: a row for each, columns side by side.

A long list of differences hides which of them belong together. Here a row is one question, and a
column is where it was asked. Marks are those of the forest plot.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from itertools import accumulate
from operator import add

import numpy as np

from rankdet.charts.axis import Axis, linear_axis
from rankdet.charts.forest import BOLD, COLOURS, ForestGroup, ForestRow, interval_and_mark
from rankdet.charts.names import name_lines
from rankdet.charts.svg import FONT, STANDALONE

WIDTH, LEFT, RIGHT = 980, 366, 962  # of the picture, and the ends of the columns, in pixels
LINE, MORE = 21, 15  # height of a row, and of each further line of a name
LETTER = 7.1  # mean width of a letter
TEXTS = 50  # letters of a line of a row's text
HEADINGS = 108
MOST = 6  # lines of a name
SPACE = 14  # between two columns
NUMBER = 44  # width of the numbers at the right of a column
NARROW = 130  # columns that are narrower have no numbers
ALIKE = 3  # columns share an axis if their ranges differ by less than this factor
TICKS = 29  # pixels between two ticks
SMALL = 10  # size of the ticks' texts in narrow columns
MARKS = (("holds", "holds"), ("does not hold", "does not hold"), ("undecided", "undecided"))


@dataclass(frozen=True)
class ForestColumn:
    """Where the questions were asked.

    Attributes:
        title: the data or the detector.
        rows: the answers by the text of their question; one that is missing leaves a gap.
    """

    title: str
    rows: dict[str, ForestRow]


@dataclass(frozen=True)
class ForestGrid:
    """Questions and columns with one unit.

    Attributes:
        label: text below the columns.
        null: the value that means "no difference".
        groups: heading and questions.
        columns: the columns.
    """

    label: str
    null: float
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    columns: tuple[ForestColumn, ...]


def grid_of(label: str, null: float, columns: Mapping[str, Sequence[ForestGroup]]) -> ForestGrid:
    """Returns the grid of columns whose rows have the same texts, in the order they come in."""
    groups: dict[str, dict[str, None]] = {}
    for every in columns.values():
        for group in every:
            groups.setdefault(group.title, {}).update({row.text: None for row in group.rows})
    made = tuple(
        ForestColumn(title, {row.text: row for group in every for row in group.rows})
        for title, every in columns.items()
    )
    return ForestGrid(label, null, tuple((t, tuple(rows)) for t, rows in groups.items()), made)


def forest_grid_svg(grids: Sequence[ForestGrid], title: str) -> str:
    """Returns the content of an SVG file.

    Args:
        grids: one for each unit.
        title: the heading and the description.
    """
    headings = name_lines(title, HEADINGS, MOST)
    parts = list(_text(headings, 4, 18, BOLD))
    y = 26.0 + MORE * (len(headings) - 1)
    for grid in grids:
        drawn, y = _grid(grid, y)
        parts += drawn
    told = "; ".join(
        f"{text}: "
        + ", ".join(f"{c.title} {c.rows[text].words}" for c in grid.columns if text in c.rows)
        for grid in grids
        for _, texts in grid.groups
        for text in texts
    )
    parts += _legend(y + 14)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {math.ceil(y + 26)}" '
        f'role="img" aria-labelledby="alt" font-size="{FONT}" fill="currentColor">'
        f'<title id="alt">{escape(f"{title}. {told}.")}</title>{STANDALONE}{"".join(parts)}</svg>\n'
    )


def _grid(grid: ForestGrid, top: float) -> tuple[list[str], float]:
    """The drawn grid, and where it ends."""
    width = _width(grid)
    heads = [name_lines(c.title, max(6, int(width / LETTER)), MOST) for c in grid.columns]
    top += MORE * max(map(len, heads))
    bottom = top + sum(_height(title) + sum(map(_height, texts)) for title, texts in grid.groups)
    parts: list[str] = []
    axes = _axes(grid)
    for at, (column, axis, head) in enumerate(zip(grid.columns, axes, heads, strict=True)):
        left = LEFT + SPACE + at * (width + SPACE)
        above = top - MORE * (len(head) - 1) - 2
        parts += _text(head, left, above, BOLD)
        numbers = NUMBER if width >= NARROW else 0
        parts += _column(grid, column, axis, (left, left + width - numbers), (top, bottom))
    y = top + LINE - 5
    for title, texts in grid.groups:
        parts += _text(name_lines(title, TEXTS, MOST), 4, y, BOLD)
        y += _height(title)
        for text in texts:
            parts += _text(name_lines(text, TEXTS, MOST), 16, y)
            y += _height(text)
    middle, below = f"{(LEFT + RIGHT) / 2:.1f}", f"{bottom + 38:.1f}"
    parts.append(f'<text x="{middle}" y="{below}" text-anchor="middle">{escape(grid.label)}</text>')
    return parts, bottom + 46


def _column(
    grid: ForestGrid,
    column: ForestColumn,
    axis: Axis,
    across: tuple[float, float],
    down: tuple[float, float],
) -> Iterator[str]:
    left, right = across
    top, bottom = down

    def place(value: float) -> float:
        return left + min(max(float(axis.fraction(np.array(value))), 0.0), 1.0) * (right - left)

    for value, text in _few_ticks(axis, grid.null, right - left):
        x = place(value)
        yield (
            f'<path d="M{x:.1f} {top + 4:.1f}V{bottom:.1f}" stroke="currentColor" '
            'stroke-opacity=".12"/>'
        )
        # Texts at the ends of a narrow column would reach into the next one, and 0 is dark.
        narrow = _width(grid) < NARROW
        if narrow and value == grid.null:
            continue
        anchor = "start" if narrow and x < left + 1 else "end" if narrow and x > right - 1 else ""
        small = f' font-size="{SMALL}"' if narrow else ""
        yield (
            f'<text x="{x:.1f}" y="{bottom + 17:.1f}" text-anchor="{anchor or "middle"}"{small}>'
            f"{text}</text>"
        )
    yield (
        f'<path d="M{place(grid.null):.1f} {top + 4:.1f}V{bottom:.1f}" stroke="currentColor" '
        'stroke-width="1.4"/>'
    )
    numbers = right - left < _width(grid)
    y = top + LINE - 5
    for title, texts in grid.groups:
        y += _height(title)
        for text in texts:
            if row := column.rows.get(text):
                yield from interval_and_mark(row, y, place)
                yield from _number(row, right + NUMBER, y) if numbers else ()
            y += _height(text)


def _few_ticks(axis: Axis, null: float, width: float) -> list[tuple[float, str]]:
    """The ticks that have room in a width in pixels; `null` is one of them."""
    stride = max(1, math.ceil(TICKS * (len(axis.ticks) - 1) / width))
    middle = next((k for k, (value, _) in enumerate(axis.ticks) if value == null), 0)
    return [tick for k, tick in enumerate(axis.ticks) if (k - middle) % stride == 0]


def _number(row: ForestRow, x: float, y: float) -> Iterator[str]:
    text = row.words.partition(" ")[0]
    decided = BOLD if row.verdict in COLOURS else ""
    yield f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="end"{decided}>{text}</text>'


def _width(grid: ForestGrid) -> float:
    """The width of a column in pixels, with its numbers."""
    return (RIGHT - LEFT) / len(grid.columns) - SPACE


def _axes(grid: ForestGrid) -> list[Axis]:
    """An axis for each column: the same for all if no column would be squeezed by another."""
    ends = [_ends(column, grid.null) for column in grid.columns]
    ranges = [high - low for low, high in ends]
    if max(ranges) <= ALIKE * min(ranges):
        both = (min(low for low, _ in ends), max(high for _, high in ends))
        ends = [both] * len(ends)
    return [linear_axis(low, high, None) for low, high in ends]


def _ends(column: ForestColumn, null: float) -> tuple[float, float]:
    known = [null]
    for row in column.rows.values():
        known += [v for v in (row.value, row.low, row.high, row.published) if v is not None]
    finite = [value for value in known if math.isfinite(value)]
    return min(finite), max(finite)


def _height(text: str) -> float:
    return LINE + MORE * (len(name_lines(text, TEXTS, MOST)) - 1.0)


def _text(lines: Sequence[str], x: float, y: float, more: str = "") -> Iterator[str]:
    for k, line in enumerate(lines):
        yield f'<text x="{x:.1f}" y="{y + MORE * k:.1f}"{more}>{escape(line)}</text>'


def _legend(y: float) -> Iterator[str]:
    widths = [30 + LETTER * len(text) for _, text in MARKS]
    places = accumulate(widths, initial=LEFT + SPACE + 8.0)
    for (verdict, text), x in zip(MARKS, places, strict=False):
        row = ForestRow(text, 0.0, None, None, verdict, "")
        yield from interval_and_mark(row, y, partial(add, x))
        yield f'<text x="{x + 11:.1f}" y="{y:.1f}">{text}</text>'
