"""A run's measures and speed over score thresholds, as its page shows them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rankdet.charts.chart import Chart
from rankdet.papers.spec import Column
from rankdet.report.charts.sweep import sweep_charts
from rankdet.report.run_metrics import printed
from rankdet.results.leaderboard import COLUMNS
from rankdet.results.records import Run
from rankdet.results.sweep import read_sweep

OF_BOXES = tuple(c for c in COLUMNS if c.metric[:2] == "AP" or c.metric[:4] == "oLRP")
OF_MASKS = (
    Column("segm.AP", "mask AP", 100, 1, "higher"),
    Column("segm.oLRP", "mask oLRP", 100, 1, "lower"),
)
PER_IMAGE = Column("detections_per_image", "detections per image")
SPEED = Column("speed.images_per_second", "images/s")


@dataclass(frozen=True)
class SweepView:
    """A sweep on a page: `lines` are (threshold, values of `columns` in printed units).

    `problem` says why there is none although the study asks for it.
    """

    columns: tuple[Column, ...] = ()
    lines: tuple[tuple[float, tuple[float | None, ...]], ...] = ()
    charts: tuple[Chart, ...] = ()
    hardware: str = ""
    problem: str | None = None


def sweep_view(run: Run) -> SweepView | None:
    """A run's sweep; None if its study asks for none, or the run has no measures at all."""
    if not run.score_thresholds or run.main.reason:
        return None
    rows = read_sweep(run.folder).get("rows")
    if not rows:
        return SweepView(problem="sweep.json is missing or cannot be read")
    masks = OF_MASKS if any("segm" in row for row in rows) else ()
    columns = (PER_IMAGE, *OF_BOXES, *masks, SPEED)
    lines = []
    for row in rows:
        values = _flat(row)
        lines.append((row["score_threshold"], tuple(printed(values, c) for c in columns)))
    machine = rows[0]["speed"].get("hardware") or {}
    hardware = str(machine.get("gpu") or machine.get("cpu") or rows[0]["speed"].get("device"))
    return SweepView(columns, tuple(lines), tuple(sweep_charts(rows)), hardware)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row's values by the keys of the columns."""
    parts = {"": row["metrics"], "segm.": row.get("segm") or {}, "speed.": row["speed"]}
    named = {f"{room}{key}": value for room, part in parts.items() for key, value in part.items()}
    return {**named, "detections_per_image": row["detections_per_image"]}
