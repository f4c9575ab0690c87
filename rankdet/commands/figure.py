"""`rankdet figure`: a figure of a study for a paper, as PDF, SVG or PNG."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rankdet.charts.publication.styles import ENDINGS, STYLES, WIDTHS
from rankdet.commands.studies import add_study, check_out, say_left_out
from rankdet.errors import InputError
from rankdet.results.find import find_plan
from rankdet.suggest import choice

if TYPE_CHECKING:
    from rankdet.charts.chart import Chart
    from rankdet.papers.figure_model import Drawing, Figure
    from rankdet.results.recorded_run import RecordedRun
    from rankdet.results.records import RecordedStudy


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the study, the figure, the file and its look."""
    add_study(parser)
    parser.add_argument(
        "figure",
        metavar="FIGURE",
        help="a figure of a paper (alrp/figure4), or a kind (precision_recall, calibration, ...)",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="ends in .pdf, .svg or .png"
    )
    parser.add_argument(
        "--style", choices=sorted(STYLES), default="default", help="widths and fonts"
    )
    parser.add_argument("--width", choices=WIDTHS, default="page", help="default: page")
    parser.add_argument("--dataset", default="", metavar="NAME", help="default: the first one")
    parser.add_argument(
        "--detector",
        default="",
        metavar="NAME",
        help="detector of a kind of figure (default: the first one)",
    )
    parser.add_argument(
        "--losses",
        default="",
        metavar="A,B,...",
        help="losses of a kind of figure, the reference first (default: all)",
    )


def run(args: argparse.Namespace) -> int:
    """Writes the figure and prints its path."""
    if args.out.suffix not in ENDINGS:
        raise InputError(f"--out {args.out}: end its name in {', '.join(ENDINGS)}")
    check_out(args.out)
    plan = find_plan(args.study, args.results)
    from rankdet.papers.folders import figure_kinds, spec_paths
    from rankdet.results.records import read_study

    specs = {f"{path.parent.name}/{path.stem}": path for path in spec_paths()}
    figures = [name for name in specs if name.partition("/")[2].startswith("figure")]
    kinds = list(figure_kinds())
    if args.figure not in (*figures, *kinds):
        what = "is a table, which a report shows" if args.figure in specs else "is unknown"
        raise InputError(f"figure {args.figure!r} {what}; {choice(args.figure, figures + kinds)}")
    study = read_study(plan)
    if args.figure in kinds:
        charts, drawn = _of_kind(study, args)
    else:
        charts, drawn = _of_paper(study, specs[args.figure], args)
    from rankdet.charts.publication.pages import write_figure_file

    for line in dict.fromkeys(chart.note for chart in charts if chart.note):
        _tell(f"{line} Say so in the caption: the file does not")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_figure_file(charts, args.out, args.style, args.width)
    say_left_out(study, drawn)
    print(args.out)
    return 0


def _of_kind(
    study: "RecordedStudy", args: argparse.Namespace
) -> "tuple[list[Chart], Callable[[RecordedRun], bool]]":
    """The charts of a kind, and whether a run is drawn."""
    from rankdet.papers.comparison_charts import comparison_charts
    from rankdet.papers.figure_kinds import FigureOfRuns, figure_kind, remembering

    kind = figure_kind(args.figure)
    if not isinstance(kind, FigureOfRuns):
        raise InputError(
            f"{args.figure} is computed without runs; name a figure of this kind, such as "
            "alrp/figure1"
        )
    losses = [name.strip() for name in args.losses.split(",") if name.strip()]
    if args.losses and not losses:
        raise InputError(f"--losses {args.losses}: names no loss; give names with commas: ap,alrp")
    reading = remembering(kind)
    charts = comparison_charts(study, reading, args.dataset, args.detector, losses, _tell)
    if not charts:
        raise InputError(f"{study.name}: {args.figure} {kind.needs}")
    return charts, lambda run: reading.unusable(run, study.checksum(run.dataset)) is None


def _tell(line: str) -> None:
    print(f"note: {line}", file=sys.stderr)


def _of_paper(
    study: "RecordedStudy", path: Path, args: argparse.Namespace
) -> "tuple[list[Chart], Callable[[RecordedRun], bool]]":
    """The charts of a figure of a paper, and whether a run is drawn."""
    from rankdet.papers.figure_kinds import FigureOfRuns, figure_kind
    from rankdet.papers.figures import make_figure
    from rankdet.papers.load import load_spec

    for option in ("detector", "losses"):
        if getattr(args, option):
            raise InputError(f"--{option}: {args.figure} names its own runs; leave the option out")
    spec = load_spec(path)
    if not spec.figure:
        raise InputError(f"{args.figure} is shown as a table; name another figure or a kind")
    figure = make_figure(study, spec)
    drawings = figure.drawings
    if args.dataset and drawings[0].dataset:
        known = [one.dataset for one in drawings]
        if args.dataset not in known:
            raise InputError(
                f"{study.name} has no dataset {args.dataset!r}; {choice(args.dataset, known)}"
            )
    chosen = next((d for d in drawings if _shows(d, args.dataset)), None)
    if chosen is None:
        every = [row for block in figure.table.blocks for row in block.rows]
        kind = figure_kind(spec.figure)
        if isinstance(kind, FigureOfRuns) and any(not row.reason for row in every):
            raise InputError(f"{study.name}: {args.figure} {kind.needs}")
        why = next((f"{row.row.key}: {row.reason}" for row in every if row.reason), "no rows")
        raise InputError(f"{study.name}: {args.figure} has no run that can be drawn ({why})")
    _say_damage(study, figure)
    rows = [row for block in figure.table.blocks for row in block.rows if not row.reason]
    drawn = {key for row in rows for key in row.runs}
    return list(chosen.charts), lambda run: run.key in drawn


def _say_damage(study: "RecordedStudy", figure: "Figure") -> None:
    """Names the damaged files of the runs of rows that are not drawn."""
    from rankdet.papers.figure_kinds import FigureOfRuns, figure_kind

    kind = figure_kind(figure.table.spec.figure)
    if isinstance(kind, FigureOfRuns):
        lost = {
            key
            for block in figure.table.blocks
            for row in block.rows
            if row.reason
            for key in row.runs
        }
        for line in filter(None, (kind.damage(run) for run in study.runs if run.key in lost)):
            _tell(line)


def _shows(drawing: "Drawing", dataset: str) -> bool:
    return bool(drawing.charts) and drawing.dataset in ("", dataset or drawing.dataset)
