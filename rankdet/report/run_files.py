"""The files of a run's page: its metrics, errors and sweep as CSV, in printed units."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rankdet.charts.svg import figure_svg
from rankdet.evaluation.metric import SPARSITY
from rankdet.evaluation.registry import shown_in
from rankdet.report.run_metrics import SplitMetrics
from rankdet.report.sweep_section import SweepView


def write_run_files(
    folder: Path, splits: Sequence[tuple[str, Sequence[SplitMetrics]]], sweep: SweepView | None
) -> None:
    """Writes `metrics.csv`, `sparsity.csv`, `errors.csv`, `sweep.csv` and `sweep.svg`.

    A file that would be empty is left out.

    Args:
        folder: The folder of the run's files.
        splits: Name and metrics of each evaluated split.
        sweep: The run's sweep, if it has one.
    """
    parts = [(split, one) for split, metrics in splits for one in metrics]
    if not parts:
        return
    folder.mkdir(parents=True, exist_ok=True)
    header = ["split", "of", "metric", "name", "value", "low", "high", "approximate"]
    values = (
        [
            split,
            one.of,
            v.metric.key,
            v.metric.header,
            v.value,
            v.low,
            v.high,
            "yes" if v.approximate else "",
        ]
        for split, one in parts
        for v in one.values
    )
    _write(folder / "metrics.csv", header, values)
    if any(one.sparsity for _, one in parts):
        names = [metric.header for metric in shown_in(SPARSITY)]
        header = ["split", "of", "objects per image", "images", "objects", *names]
        lines = (
            [split, one.of, b.objects_per_image, b.images, b.objects, *b.values]
            for split, one in parts
            for b in one.sparsity
        )
        _write(folder / "sparsity.csv", header, lines)
    if any(one.errors for _, one in parts):
        header = ["split", "of", "error", "AP50 gained", "count"]
        lines = (
            [split, one.of, e.kind, e.gained, e.count] for split, one in parts for e in one.errors
        )
        _write(folder / "errors.csv", header, lines)
    if sweep is not None and sweep.lines:
        header = ["score threshold", *(column.header for column in sweep.columns)]
        _write(folder / "sweep.csv", header, ([t, *values] for t, values in sweep.lines))
        svg = figure_svg(sweep.charts, "Over score thresholds")
        (folder / "sweep.svg").write_text(svg, encoding="utf-8")


def _write(path: Path, header: list[str], lines: Iterable[list[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)
