"""Charts with many curves as small multiples: a panel for each curve, with the same axes."""

from dataclasses import replace

from rankdet.charts.chart import Chart

TOGETHER = 4  # curves that can be told apart in one panel


def small_multiples(chart: Chart) -> Chart:
    """Returns the chart with a panel for each curve if it has more than `TOGETHER` curves.

    Diagrams, rows, heat maps and charts that have panels stay as they are.
    """
    other = chart.boxes or chart.rows or chart.cells or any(one.panel for one in chart.series)
    if other or len(chart.series) <= TOGETHER:
        return chart
    return replace(chart, series=tuple(replace(one, panel=one.name) for one in chart.series))
