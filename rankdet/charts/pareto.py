"""Draws what is gained against what it costs: dots with names, the best of them joined."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from rankdet.charts.axis import Axis, linear_axis
from rankdet.charts.colours import colour
from rankdet.charts.names import name_lines
from rankdet.charts.svg_marks import LETTER
from rankdet.charts.svg_plot import FONT

WIDTH, HEIGHT = 460, 340
LEFT, RIGHT, TOP, BOTTOM = 40, 436, 44, 296  # ends of the plot, in pixels
NAMES = 22  # letters of a line of a dot's name
MOST = 3  # lines of a name
MORE = 13  # height of each further line, in pixels
LEGEND = 17  # height of a row of the legend
SIZE = 12  # of the names
# A name that lies on the joining line stays legible.
HALO = 'stroke="var(--paper, #fff)" stroke-width="4" paint-order="stroke" stroke-linejoin="round"'

Area = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class Point:
    """One dot.

    Attributes:
        name: its name, beside the dot.
        group: what its shape says.
        cost: less is better; its x.
        gain: more is better; its y.
        look: the look of its loss, for the colour.
        unsure: whether its cost is not known well; the dot is hollow.
    """

    name: str
    group: str
    cost: float
    gain: float
    look: int = 0
    unsure: bool = False


def front(points: Sequence[Point]) -> list[Point]:
    """Returns the points that no other point dominates, by cost.

    A point dominates another if its cost is not higher, its gain is not lower, and one of them
    differs.
    """
    ordered = sorted(points, key=lambda one: (one.cost, -one.gain))
    kept: list[Point] = []
    for one in ordered:
        best = kept[-1] if kept else None
        if best is None or one.gain > best.gain or (one.cost, one.gain) == (best.cost, best.gain):
            kept.append(one)
    return kept


def pareto_svg(points: Sequence[Point], labels: tuple[str, str], title: str, name: str) -> str:
    """Returns the chart as inline SVG.

    Args:
        points: at least one.
        labels: of the horizontal and the vertical axis.
        title: the beginning of the description.
        name: the id of the description in the page.
    """
    across, up = (_axis([getattr(p, what) for p in points]) for what in ("cost", "gain"))
    places = [_place(across, up, point) for point in points]
    groups = list(dict.fromkeys(point.group for point in points))
    best = front(points)
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in (_place(across, up, one) for one in best))
    rows = _legend_rows(groups) if len(groups) > 1 else []
    above = LEGEND * max(0, len(rows) - 1)  # further rows of the legend, above y = 0
    parts = [
        *_axes(across, up, labels, above),
        *_legend(rows, groups, above),
        f'<path d="M{line}" fill="none" stroke="currentColor" stroke-opacity=".5" '
        'stroke-width="1.5" stroke-dasharray="5 3"/>'
        if len(best) > 1
        else "",
        *(
            _mark(groups.index(p.group), *at, colour(p.look), p.unsure)
            for p, at in zip(points, places, strict=True)
        ),
        *_names(points, places),
    ]
    told = "; ".join(
        f"{p.name}, {p.group}: {labels[0]} {p.cost:.3g}{' (unsure)' if p.unsure else ''}, "
        f"{labels[1]} {p.gain:.1f}"
        for p in points
    )
    kept = f"Beaten by no other in both: {', '.join(f'{p.name} ({p.group})' for p in best)}"
    return (
        f'<svg class="plot" viewBox="0 {-above} {WIDTH} {HEIGHT + above}" role="img" '
        f'aria-labelledby="{name}" '
        f'font-size="{FONT}" fill="currentColor">'
        f'<title id="{name}">{escape(f"{title}. {told}. {kept}.")}</title>{"".join(parts)}</svg>'
    )


def _axis(values: Sequence[float]) -> Axis:
    low, high = min(values), max(values)
    edge = (high - low or abs(high) or 1.0) * 0.06
    return linear_axis(max(0.0, low - edge) if low >= 0 else low - edge, high + edge, None)


def _place(across: Axis, up: Axis, point: Point) -> tuple[float, float]:
    x = LEFT + float(across.fraction(np.array(point.cost))) * (RIGHT - LEFT)
    return x, BOTTOM - float(up.fraction(np.array(point.gain))) * (BOTTOM - TOP)


def _axes(across: Axis, up: Axis, labels: tuple[str, str], above: int) -> Iterator[str]:
    yield f'<text x="4" y="{14 - above}" opacity=".8">{escape(labels[1])}</text>'
    for value, text in up.ticks:
        y = BOTTOM - float(up.fraction(np.array(value))) * (BOTTOM - TOP)
        yield (
            f'<path d="M{LEFT} {y:.1f}H{RIGHT}" stroke="currentColor" stroke-opacity=".14"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
        )
    for value, text in across.ticks:
        x = LEFT + float(across.fraction(np.array(value))) * (RIGHT - LEFT)
        yield (
            f'<path d="M{x:.1f} {BOTTOM}v4" stroke="currentColor"/>'
            f'<text x="{x:.1f}" y="{BOTTOM + 18}" text-anchor="middle">{text}</text>'
        )
    middle = (LEFT + RIGHT) / 2
    yield (
        f'<path d="M{LEFT} {BOTTOM}H{RIGHT}" stroke="currentColor"/>'
        f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle" opacity=".8">'
        f"{escape(labels[0])}</text>"
    )


def _legend_rows(groups: Sequence[str]) -> list[list[tuple[float, str]]]:
    """The names of the legend with their places, row by row; a row is as wide as the picture."""
    rows: list[list[tuple[float, str]]] = [[]]
    x = 4.0
    for group in groups:
        width = 32 + LETTER * len(group)
        if rows[-1] and x + width > WIDTH:
            rows.append([])
            x = 4.0
        rows[-1].append((x, group))
        x += width
    return rows


def _legend(
    rows: Sequence[Sequence[tuple[float, str]]], groups: Sequence[str], above: int
) -> Iterator[str]:
    for k, row in enumerate(rows):
        y = 33 - above + LEGEND * k
        for x, group in row:
            yield _mark(groups.index(group), x + 5, y - 4, "currentColor")
            yield f'<text x="{x + 15:.1f}" y="{y}">{escape(group)}</text>'


def _mark(group: int, x: float, y: float, shade: str, hollow: bool = False) -> str:
    """A circle, square, triangle or diamond."""
    paint = f'fill="var(--paper, #fff)" stroke="{shade}" stroke-width="1.8"'
    paint = paint if hollow else f'fill="{shade}"'
    shapes = (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" {paint}/>',
        f'<rect x="{x - 4.2:.1f}" y="{y - 4.2:.1f}" width="8.4" height="8.4" {paint}/>',
        f'<path d="M{x:.1f} {y - 5.5:.1f}l5.2 9.5h-10.4Z" {paint}/>',
        f'<path d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6Z" {paint}/>',
    )
    return shapes[group % len(shapes)]


def _names(points: Sequence[Point], places: Sequence[tuple[float, float]]) -> Iterator[str]:
    """Names where they cover no dot and no other name; a name without a place is left out."""
    taken: list[Area] = [(x - 6, y - 6, x + 6, y + 6) for x, y in places]
    for point, (x, y) in zip(points, places, strict=True):
        lines = name_lines(point.name, NAMES, MOST)
        width = LETTER * max(map(len, lines)) * SIZE / FONT
        more = MORE * (len(lines) - 1)
        for left, base in _tried(x, y, width, more):
            area = (left, base - 9, left + width, base + more + 3)
            inside = left >= LEFT and left + width <= WIDTH - 2
            inside = inside and base > TOP - 8 and base + more < BOTTOM
            if inside and not any(_meet(area, other) for other in taken):
                taken.append(area)
                for k, line in enumerate(lines):
                    down = f'y="{base + MORE * k:.1f}" font-size="{SIZE}"'
                    yield f'<text x="{left:.1f}" {down} {HALO}>{escape(line)}</text>'
                break


def _tried(x: float, y: float, width: float, more: float) -> list[tuple[float, float]]:
    """Places of the left end of the first line: beside the dot, above it, below it."""
    sides = [(x + 9, y + 4 - more / 2), (x - 9 - width, y + 4 - more / 2)]
    lefts = (x - width / 2, x + 5, x - 5 - width)
    return sides + [(left, y + down) for down in (-9 - more, 18) for left in lefts]


def _meet(a: Area, b: Area) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
