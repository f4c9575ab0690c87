"""All kinds of figures of a study: side by side in figures.png, a page for each in figures.pdf.

python -m tests.charts.contact_sheet PLAN.json FOLDER LOSS,LOSS,...

The first four losses are drawn; the heat map of classes has all of them.
"""

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from PIL import Image

from rankdet.charts.chart import Chart
from rankdet.charts.publication.pages import draw
from rankdet.charts.publication.styles import STYLES
from rankdet.errors import InputError
from rankdet.papers.comparison_charts import comparison_charts
from rankdet.papers.computed import paper_code
from rankdet.papers.figure_kinds import ComputedFigure, figure_kind
from rankdet.papers.folders import figure_kinds, spec_paths
from rankdet.papers.load import load_spec
from rankdet.results.records import read_study

COLUMNS = 3
HEAD, SPACE = 0.3, 0.15  # in inches
DOTS_PER_INCH = 110
COLOURS = 220
UNDATED: Any = {"CreationDate": None, "ModDate": None}
Tile = tuple[str, Sequence[Chart]]


def tiles(plan: Path, losses: list[str]) -> list[Tile]:
    """Returns the charts of every kind that the study has data for."""
    study, found = read_study(plan), []
    specs = {load_spec(path).figure: path for path in spec_paths()}
    for name in figure_kinds():
        kind = figure_kind(name)
        parts = [losses[:1]] if name == "components" else [losses[:4]]
        for part in [*parts, losses] if name == "class_differences" else parts:
            if isinstance(kind, ComputedFigure):
                found.append((name, kind.charts(paper_code(load_spec(specs[name])))))
                continue
            try:
                charts = comparison_charts(study, kind, losses=part)
            except InputError as error:
                print(error)
                continue
            if charts:
                found.append((name, charts))
            else:
                print(f"{study.name}: {name} {kind.needs}")
    return found


def drawn(tile: Tile, inches: float) -> Figure:
    """Draws the figure as a command would, below the name of its kind."""
    name, charts = tile
    figure = draw(charts, inches, narrow=True)
    width, height = figure.get_size_inches()
    share = height / (height + HEAD)
    figure.set_size_inches(width, height + HEAD)
    figure.get_layout_engine().set(rect=(0, 0, 1, share))
    figure.text(0.02, 1 - HEAD / 2 / (height + HEAD), name, fontsize=9, fontweight="bold")
    return figure


def sheet(figures: Sequence[Figure]) -> Image.Image:
    """Returns the figures side by side: each goes below the shortest column so far."""
    made = [_picture(figure) for figure in figures]
    step, space = made[0].width, round(SPACE * DOTS_PER_INCH)
    bottoms, places = [0] * COLUMNS, []
    for picture in made:
        at = bottoms.index(min(bottoms))
        places.append((at * (step + space), bottoms[at]))
        bottoms[at] += picture.height + space
    whole = Image.new("RGB", (COLUMNS * (step + space), max(bottoms)), "white")
    for picture, place in zip(made, places, strict=True):
        whole.paste(picture, place)
    return whole.quantize(COLOURS, dither=Image.Dither.NONE)


def _picture(figure: Figure) -> Image.Image:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=DOTS_PER_INCH)
    return Image.open(content).convert("RGB")


def main(plan: Path, folder: Path, losses: list[str]) -> None:
    """Writes `figures.pdf`, whose text and lines are sharp at any size, and `figures.png`."""
    folder.mkdir(parents=True, exist_ok=True)
    look = STYLES["default"]
    settings: Any = {**mpl.rcParamsDefault, **look.settings()}
    with mpl.rc_context({key: settings[key] for key in settings if key != "backend"}):
        figures = [drawn(tile, look.width("column")) for tile in tiles(plan, losses)]
        with PdfPages(folder / "figures.pdf", metadata=UNDATED) as pages:
            for figure in figures:
                pages.savefig(figure)
        sheet(figures).save(folder / "figures.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3].split(","))
