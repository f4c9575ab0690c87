"""Captions of a paper's table in LaTeX: its place in the paper, the data, ± and bold."""

import re

from rankdet.papers.folders import paper_of
from rankdet.papers.spec import Row, Spec
from rankdet.papers.table_model import Block

MINIVAL = "COCO minival"
PLACES = {"coco": MINIVAL, "minitrain": MINIVAL, "lvis": "LVIS"}  # of the papers' names of data
NUMBERED = re.compile(r"((?:Table|Figure|Section) \S+): (.+)")
TEST = "Welch's test with Holm's correction"


def latex_caption(spec: Spec, block: Block, scale: str) -> str:
    """Returns the caption of a block, in plain text.

    LaTeX numbers the table itself, so the number in the paper follows the paper's name.

    Args:
        spec: the table.
        block: its rows on one dataset.
        scale: the warning about the scale of the study; may be empty.
    """
    return " ".join(filter(None, [f"{_name(spec, block)}.", scale, *_signs(block)]))


def _name(spec: Spec, block: Block) -> str:
    rows = [r.row for r in block.rows if any(cell.published is not None for cell in r.cells)]
    places = sorted({_place(row) for row in rows})
    source = spec.measured_on or f"published on {' and '.join(places)}"
    title = spec.title
    for place in places:
        title = title.removesuffix(f" on {place}")
    numbered = NUMBERED.fullmatch(title)
    what = f"{numbered[1]} ({numbered[2]})" if numbered else title
    paper = paper_of(spec.paper)
    start = f"{paper.short}, {what}" if numbered or paper.in_all else what
    if not block.dataset:
        return f"{start}, {block.title}"
    if not rows:
        return f"{start}, on {block.title}"
    measured = f"published values measured on {source}" if spec.measured_on else source
    return f"{start}, {measured}; ours on {block.title}"


def _place(row: Row) -> str:
    """Where the published values of a row were measured."""
    data = str((row.run or {}).get("dataset", "coco"))
    return f"COCO {row.split}" if row.split else PLACES.get(data, data)


def _signs(block: Block) -> list[str]:
    """Sentences about ± and bold, of those signs that the block has."""
    cells = [cell for row in block.rows for cell in row.cells]
    found = []
    if any(cell.interval is not None for cell in cells):
        found.append("Ours: mean ± half of the 95% t-interval over the seeds.")
    best = [cell for cell in cells if cell.best]
    if any(cell.values for cell in best):
        found.append(f"Bold: ours that cannot be distinguished from the best mean ({TEST}).")
    if any(not cell.values for cell in best):
        found.append("Bold: ours that are the best as printed.")
    if any(cell.published_best for cell in cells):
        found.append("Bold published values are the best published ones.")
    return found
