"""Long names in charts are written in lines, and nothing lies on anything else."""

import re
from html import unescape
from itertools import pairwise

import numpy as np

from rankdet.charts.chart import Chart, Series
from rankdet.charts.forest import ForestGroup, ForestPanel, ForestRow, forest_svg
from rankdet.charts.intervals import IntervalGroup, IntervalRow, intervals_svg
from rankdet.charts.names import name_lines
from rankdet.charts.pareto import Point, pareto_svg
from rankdet.charts.svg import chart_svg, height

LONG = "aLRP Loss, IoU, without self-balance"


def texts(svg: str) -> list[tuple[float, str]]:
    found = re.findall(r'<text [^>]*y="([-0-9.]+)"[^>]*>([^<]*)<', svg)
    return [(float(y), unescape(text)) for y, text in found]


def test_a_name_is_broken_at_words_and_cut_only_at_the_last_line() -> None:
    assert name_lines("AP Loss", 24) == ["AP Loss"]
    assert name_lines(LONG, 24) == ["aLRP Loss, IoU, without", "self-balance"]
    assert " ".join(name_lines(LONG, 12, 4)).replace("- ", "-") == LONG
    assert name_lines(LONG, 12, 2) == ["aLRP Loss,", "IoU, withou…"]
    assert name_lines("", 5) == [""]


def test_rows_and_columns_show_whole_names() -> None:
    x = np.arange(2.0)
    dots = Chart("a", "a", "x", "y", (Series("A", x, x, dots=True),), rows=(LONG, "B"))
    heat = Chart(
        "a", "a", "", "y", (), rows=("B", LONG), columns=(LONG, "B"), cells=((1.0, 2.0),) * 2
    )
    for chart in (dots, heat):
        shown = texts(chart_svg(chart, "t"))
        joined = " ".join(text for _, text in shown)
        assert "…" not in joined and "self-balance" in joined
        assert max(y for y, _ in shown) <= height(chart)
        lines = sorted({y for y, text in shown if text in LONG and len(text) > 3})
        assert all(b - a >= 13 for a, b in pairwise(lines))


def test_a_long_legend_makes_a_plot_higher_instead_of_flatter() -> None:
    x = np.linspace(0, 1, 5)
    area = re.compile(r'class="area"[^>]* height="([0-9.]+)"')
    heights = []
    for count in (2, 14):
        series = tuple(Series(f"{LONG} {k}", x, x * k) for k in range(count))
        svg = chart_svg(Chart("a", "a", "x", "y", series), "t")
        heights.append(float(area.search(svg).group(1)))
    assert heights[1] >= heights[0] - 1


def test_forest_intervals_and_pareto_plots_show_whole_names() -> None:
    words = "holds, but much smaller than in the paper, 5 seeds"
    row = ForestRow(LONG * 3, 1.0, 0.2, 1.8, "holds", words)
    panel = ForestPanel("AP", 0.0, (ForestGroup(f"Heading of {LONG * 3}", (row, row)),))
    interval = IntervalRow(LONG * 2, 1.0, 0.5, 1.5, "seeds", "1.0 ± .5")
    points = [Point(LONG, f"RetinaNet {LONG}", 1.0, 20.0), Point("AP", f"ATSS {LONG}", 2.0, 30.0)]
    for svg in (
        forest_svg([panel], f"Title of {LONG * 5}"),
        intervals_svg([IntervalGroup(LONG * 3, (interval, interval))], "AP", "t", "t"),
        pareto_svg(points, ("cost", "AP"), "t", "t"),
    ):
        title, drawn = svg.split("</title>")
        shown = texts(drawn)
        assert "…" not in svg and "self-balance" in " ".join(text for _, text in shown)
        _, top, _, high = map(float, re.search(r'viewBox="([^"]*)"', title)[1].split())
        assert all(top <= y <= top + high for y, _ in shown)
        places = re.findall(r'<text x="([0-9.]+)" y="([-0-9.]+)"', drawn)
        assert len(set(places)) == len(places)  # no line lies on another
