"""Lays charts out as a figure of a paper and writes it as PDF, SVG or PNG."""

import io
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure

from rankdet.charts.chart import Chart
from rankdet.charts.names import name_lines
from rankdet.charts.publication.layout import AlignedLayout
from rankdet.charts.publication.panels import (
    diagonal_sample,
    diagram,
    dot_rows,
    heat_map,
    margins,
    plot,
    sample,
)
from rankdet.charts.publication.styles import STYLES
from rankdet.charts.svg_marks import DIAGONAL
from rankdet.charts.svg_plot import WIDTH
from rankdet.charts.svg_rows import crowding
from rankdet.files import atomic, writing

DOTS_PER_INCH = 300
ROW, VIOLIN = 0.17, 0.3  # height of a row of a dot plot or heat map, and with a violin, in inches
LOWEST = 1.6  # height of a plot, so that its vertical label has room
PANEL = 0.78  # height of a small panel
LEGEND = 0.17  # height of a line of the legend
LETTER = 0.062  # mean width of a letter
UNDER = 0.35  # height of a plot that its vertical label cannot use: below the axis, and the letter
BESIDE = 0.35  # width of a plot that its horizontal label cannot use: the ticks and their labels
LINE = 0.13  # height of a further line of a label
UNDATED = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}, ".png": {}}


def write_figure_file(
    charts: Sequence[Chart], path: Path, style: str = "default", width: str = "page"
) -> None:
    """Draws charts as one figure and writes it.

    Args:
        charts: at least one.
        path: its ending, `.pdf`, `.svg` or `.png`, is the format.
        style: a key of `STYLES` (`rankdet.charts.publication.styles`).
        width: `column` or `page`.
    """
    look = STYLES[style]
    settings: Any = {**mpl.rcParamsDefault, **look.settings()}  # whatever the user's own are
    with mpl.rc_context({key: settings[key] for key in settings if key != "backend"}):
        figure = draw(charts, look.width(width), narrow=width == "column")
        form, undated = path.suffix[1:], UNDATED[path.suffix]
        content = io.BytesIO()  # a full disk in the middle of a PDF would be an error of zlib
        figure.savefig(content, format=form, dpi=DOTS_PER_INCH, metadata=undated)
        with writing(path), atomic(path) as temporary:
            temporary.write_bytes(content.getvalue())


def draw(charts: Sequence[Chart], inches: float, narrow: bool) -> Figure:
    """Lays charts out on a figure of a width in inches; each has a letter if there are several."""
    size = (inches, figure_height(charts, inches, narrow))
    figure = Figure(figsize=size, layout=AlignedLayout())
    FigureCanvasAgg(figure)
    lay_out(figure, charts, inches, narrow)
    return figure


def figure_height(charts: Sequence[Chart], inches: float, narrow: bool) -> float:
    """Returns the height in inches that charts need at a width in inches."""
    return sum(_heights(charts, inches, narrow)) + LEGEND * _shared_legend(charts, inches)


def lay_out(into: Figure | SubFigure, charts: Sequence[Chart], inches: float, narrow: bool) -> None:
    """Draws charts into a figure, or a part of one, that has their width and height.

    Args:
        into: its height is that of `figure_height`.
        charts: at least one.
        inches: the width.
        narrow: whether it is the width of a column.
    """
    columns = _columns(charts, narrow)
    shared = _shared_legend(charts, inches)
    heights = _heights(charts, inches, narrow)
    body = into
    if shared:
        ratios = [LEGEND * shared, sum(heights)]
        halves: Any = into.subfigures(2, 1, height_ratios=ratios)
        head, body = halves
        # The diagonal of one chart is named in the legend of all.
        first = next((chart for chart in charts if chart.diagonal), charts[0])
        _legend(head, first, -(-len(_legend_texts(first)) // shared))
    parts = body.subfigures(len(heights), columns, height_ratios=heights, squeeze=False)
    stacks: list[list[list[Axes]]] = [[] for _ in range(columns)]
    for position, chart in enumerate(charts):
        part = parts[position // columns][position % columns]
        _draw_chart(part, chart, inches / columns, not shared)
        if not (chart.boxes or chart.rows):
            stacks[position % columns].append(part.axes)
        if len(charts) > 1:
            letter = f"({chr(ord('a') + position)})"
            part.text(0.01, 0.995, letter, fontweight="bold", va="top")
    engine = into.figure.get_layout_engine()
    if isinstance(engine, AlignedLayout):
        for stack in filter(None, stacks):
            engine.add(stack)


def _heights(charts: Sequence[Chart], inches: float, narrow: bool) -> list[float]:
    """The height of each line of charts, without a legend that all share."""
    columns = _columns(charts, narrow)
    own_legend = not _shared_legend(charts, inches)
    lines = [charts[at : at + columns] for at in range(0, len(charts), columns)]
    return [max(_height(chart, inches / columns, own_legend) for chart in line) for line in lines]


def _columns(charts: Sequence[Chart], narrow: bool) -> int:
    if narrow:
        return 1 if len(charts) < 3 or any(chart.boxes for chart in charts) else 2
    return min(len(charts), 2 if len(charts) == 4 or any(chart.boxes for chart in charts) else 3)


def _height(chart: Chart, wide: float, with_legend: bool) -> float:
    if chart.boxes:
        return wide * chart.height / WIDTH
    legend = LEGEND * _legend_lines(chart, wide) if with_legend else 0.0
    if chart.rows:
        row = VIOLIN if _has_margins(chart) else ROW * crowding(chart)
        return 0.75 + row * len(chart.rows) + legend + (0.45 if chart.cells else 0)
    if len(chart.panels) > 1:
        columns = _panel_columns(chart, wide)
        lines = -(-len(chart.panels) // columns)
        dotted = any(one.dots for one in chart.series)  # both axes have values of the same kind
        return 0.5 + lines * (0.35 + 0.8 * wide / columns if dotted else PANEL) + legend
    return min(2.3, max(LOWEST, 0.72 * wide)) + legend + _more_lines(chart, wide)


def _draw_chart(part: SubFigure, chart: Chart, wide: float, with_legend: bool) -> None:
    if chart.boxes:
        diagram(part.subplots(), chart)
        return
    if chart.rows:
        on = part.subplots()
        (heat_map if chart.cells else dot_rows)(on, chart)
        on.set_xlabel(chart.x_label)
        on.set_title(chart.y_label)
    elif len(chart.panels) > 1:
        _panels(part, chart, wide)
    elif _has_margins(chart):
        grid = part.add_gridspec(2, 2, width_ratios=(5, 1), height_ratios=(1, 5))
        on = part.add_subplot(grid[1, 0])
        plot(on, chart, chart.series)
        above = part.add_subplot(grid[0, 0], sharex=on)
        margins(above, part.add_subplot(grid[1, 1], sharey=on), chart, chart.series)
        on.set(xlabel=_level(chart, wide), ylabel=_upright(chart, wide))
    else:
        on = part.subplots()
        plot(on, chart, chart.series)
        on.set(xlabel=_level(chart, wide), ylabel=_upright(chart, wide))
    if with_legend and (lines := _legend_lines(chart, wide)):
        _legend(part, chart, -(-len(_legend_texts(chart)) // lines))


def _panels(part: SubFigure, chart: Chart, wide: float) -> None:
    columns = _panel_columns(chart, wide)
    count = len(chart.panels)
    with_margins = _has_margins(chart)
    lines = -(-count // columns)
    # One grid for all: with grids in a grid, panels with tick labels would be smaller.
    ratios: Any = {"width_ratios": (5, 1) * columns, "height_ratios": (1, 4) * lines}
    parts = 2 if with_margins else 1
    outer = part.add_gridspec(parts * lines, parts * columns, **(ratios if with_margins else {}))
    for position, (title, series) in enumerate(chart.panels.items()):
        line, column = parts * (position // columns), parts * (position % columns)
        on = part.add_subplot(outer[line + parts - 1, column])
        plot(on, chart, series)
        on.tick_params(labelleft=position % columns == 0, labelbottom=position >= count - columns)
        heading = on
        if with_margins:
            heading = part.add_subplot(outer[line, column], sharex=on)
            beside = part.add_subplot(outer[line + 1, column + 1], sharey=on)
            margins(heading, beside, chart, series)
        letters = int(wide / columns / LETTER) - 4
        heading.set_title("\n".join(name_lines(title, max(4, letters))), pad=2)
    part.supxlabel(chart.x_label, fontsize=mpl.rcParams["axes.labelsize"])
    part.supylabel(_upright(chart, wide), fontsize=mpl.rcParams["axes.labelsize"])


def _level(chart: Chart, wide: float) -> str:
    """The label of the horizontal axis, in as many lines as the width of the chart needs."""
    return fill(chart.x_label, max(12, int((wide - BESIDE) / LETTER)))


def _more_lines(chart: Chart, wide: float) -> float:
    """The height in inches of the further lines of the horizontal axis' label."""
    return LINE * _level(chart, wide).count("\n")


def _upright(chart: Chart, wide: float) -> str:
    """The label of the vertical axis, in as many lines as the height of the chart needs."""
    high = _height(chart, wide, with_legend=False) - _more_lines(chart, wide) - UNDER
    letters = int(high / LETTER)
    return fill(chart.y_label, max(12, letters))


def _panel_columns(chart: Chart, wide: float) -> int:
    return max(1, min(len(chart.panels), round(wide / 1.7)))


def _has_margins(chart: Chart) -> bool:
    return any(one.x_shares is not None or one.y_shares is not None for one in chart.series)


def _shared_legend(charts: Sequence[Chart], inches: float) -> int:
    """Lines of the legend of all charts; 0 if they differ or need none."""
    every = [_legend_lines(chart, inches) for chart in charts]
    lines = max(every) if min(every) else 0
    same = len({tuple(chart.legend) for chart in charts}) == 1
    return lines if same and len(charts) > 1 else 0


def _legend_lines(chart: Chart, wide: float) -> int:
    """Lines of the legend; 0 if the chart needs none."""
    texts = _legend_texts(chart)
    if not texts:
        return 0
    longest = 0.4 + LETTER * max(map(len, texts))
    return -(-len(texts) // max(1, int(wide / longest)))


def _legend_texts(chart: Chart) -> list[str]:
    names = chart.legend if chart.needs_legend else []
    return [*names, DIAGONAL] if chart.diagonal else names


def _legend(part: SubFigure, chart: Chart, columns: int) -> None:
    named = chart.series if chart.needs_legend else ()
    first = {chart.place(one): one for one in reversed(named)}
    marks = [sample(chart, first[place]) for place in sorted(first)]
    marks += [diagonal_sample()] if chart.diagonal else []
    part.legend(
        handles=marks,
        loc="outside upper center",
        ncols=columns,
        frameon=False,
        handlelength=2.2,
        columnspacing=1.2,
        borderaxespad=0.2,
    )
