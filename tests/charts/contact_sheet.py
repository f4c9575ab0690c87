"""All kinds of figures of a study in one picture, docs/images/figures.png.

python -m tests.charts.contact_sheet PLAN.json OUT.png LOSS,LOSS,...
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from rankdet.charts.publication.pages import write_figure_file
from rankdet.errors import InputError
from rankdet.papers.comparison_charts import comparison_charts
from rankdet.papers.computed import paper_code
from rankdet.papers.figure_kinds import ComputedFigure, figure_kind
from rankdet.papers.folders import figure_kinds, spec_paths
from rankdet.papers.load import load_spec
from rankdet.results.records import read_study

COLUMNS, TILE, HEAD, SPACE = 4, 380, 26, 10  # in pixels
COLOURS = 220


def tiles(plan: Path, losses: list[str], folder: Path) -> list[tuple[str, Path]]:
    """Draws every kind that the study has data for at the width of a column."""
    study, found = read_study(plan), []
    specs = {load_spec(path).figure: path for path in spec_paths()}
    for name in figure_kinds():
        kind = figure_kind(name)
        few = [losses[:1]] if name == "components" else [losses]
        chosen = [*few, losses[:3]] if name == "class_differences" else few
        for part in chosen:
            if isinstance(kind, ComputedFigure):
                charts = kind.charts(paper_code(load_spec(specs[name])))
            else:
                try:
                    charts = comparison_charts(study, kind, losses=part)
                except InputError as error:
                    print(error)
                    continue
            path = folder / f"{name}-{len(part)}.png"
            write_figure_file(charts, path, "default", "column")
            found.append((name, path))
    return found


def main(plan: Path, out: Path, losses: list[str]) -> None:
    """Writes the picture: each tile goes into the column that is the shortest so far."""
    bottoms, places = [0] * COLUMNS, []
    with tempfile.TemporaryDirectory() as folder:
        for name, path in tiles(plan, losses, Path(folder)):
            image = Image.open(path).convert("RGB")
            image = image.resize((TILE, round(image.height * TILE / image.width)))
            column = bottoms.index(min(bottoms))
            places.append((name, image, column * (TILE + SPACE), bottoms[column]))
            bottoms[column] += HEAD + image.height + SPACE
    sheet = Image.new("RGB", (COLUMNS * (TILE + SPACE), max(bottoms)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for name, image, x, y in places:
        pen.text((x + 4, y + 4), name, fill="black", font=font)
        sheet.paste(image, (x, y + HEAD))
    sheet.quantize(COLOURS, dither=Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3].split(","))
