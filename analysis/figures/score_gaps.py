"""Score against IoU of detections (APE Loss paper, Figure 3)."""

from collections.abc import Mapping, Sequence

import pandas as pd

from rankdet.charts.chart import Chart, Series
from rankdet.evaluation.metrics.matches import Matches
from rankdet.evaluation.metrics.normalised_scores import score_means, score_table
from rankdet.papers.figure_kinds import FigureOfRuns
from rankdet.papers.values import run_matches
from rankdet.results.layout import MATCHES

MAX_DOTS = 300
VERSIONS = {"": "unchanged", "_normalised": "normalised to 0-1"}  # ending of a column


def charts(series: Mapping[str, Sequence[Matches]]) -> list[Chart]:
    """Score against best IoU of all detections, unchanged and normalised."""
    return [_chart(series, ending, version) for ending, version in VERSIONS.items()]


def _chart(series: Mapping[str, Sequence[Matches]], ending: str, version: str) -> Chart:
    score, iou = f"score{ending}", f"iou{ending}"
    dots = []
    for name, records in series.items():
        table = pd.concat([score_table(m) for m in records])
        table = table.sort_values([score, iou], ignore_index=True)
        shown = table.iloc[:: max(1, -(-len(table) // MAX_DOTS))]
        x, y = (shown[key].to_numpy(dtype=float) for key in (score, iou))
        dots.append(Series(name, x, y, dots=True, panel=name))
    counts = "; ".join(f"{one.name} {len(one.x)} dots" for one in dots)
    return Chart(
        name=f"gap{ending.replace('_', '-')}",
        alt=f"Score against IoU of detections, {version}: {counts}.",
        x_label=f"score, {version}",
        y_label=f"IoU, {version}",
        series=tuple(one for one in dots if len(one.x)),
        x_limits=(0.0, 1.0),
        y_limits=(0.0, 1.0),
    )


FIGURE = FigureOfRuns(
    read=run_matches, charts=charts, summary=score_means, missing="it has no matches", file=MATCHES
)
