"""Makes the papers' figures: charts on every dataset of a study, and a table of printed values."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from rankdet.charts.publication.styles import ENDINGS, WIDTHS
from rankdet.charts.svg import figure_svg
from rankdet.files import write_record
from rankdet.papers.across import across_datasets
from rankdet.papers.computed import paper_code
from rankdet.papers.figure_kinds import ComputedFigure, FigureOfRuns, figure_kind, remembering
from rankdet.papers.figure_model import Drawing, Figure
from rankdet.papers.findings import with_findings
from rankdet.papers.load import load_spec
from rankdet.papers.loss_looks import figure_with_looks
from rankdet.papers.match import find_runs
from rankdet.papers.records import figure_record
from rankdet.papers.spec import Row, Spec
from rankdet.papers.table import make_table
from rankdet.papers.table_model import Block
from rankdet.results.epochs import recorded, run_key
from rankdet.results.layout import slug
from rankdet.results.records import RecordedStudy, read_study

FOR_PAPERS = "for-papers"  # folder of publication figures, below that of a figure
OTHER_LOSSES = "Other losses of this study"


def build_figure(
    plan_path: str | Path, spec_path: str | Path, out_dir: str | Path, for_papers: bool = False
) -> None:
    """Writes a figure's files; see `write_figure`, and `write_for_papers` if `for_papers` is set.

    Raises:
        InputError: the plan or the specification cannot be used; never for a run that failed.
    """
    figure = make_figure(read_study(plan_path), load_spec(spec_path))
    write_figure(figure, Path(out_dir))
    if for_papers:
        write_for_papers(figure, Path(out_dir) / FOR_PAPERS)


def write_figure(figure: Figure, folder: Path) -> None:
    """Writes `figure.svg`, `figure.csv` (its data) and `figure.json` (the whole figure).

    Later datasets of the study have `figure-<dataset>.svg` and `figure-<dataset>.csv`. If a figure
    has no usable run, its SVG contains the reasons.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for drawing, block in zip(figure.drawings, figure.table.blocks, strict=True):
        reasons = [f"{row.row.key}: {row.reason}" for row in block.rows if row.reason]
        svg = figure_svg(drawing.charts, figure.spec.title, reasons)
        (folder / f"{drawing.stem}.svg").write_text(svg, encoding="utf-8")
        columns = ["chart", "series", "x", "value", "low", "high"]
        parts = [chart.data().assign(chart=chart.name)[columns] for chart in drawing.charts]
        frame = pd.concat(parts) if parts else pd.DataFrame(columns=columns)
        frame.to_csv(folder / f"{drawing.stem}.csv", index=False, lineterminator="\n")
    write_record(folder / "figure.json", figure_record(figure))


def write_for_papers(figure: Figure, folder: Path) -> None:
    """Writes `<stem>-<width>` as PDF, SVG and PNG for each drawing that is not empty."""
    from rankdet.charts.publication.pages import write_figure_file

    folder.mkdir(parents=True, exist_ok=True)
    for drawing in filter(lambda one: one.charts, figure.drawings):
        for width in WIDTHS:
            for ending in ENDINGS:
                path = folder / f"{drawing.stem}-{width}{ending}"
                write_figure_file(drawing.charts, path, width=width)


def make_figure(study: RecordedStudy, spec: Spec) -> Figure:
    """Draws a figure for every dataset of the study; a computed figure is drawn once.

    Raises:
        InputError: the specification's kind of figure does not exist, or its file has a fault.
    """
    kind = figure_kind(spec.figure)
    if isinstance(kind, ComputedFigure):
        table = make_table(study, spec)
        charts = tuple(kind.charts(paper_code(spec)))
        return Figure(table, (Drawing("", table.blocks[0].title, "figure", charts),))
    kind = remembering(kind)
    table = make_table(study, with_other_losses(study, spec), kind)
    table = with_findings(study, table, kind)
    if kind.across:
        merged = _merged(_series(kind, b, study) for b in table.blocks)
        return figure_with_looks(study, across_datasets(table, merged, kind))
    drawings = []
    for position, block in enumerate(table.blocks):
        stem = "figure" if position == 0 else f"figure-{slug(block.dataset)}"
        series = _series(kind, block, study)
        charts = tuple(kind.charts(series)) if series else ()
        drawings.append(Drawing(block.dataset, block.title, stem, charts))
    return figure_with_looks(study, Figure(table, tuple(drawings)))


def _series(kind: FigureOfRuns, block: Block, study: RecordedStudy) -> dict[str, list[Any]]:
    """Returns the records of the runs on one dataset, by the label of their row."""
    series: dict[str, list[Any]] = {}
    for row in block.rows:
        if row.reason is None and row.runs:
            label = " ".join(filter(None, row.row.labels.values()))
            runs = [run for key in row.runs if (run := recorded(study, key))]
            records = (kind.read(run) for run in kind.drawn(runs))
            known = [record for record in records if record is not None]
            if known:  # columns may have different reasons for the lack of all records
                series[label] = known
    return series


def _merged(every: Iterable[Mapping[str, list[Any]]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for series in every:
        for label, records in series.items():
            found.setdefault(label, []).extend(records)
    return found


def with_other_losses(study: RecordedStudy, spec: Spec) -> Spec:
    """Adds a row for each run of another loss that `Spec.shows_other_losses_of` adds."""
    if study.papers:
        return spec
    detectors = {request.detector for request in spec.requests}
    pairs = ((dataset, one) for dataset in study.datasets() for one in spec.requests)
    in_rows = {run_key(r.key) for dataset, one in pairs for r in find_runs(study, dataset, one)}
    rows: dict[tuple[str, ...], Row] = {}
    for run in study.runs:
        ours = not run.untrained and not run.imported
        other = ours and spec.shows_other_losses_of(run.detector, run.backbone)
        if not other or run.key in in_rows:
            continue
        label = run.title("loss")
        if len(detectors) > 1:
            label = f"{label}, {run.title('detector')}"
        request = {"detector": run.detector, "loss": run.full_loss}
        request |= {"backbone": run.backbone, "schedule": run.schedule}
        model = tuple(request.values())
        taken = {row.key for row in (*spec.rows, *rows.values()) if row is not rows.get(model)}
        key = run.full_loss if run.full_loss not in taken else ", ".join(filter(None, model))
        rows[model] = Row(key, {spec.label_names[0]: label}, request, OTHER_LOSSES)
    return replace(spec, rows=(*spec.rows, *rows.values()))
