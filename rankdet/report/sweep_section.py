"""Metrics and speed of a run over score thresholds, as its page shows them."""

from dataclasses import dataclass
from typing import Any

from rankdet.charts.chart import Chart
from rankdet.charts.looks import with_look
from rankdet.evaluation import registry
from rankdet.evaluation.metric import MASKS, SWEEP, Metric
from rankdet.report.charts.sweep import sweep_charts
from rankdet.results.layout import SWEEP as FILE
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.schemas.sweep import SweepRecord, SweepRow


@dataclass(frozen=True)
class SweepView:
    """A sweep on a page: `lines` are (threshold, values of `columns` in printed units).

    `problem` is the reason why a planned sweep cannot be shown.
    """

    columns: tuple[Metric, ...] = ()
    lines: tuple[tuple[float, tuple[float | None, ...]], ...] = ()
    charts: tuple[Chart, ...] = ()
    hardware: str = ""
    problem: str | None = None


def sweep_view(run: RecordedRun, look: int = 0) -> SweepView | None:
    """Returns a run's sweep; None if its study has no thresholds or the run has no metrics.

    Args:
        run: the run.
        look: the look of its loss in the charts.
    """
    if not run.score_thresholds or run.main.reason:
        return None
    sweep, problem = SweepRecord.read(run.folder / FILE)
    if sweep is None or not sweep.rows:
        return SweepView(problem=problem or "sweep.json has no threshold")
    rows = sweep.rows
    columns = registry.shown_in(SWEEP)
    if any(row.segm is not None for row in rows):
        columns += tuple(metric.of_masks() for metric in registry.shown_in(MASKS))
    lines = []
    for row in rows:
        values = _values(row)
        lines.append((row.score_threshold, tuple(metric.printed(values) for metric in columns)))
    speed = rows[0].speed
    machine = speed.hardware or {}
    hardware = str(machine.get("gpu") or machine.get("cpu") or speed.device)
    charts = tuple(with_look(chart, look) for chart in sweep_charts(rows))
    return SweepView(columns, tuple(lines), charts, hardware)


def _values(row: SweepRow) -> dict[str, Any]:
    """Returns all values of a row by their keys, those of masks as `segm.<key>`."""
    masks = registry.values({"metrics": row.segm or {}})
    return {
        **registry.values(row.to_dict()),
        **{f"segm.{key}": value for key, value in masks.items()},
    }
