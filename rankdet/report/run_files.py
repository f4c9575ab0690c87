"""The files of a run's page: its metrics, errors and sweep as CSV, in printed units."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from rankdet.charts.svg import figure_svg
from rankdet.evaluation.metric import SPARSITY
from rankdet.evaluation.registry import shown_in
from rankdet.report.run_metrics import SplitMetrics
from rankdet.report.sweep_section import SweepView


def run_texts(
    splits: Sequence[tuple[str, Sequence[SplitMetrics]]], sweep: SweepView | None
) -> dict[str, str]:
    """Returns the texts of `metrics.csv`, `sparsity.csv`, `errors.csv`, `sweep.csv`, `sweep.svg`.

    A file that would be empty is left out.

    Args:
        splits: Name and metrics of each evaluated split.
        sweep: The run's sweep, if it has one.
    """
    texts: dict[str, str] = {}
    parts = [(split, one) for split, metrics in splits for one in metrics]
    if not parts:
        return texts
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
    texts["metrics.csv"] = _csv(header, values)
    if any(one.sparsity for _, one in parts):
        names = [metric.header for metric in shown_in(SPARSITY)]
        header = ["split", "of", "objects per image", "images", "objects", *names]
        lines = (
            [split, one.of, b.objects_per_image, b.images, b.objects, *b.values]
            for split, one in parts
            for b in one.sparsity
        )
        texts["sparsity.csv"] = _csv(header, lines)
    if any(one.errors for _, one in parts):
        header = ["split", "of", "error", "AP50 gained", "count"]
        lines = (
            [split, one.of, e.kind, e.gained, e.count] for split, one in parts for e in one.errors
        )
        texts["errors.csv"] = _csv(header, lines)
    if sweep is not None and sweep.lines:
        header = ["score threshold", *(column.header for column in sweep.columns)]
        texts["sweep.csv"] = _csv(header, ([t, *values] for t, values in sweep.lines))
        texts["sweep.svg"] = figure_svg(sweep.charts, "Over score thresholds")
    return texts


def write_texts(folder: Path, texts: Mapping[str, str]) -> None:
    """Writes files, name to text, into a folder, which is made if there is a file."""
    for name, text in texts.items():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="")


def _csv(header: list[str], lines: Iterable[list[Any]]) -> str:
    stream = StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)
    return stream.getvalue()
