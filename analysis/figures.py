"""The papers' figures, drawn from training records, with the values printed in their legends."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from analysis.errors import InputError
from analysis.figures_balance import (
    COLUMNS,
    balance_charts,
    training_record,
)
from analysis.figures_chart import Chart, figure_svg
from analysis.measures.balance import band, gradient_rates, rate_summary
from analysis.papers import Column, Row, Spec, load_spec
from analysis.records import Run, Study, load_study, slug
from analysis.tables import Source, make_table
from analysis.tables_export import to_dict
from analysis.tables_model import Table


@dataclass(frozen=True)
class Figure:
    """A paper's figure on one dataset, with its table of printed values for all datasets."""

    spec: Spec
    dataset: str
    title: str
    charts: list[Chart]
    table: Table

    def stem(self, position: int) -> str:
        """Name of its files: `figure` on the study's first dataset, `figure-<dataset>` later."""
        return "figure" if position == 0 else f"figure-{slug(self.dataset)}"


def build_figure(plan_path: str | Path, spec_path: str | Path, out_dir: str | Path) -> None:
    """Writes `figure.svg`, `figure.csv` (its data) and `figure.json` (its printed values).

    With several datasets in the study the second and later ones go to `figure-<dataset>.svg` and so
    on. A figure without a single usable run is an SVG that says so.

    Raises:
        InputError: the plan or the specification cannot be used; never for a run that failed.
    """
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    for position, figure in enumerate(make_figures(load_study(plan_path), load_spec(spec_path))):
        write_figure(figure, folder, figure.stem(position))


def write_figure(figure: Figure, folder: Path, stem: str) -> None:
    """Writes one figure's SVG, CSV and JSON under a file stem."""
    svg = figure_svg(figure.charts, figure.spec.title)
    (folder / f"{stem}.svg").write_text(svg, encoding="utf-8")
    columns = ["chart", "series", "x", "value", "low", "high"]
    parts = [chart.data().assign(chart=chart.name)[columns] for chart in figure.charts]
    frame = pd.concat(parts) if parts else pd.DataFrame(columns=columns)
    frame.to_csv(folder / f"{stem}.csv", index=False, lineterminator="\n")
    text = json.dumps(to_dict(figure.table), indent=1, ensure_ascii=False)
    (folder / f"{stem}.json").write_text(text + "\n", encoding="utf-8")


def make_figures(study: Study, spec: Spec) -> list[Figure]:
    """Draws a figure for every dataset of the study.

    Raises:
        InputError: the specification names a kind of figure that does not exist.
    """
    if spec.figure not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise InputError(f"{spec.id}: figure {spec.figure!r} is unknown; there are: {known}")
    spec = with_other_runs(study, spec) if spec.other_runs else spec
    table = make_table(study, spec, _TrainingSource())
    return [_figure(spec, table, position) for position in range(len(table.blocks))]


def _figure(spec: Spec, table: Table, position: int) -> Figure:
    block = table.blocks[position]
    series: dict[str, list[pd.DataFrame]] = {}
    for row in block.rows:
        frames = [training_record(run, COLUMNS) for run in row.runs]
        known = [frame for frame in frames if frame is not None]
        if known and row.reason is None:
            series[" ".join(filter(None, row.row.labels.values()))] = known
    charts = KINDS[spec.figure](series) if series else []
    return Figure(spec, block.dataset, block.title, charts, table)


def with_other_runs(study: Study, spec: Spec) -> Spec:
    """Adds a row for every other loss of the same detectors, which the paper has no values for."""
    detectors = {row.run["detector"] for row in spec.rows if row.run}
    named = {id(run) for d in study.datasets() for r in spec.rows for run in _runs(study, d, r)}
    rows: dict[tuple[str, str], Row] = {}
    for run in study.runs:
        if run.detector not in detectors or run.untrained or id(run) in named:
            continue
        labels = {spec.label_names[0]: run.title("loss")}
        if len(detectors) > 1:
            labels = {spec.label_names[0]: f"{run.title('loss')}, {run.title('detector')}"}
        made_by = {"detector": run.detector, "loss": run.full_loss}
        section = "Other losses of this study"
        rows[run.detector, run.full_loss] = Row(run.full_loss, labels, made_by, section)
    return replace(spec, rows=(*spec.rows, *rows.values()))


def _runs(study: Study, dataset: str, row: Row) -> list[Run]:
    return study.find(dataset, row.run["detector"], row.run["loss"]) if row.run else []


class _TrainingSource(Source):
    """Values from the training records: the extremes of the curve averaged over the seeds."""

    def unusable(self, run: Run, checksum: str | None) -> str | None:
        if training_record(run, COLUMNS) is not None:
            return None
        return f"seed {run.seed}: {run.reason or 'its training record lacks the gradient sums'}"

    def value(
        self, runs: Sequence[Run], column: Column, view: str
    ) -> tuple[float | None, float | None]:
        frames = [training_record(run, COLUMNS) for run in runs]
        curve = band([gradient_rates(frame) for frame in frames if frame is not None])
        return rate_summary(curve["mean"])[column.metric], None


KINDS: dict[str, Callable[[dict[str, list[pd.DataFrame]]], list[Chart]]] = {
    "gradient-balance": balance_charts,
}
