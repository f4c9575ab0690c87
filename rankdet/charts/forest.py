"""Draws a forest plot as SVG: differences with their intervals and verdicts, one below the other.

Verdicts differ in mark and word, not by colour alone.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from rankdet.charts.axis import Axis, linear_axis
from rankdet.charts.names import name_lines
from rankdet.charts.svg import FONT, STANDALONE

WIDTH, LEFT, RIGHT = 980, 480, 760  # of the picture, and the ends of the plot, in pixels
LINE = 21  # height of a row
MORE = 15  # height of each further line of a name
TEXTS = 66  # letters of a line of a row's text
HEADINGS = 108  # letters of a line of the title
WORDS = 31  # letters of a line of the text at the right
MOST = 6  # lines of a name
BOLD = ' font-weight="600"'
COLOURS = {"holds": "#1f9254", "does not hold": "#c7473f"}
OTHER = "#7a828c"


@dataclass(frozen=True)
class ForestRow:
    """One difference.

    Attributes:
        text: what was compared.
        value: the difference.
        low: lower end of its interval; None without one.
        high: its upper end.
        verdict: `holds`, `does not hold`, `undecided` or another word.
        words: the text at the right.
        published: the same difference in the paper; None if it is not printed.
    """

    text: str
    value: float
    low: float | None
    high: float | None
    verdict: str
    words: str
    published: float | None = None


@dataclass(frozen=True)
class ForestGroup:
    """Rows below one heading."""

    title: str
    rows: tuple[ForestRow, ...]


@dataclass(frozen=True)
class ForestPanel:
    """Groups on one axis.

    Attributes:
        label: text below the axis.
        null: the value that means "no difference".
        groups: the groups.
    """

    label: str
    null: float
    groups: tuple[ForestGroup, ...]

    @property
    def rows(self) -> list[ForestRow]:
        """The rows of all groups."""
        return [row for group in self.groups for row in group.rows]


def forest_svg(panels: Sequence[ForestPanel], title: str, inline: str = "") -> str:
    """Returns a forest plot.

    Args:
        panels: one for each unit.
        title: the heading and the description.
        inline: the id of its title in an HTML page; empty for the content of an SVG file.
    """
    shown = [panel for panel in panels if panel.rows]
    headings = name_lines(title, HEADINGS, MOST)
    parts = [*_lines(headings, 4, 18, BOLD)]
    y = 34.0 + MORE * (len(headings) - 1)
    for panel in shown:
        parts += _panel(panel, y)
        y += _height(panel)
    if not shown:
        parts.append(f'<text x="4" y="{y + 10:.0f}">No claim has an answer yet.</text>')
        y += LINE
    counts = "; ".join(f"{row.text}: {row.words}" for panel in shown for row in panel.rows)
    alt = escape(f"{title}. {counts}")
    name, head, style = inline or "alt", "", ""
    if inline:
        head = ' class="plot"'
    else:
        head, style = ' xmlns="http://www.w3.org/2000/svg"', STANDALONE
    return (
        f'<svg{head} viewBox="0 0 {WIDTH} {math.ceil(y)}" role="img" aria-labelledby="{name}" '
        f'font-size="{FONT}" fill="currentColor"><title id="{name}">{alt}</title>'
        f"{style}{''.join(parts)}</svg>\n"
    )


def _height(panel: ForestPanel) -> float:
    return _rows_height(panel) + 58.0


def _rows_height(panel: ForestPanel) -> float:
    return sum(
        _line(group.title) + sum(_line(row.text, row.words) for row in group.rows)
        for group in panel.groups
    )


def _line(text: str, words: str = "") -> float:
    """The height of a row with its name, and with its text at the right."""
    longest = max(len(name_lines(text, TEXTS, MOST)), len(name_lines(words, WORDS, MOST)))
    return LINE + MORE * (longest - 1.0)


def _lines(lines: Sequence[str], x: float, y: float, more: str = "") -> Iterator[str]:
    for k, line in enumerate(lines):
        yield f'<text x="{x}" y="{y + MORE * k:.1f}"{more}>{escape(line)}</text>'


def _axis(panel: ForestPanel) -> Axis:
    ends = [panel.null]
    for row in panel.rows:
        ends += [v for v in (row.value, row.low, row.high, row.published) if v is not None]
    known = [end for end in ends if math.isfinite(end)]
    return linear_axis(min(known), max(known), None)


def _panel(panel: ForestPanel, top: float) -> Iterator[str]:
    axis = _axis(panel)

    def place(value: float) -> float:
        part = float(axis.fraction(np.array(value)))
        return LEFT + min(max(part, 0.0), 1.0) * (RIGHT - LEFT)

    bottom = top + _rows_height(panel) + 4
    for value, text in axis.ticks:
        x = place(value)
        yield (
            f'<path d="M{x:.1f} {top + 6:.1f}V{bottom:.1f}" stroke="currentColor" '
            f'stroke-opacity=".12"/>'
            f'<text x="{x:.1f}" y="{bottom + 16:.1f}" text-anchor="middle">{text}</text>'
        )
    x = place(panel.null)
    yield (
        f'<path d="M{x:.1f} {top + 6:.1f}V{bottom:.1f}" stroke="currentColor" stroke-width="1.4"/>'
        f'<text x="{(LEFT + RIGHT) / 2:.1f}" y="{bottom + 34:.1f}" text-anchor="middle">'
        f"{escape(panel.label)}</text>"
    )
    y = top + 15
    for group in panel.groups:
        yield from _lines(name_lines(group.title, TEXTS, MOST), 4, y, BOLD)
        y += _line(group.title)
        for row in group.rows:
            yield from _row(row, y, place)
            y += _line(row.text, row.words)


def _row(row: ForestRow, y: float, place: Callable[[float], float]) -> Iterator[str]:
    yield from _lines(name_lines(row.text, TEXTS, MOST), 16, y)
    yield from interval_and_mark(row, y, place)
    yield from _lines(name_lines(row.words, WORDS, MOST), RIGHT + 12, y)


def interval_and_mark(row: ForestRow, y: float, place: Callable[[float], float]) -> Iterator[str]:
    """Draws the interval of a row, the bar of its paper and the mark of its verdict.

    Args:
        row: the row.
        y: the foot of its text, in pixels.
        place: gives the x of a value, in pixels.
    """
    colour, middle = COLOURS.get(row.verdict, OTHER), y - 4.5
    if row.low is not None and row.high is not None:
        yield (
            f'<path d="M{place(row.low):.1f} {middle:.1f}H{place(row.high):.1f}" '
            f'stroke="{colour}" stroke-width="2"/>'
        )
    if row.published is not None:
        x = place(row.published)
        yield (
            f'<path d="M{x:.1f} {middle - 6:.1f}v12" stroke="currentColor" stroke-width="2" '
            'stroke-opacity=".55"/>'
        )
    yield _mark(row.verdict, place(row.value), middle, colour)


def _mark(verdict: str, x: float, y: float, colour: str) -> str:
    """A filled circle if a claim holds, a square if it does not, else a circle without filling."""
    if verdict == "does not hold":
        return f'<rect x="{x - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9" fill="{colour}"/>'
    fill = f'fill="{colour}"' if verdict == "holds" else 'fill="none" stroke-width="2"'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" stroke="{colour}" {fill}/>'
