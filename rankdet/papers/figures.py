"""The papers' figures, drawn from training records, with the values printed in their legends."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from rankdet.charts.chart import Chart
from rankdet.charts.gradient_balance import COLUMNS, balance_charts
from rankdet.charts.svg import figure_svg
from rankdet.errors import InputError
from rankdet.evaluation.metrics.gradient_balance import band, gradient_rates, rate_summary
from rankdet.evaluation.metrics.matches import Matches, read_matches
from rankdet.files import write_record
from rankdet.papers import figures_components, figures_scores, figures_toy
from rankdet.papers.figure_model import Drawing, Figure
from rankdet.papers.load import load_spec
from rankdet.papers.match import find_runs
from rankdet.papers.records import figure_record
from rankdet.papers.spec import Column, Row, Spec
from rankdet.papers.table import Source, make_table
from rankdet.papers.table_model import Block
from rankdet.results.records import Run, Study, load_study, slug
from rankdet.results.training_record import training_record
from rankdet.results.usable import other_data


def build_figure(plan_path: str | Path, spec_path: str | Path, out_dir: str | Path) -> None:
    """Writes a figure's files; see `write_figure`.

    Raises:
        InputError: the plan or the specification cannot be used; never for a run that failed.
    """
    write_figure(make_figure(load_study(plan_path), load_spec(spec_path)), Path(out_dir))


def write_figure(figure: Figure, folder: Path) -> None:
    """Writes `figure.svg`, `figure.csv` (its data) and `figure.json` (the whole figure).

    Later datasets of the study have `figure-<dataset>.svg` and `figure-<dataset>.csv`. The SVG of a
    figure without any usable run contains this message.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for drawing in figure.drawings:
        svg = figure_svg(drawing.charts, figure.spec.title)
        (folder / f"{drawing.stem}.svg").write_text(svg, encoding="utf-8")
        columns = ["chart", "series", "x", "value", "low", "high"]
        parts = [chart.data().assign(chart=chart.name)[columns] for chart in drawing.charts]
        frame = pd.concat(parts) if parts else pd.DataFrame(columns=columns)
        frame.to_csv(folder / f"{drawing.stem}.csv", index=False, lineterminator="\n")
    write_record(folder / "figure.json", figure_record(figure))


def make_figure(study: Study, spec: Spec) -> Figure:
    """Draws a figure for every dataset of the study; one without training, once.

    Raises:
        InputError: the specification names a kind of figure that does not exist.
    """
    if spec.figure in EXACT_KINDS:
        table = make_table(None, spec)
        charts = tuple(EXACT_KINDS[spec.figure]())
        return Figure(table, (Drawing("", table.blocks[0].title, "figure", charts),))
    if spec.figure not in KINDS:
        known = ", ".join(sorted([*KINDS, *EXACT_KINDS]))
        raise InputError(f"{spec.id}: figure {spec.figure!r} is unknown; there are: {known}")
    spec = with_other_runs(study, spec)
    table = make_table(study, spec, KINDS[spec.figure])
    runs = {run.key: run for run in study.runs}
    drawings = []
    for position, block in enumerate(table.blocks):
        stem = "figure" if position == 0 else f"figure-{slug(block.dataset)}"
        charts = tuple(_charts(KINDS[spec.figure], block, runs))
        drawings.append(Drawing(block.dataset, block.title, stem, charts))
    return Figure(table, tuple(drawings))


def _charts(kind: "Kind", block: Block, runs: Mapping[str, Run]) -> list[Chart]:
    series: dict[str, list[Any]] = {}
    for row in block.rows:
        if row.reason is None and row.runs:
            label = " ".join(filter(None, row.row.labels.values()))
            records = (kind.read(runs[key]) for key in row.runs)
            series[label] = [record for record in records if record is not None]
    return kind.charts(series) if series else []


def with_other_runs(study: Study, spec: Spec) -> Spec:
    """Adds what `Spec.takes_in` says: rows for which the paper has no values."""
    if study.papers:
        return spec
    detectors = {wanted.detector for wanted in spec.wanted}
    named = {id(r) for d in study.datasets() for w in spec.wanted for r in find_runs(study, d, w)}
    rows: dict[tuple[str, ...], Row] = {}
    for run in study.runs:
        other = not run.untrained and spec.takes_in(run.detector, run.backbone)
        if not other or id(run) in named:
            continue
        labels = {spec.label_names[0]: run.title("loss")}
        if len(detectors) > 1:
            labels = {spec.label_names[0]: f"{run.title('loss')}, {run.title('detector')}"}
        made_by = {"detector": run.detector, "loss": run.full_loss}
        made_by |= {"backbone": run.backbone, "schedule": run.schedule}
        section = "Other losses of this study"
        model = tuple(made_by.values())
        taken = {row.key for row in (*spec.rows, *rows.values()) if row is not rows.get(model)}
        key = run.full_loss if run.full_loss not in taken else ", ".join(filter(None, model))
        rows[model] = Row(key, labels, made_by, section)
    return replace(spec, rows=(*spec.rows, *rows.values()))


class Kind(Source):
    """A kind of figure: what it reads of a run, what it draws, and the values beside it.

    Args:
        read: a run's record, or None where it has none.
        charts: label to the records of its runs (one a seed) to charts.
        summary: the records of one row to the values in its table.
        lack: what a run without a record lacks.
    """

    def __init__(
        self,
        read: Callable[[Run], Any],
        charts: Callable[[Mapping[str, Sequence[Any]]], list[Chart]],
        summary: Callable[[Sequence[Any]], Mapping[str, float | int | None]],
        lack: str,
    ) -> None:
        self.read, self.charts, self.summary, self.lack = read, charts, summary, lack

    def unusable(self, run: Run, checksum: str | None) -> str | None:
        """Why a run cannot be drawn, in one line; None where it can."""
        if other := other_data(run, checksum):
            return other
        if self.read(run) is not None:
            return None
        return f"seed {run.seed}: {run.reason or self.lack}"

    def value(
        self, runs: Sequence[Run], column: Column, view: str
    ) -> tuple[float | None, float | None]:
        """The row's value in a column; without an interval, as the curve is of all seeds."""
        return self.summary([self.read(run) for run in runs])[column.metric], None


def _rates(frames: Sequence[pd.DataFrame]) -> Mapping[str, float | int | None]:
    """The extremes of the curve averaged over the seeds."""
    return rate_summary(band([gradient_rates(frame) for frame in frames])["mean"])


def _matches(run: Run) -> Matches | None:
    try:
        return read_matches(run.main.folder / "matches.parquet")
    except InputError:
        return None


KINDS = {
    "gradient-balance": Kind(
        lambda run: training_record(run, COLUMNS),
        balance_charts,
        _rates,
        "its training record lacks the gradient sums",
    ),
    "components": Kind(
        lambda run: training_record(run, figures_components.COLUMNS),
        figures_components.component_charts,
        figures_components.component_summary,
        "its training record lacks the parts of the loss",
    ),
    "score-distributions": Kind(
        _matches,
        figures_scores.distribution_charts,
        partial(figures_scores.score_summary, floor=0.5),
        "it has no matches",
    ),
    "score-gaps": Kind(
        _matches, figures_scores.gap_charts, figures_scores.score_summary, "it has no matches"
    ),
}
EXACT_KINDS: dict[str, Callable[[], list[Chart]]] = {
    "toy-outputs": figures_toy.toy_outputs,
    "toy-boxes": figures_toy.toy_boxes,
    "toy-pr": figures_toy.toy_curves,
}
