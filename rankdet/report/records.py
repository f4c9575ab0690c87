"""Tables, figures and the leaderboard of a report: read from the study's records.

A record that is missing, damaged or out of date is computed again from the runs, for example in a
partial report after a failure. A record is out of date if a file that it depends on is newer, or if
one of its runs has lost its results.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

from rankdet.errors import InputError
from rankdet.papers.export import write_table
from rankdet.papers.figure_model import Figure
from rankdet.papers.figures import make_figure, write_figure
from rankdet.papers.findings import with_findings
from rankdet.papers.load import load_spec
from rankdet.papers.loss_looks import figure_with_looks
from rankdet.papers.match import find_runs
from rankdet.papers.records import read_figure, read_table
from rankdet.papers.spec import Spec
from rankdet.papers.table import make_table, spec_path
from rankdet.papers.table_model import Table
from rankdet.results import layout
from rankdet.results.epochs import recorded, run_key
from rankdet.results.leaderboard import Entry, leaderboard, read_leaderboard
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.records import RecordedStudy
from rankdet.results.schemas.plan import PlanPaper
from rankdet.results.status import WITHOUT_RESULTS

OF_A_RUN = (layout.RUN, layout.TRAINING, layout.METRICS, layout.SPEED, layout.SWEEP)


def study_table(study: RecordedStudy, entry: PlanPaper, folder: Path) -> Table:
    """Returns a table of the study's plan, and writes its files into a folder of the report.

    Raises:
        InputError: The table must be computed, and its specification cannot be used.
    """
    path = layout.table_folder(study.folder, entry.id) / layout.TABLE
    try:
        table = read_table(path)
    except InputError:
        current = False
    else:
        current = _is_current(study, entry, path, table)
    if not current:
        table = with_findings(study, make_table(study, load_spec(spec_path(study, entry.spec))))
    write_table(table, folder)
    return table


def study_figure(study: RecordedStudy, entry: PlanPaper, folder: Path) -> Figure:
    """Returns a figure of the study's plan, and writes its files into a folder of the report.

    Raises:
        InputError: The figure must be computed, and its specification cannot be used.
    """
    source = layout.figure_folder(study.folder, entry.id)
    try:
        figure = read_figure(source / layout.FIGURE)
        current = _is_current(study, entry, source / layout.FIGURE, figure.table)
        if current and _looks(figure) == _looks(figure_with_looks(study, figure)):
            shutil.copytree(source, folder, dirs_exist_ok=True)
            return figure
    except InputError:
        pass
    figure = make_figure(study, load_spec(spec_path(study, entry.spec)))
    write_figure(figure, folder)
    return figure


def _looks(figure: Figure) -> list[int | None]:
    """The looks of all series: those that an older version has stored may be others."""
    charts = (chart for drawing in figure.drawings for chart in drawing.charts)
    return [series.look for chart in charts for series in chart.series]


def study_leaderboard(study: RecordedStudy) -> list[Entry]:
    """Returns the leaderboard of a study."""
    path = study.folder / layout.LEADERBOARD
    try:
        entries = read_leaderboard(path)
    except InputError:
        return leaderboard(study)
    same = {entry.key: entry.status for entry in entries} == {r.key: r.status for r in study.runs}
    sources = [study.folder / layout.PLAN, *_files(study, study.runs)]
    return entries if same and _is_newer(path, sources) else leaderboard(study)


def _is_current(study: RecordedStudy, entry: PlanPaper, path: Path, table: Table) -> bool:
    rows = [row for block in table.blocks for row in block.rows if not row.reason]
    shown = [key for row in rows for key in row.runs]
    runs = [recorded(study, key) for key in shown]
    if any(run is None or run.status in WITHOUT_RESULTS for run in runs):
        return False
    spec = spec_path(study, entry.spec)
    sources = [study.folder / layout.PLAN, spec, spec.with_suffix(".csv")]
    return _is_newer(path, [*sources, *_files(study, _runs_of(study, table.spec))])


def _runs_of(study: RecordedStudy, spec: Spec) -> list[RecordedRun]:
    """Returns the runs of a study that a table or figure shows."""
    requested = {
        run_key(run.key)
        for dataset in study.datasets()
        for request in spec.requests
        for run in find_runs(study, dataset, request)
    }
    return [
        run
        for run in study.runs
        if run.key in requested or spec.shows_other_losses_of(run.detector, run.backbone)
    ]


def _files(study: RecordedStudy, runs: Iterable[RecordedRun]) -> list[Path]:
    """Returns the files that may change what is shown of runs."""
    found = []
    for run in runs:
        folders = [e.folder for e in run.evaluations]
        folders += [run.folder / layout.variant_folder(name) for name in run.test_variants]
        folders += [run.folder / layout.epoch_folder(name) for name in run.kept_epochs]
        found += [folder / name for folder in folders for name in OF_A_RUN]
        found += [layout.failure_file(run.folder), study.folder / run.dataset / layout.DATASET]
    return found


def _is_newer(path: Path, sources: Iterable[Path]) -> bool:
    made = path.stat().st_mtime_ns
    return all(source.stat().st_mtime_ns <= made for source in sources if source.exists())
