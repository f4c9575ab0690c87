"""Precision over recall of losses, at IoU .5 and .75."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rankdet.charts.chart import Chart, Series
from rankdet.evaluation.metrics.curves import precision_recall
from rankdet.evaluation.metrics.gradient_balance import band
from rankdet.evaluation.metrics.matches import Matches
from rankdet.papers.figure_kinds import FigureOfRuns, no_values
from rankdet.papers.values import run_matches
from rankdet.results.layout import MATCHES

SHOWN = (0.5, 0.75)


def charts(series: Mapping[str, Sequence[Matches]]) -> list[Chart]:
    """Interpolated precision, averaged over classes; the mean and the range of the seeds."""
    return [_chart(series, threshold) for threshold in SHOWN]


def _chart(series: Mapping[str, Sequence[Matches]], threshold: float) -> Chart:
    curves = tuple(_curve(name, records, threshold) for name, records in series.items())
    known = (curve for curve in curves if len(curve.y))
    areas = "; ".join(f"{curve.name} area {curve.y.mean():.3f}" for curve in known)
    told = f"averaged over classes: {areas or 'no ground truth'}"
    return Chart(
        name=f"iou-{round(100 * threshold)}",
        alt=f"Precision over recall at IoU {threshold:.2f}, {told}.",
        x_label="recall",
        y_label=f"precision at IoU {threshold:.2f}",
        series=curves,
        x_limits=(0.0, 1.0),
        y_limits=(0.0, 1.0),
    )


def _curve(name: str, records: Sequence[Matches], threshold: float) -> Series:
    frames = (precision_recall(one, (threshold,), per_class=False) for one in records)
    seeds = [frame.set_index("recall")["precision"] for frame in frames]
    return replace(Series.of_band(name, band(seeds)), steps="before")


FIGURE = FigureOfRuns(run_matches, charts, no_values, missing="it has no matches", file=MATCHES)
