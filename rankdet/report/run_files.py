"""The files beside a run's page: its measures, errors and sweep as CSV, in printed units."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rankdet.charts.svg import figure_svg
from rankdet.report.run_metrics import Measured
from rankdet.report.sweep_section import SweepView


def write_run_files(
    folder: Path, splits: Sequence[tuple[str, Sequence[Measured]]], sweep: SweepView | None
) -> None:
    """Writes `metrics.csv`, `errors.csv`, `sweep.csv` and `sweep.svg`, each where there is such.

    Args:
        folder: The run's own, beside its page.
        splits: Name and measures of each evaluated split.
        sweep: The run's sweep, if it has one.
    """
    parts = [(split, one) for split, measures in splits for one in measures]
    if not parts:
        return
    folder.mkdir(parents=True, exist_ok=True)
    header = ["split", "of", "metric", "value", "low", "high"]
    values = (
        [split, one.of, v.column.header, v.value, v.low, v.high]
        for split, one in parts
        for v in one.values
    )
    _write(folder / "metrics.csv", header, values)
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
