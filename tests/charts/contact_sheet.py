"""All kinds of figures of a study on one sheet, figures.png and figures.pdf.

python -m tests.charts.contact_sheet PLAN.json FOLDER LOSS,LOSS,...
"""

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from rankdet.charts.chart import Chart
from rankdet.charts.publication.pages import UNDATED, figure_height, lay_out
from rankdet.charts.publication.styles import STYLES
from rankdet.errors import InputError
from rankdet.papers.comparison_charts import comparison_charts
from rankdet.papers.computed import paper_code
from rankdet.papers.figure_kinds import ComputedFigure, figure_kind
from rankdet.papers.folders import figure_kinds, spec_paths
from rankdet.papers.load import load_spec
from rankdet.results.records import read_study

COLUMNS, HEAD, SPACE = 4, 0.3, 0.15  # the sizes in inches
DOTS_PER_INCH = 110
COLOURS = 220
Tile = tuple[str, Sequence[Chart]]


def tiles(plan: Path, losses: list[str]) -> list[Tile]:
    """Returns the charts of every kind that the study has data for."""
    study, found = read_study(plan), []
    specs = {load_spec(path).figure: path for path in spec_paths()}
    for name in figure_kinds():
        kind = figure_kind(name)
        few = [losses[:1]] if name == "components" else [losses]
        chosen = [*few, losses[:3]] if name == "class_differences" else few
        for part in chosen:
            if isinstance(kind, ComputedFigure):
                found.append((name, kind.charts(paper_code(load_spec(specs[name])))))
                continue
            try:
                found.append((name, comparison_charts(study, kind, losses=part)))
            except InputError as error:
                print(error)
    return found


def sheet(found: Sequence[Tile], inches: float) -> Figure:
    """Draws the tiles, each as wide as a column: it goes below the shortest column so far."""
    columns: list[list[tuple[float, Tile]]] = [[] for _ in range(COLUMNS)]
    bottoms = [0.0] * COLUMNS
    for tile in found:
        height = HEAD + figure_height(tile[1], inches, narrow=True) + SPACE
        at = bottoms.index(min(bottoms))
        columns[at].append((height, tile))
        bottoms[at] += height
    figure = Figure((COLUMNS * (inches + SPACE), max(bottoms)), layout="constrained")
    FigureCanvasAgg(figure)
    for part, column, bottom in zip(figure.subfigures(1, COLUMNS), columns, bottoms, strict=True):
        rest = max(max(bottoms) - bottom, 0.01)
        ratios = [*(height for height, _ in column), rest]
        places: Any = part.subfigures(len(ratios), 1, height_ratios=ratios)
        for place, (height, (name, charts)) in zip(places[:-1], column, strict=True):
            head, body = place.subfigures(2, 1, height_ratios=[HEAD, height - HEAD])
            head.text(0.02, 0.3, name, fontsize=9, fontweight="bold")
            lay_out(body, charts, inches, narrow=True)
    return figure


def main(plan: Path, folder: Path, losses: list[str]) -> None:
    """Writes `figures.pdf`, whose text and lines are sharp at any size, and `figures.png`."""
    look = STYLES["default"]
    settings: Any = {**mpl.rcParamsDefault, **look.settings()}
    with mpl.rc_context({key: settings[key] for key in settings if key != "backend"}):
        figure = sheet(tiles(plan, losses), look.width("column"))
        figure.savefig(folder / "figures.pdf", metadata=UNDATED[".pdf"])
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", dpi=DOTS_PER_INCH)
    image = Image.open(drawn).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(folder / "figures.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3].split(","))
