"""What a paper's page shows: its tables and figures, ours beside the published values."""

from dataclasses import dataclass, field

from markupsafe import Markup

from rankdet.charts.svg import chart_svg
from rankdet.papers.figure_model import Figure
from rankdet.papers.spec import Spec
from rankdet.papers.table_model import Block, Table


@dataclass(frozen=True)
class Drawing:
    """A figure's charts on one dataset as inline SVG, and the stem of its files."""

    title: str
    stem: str
    charts: tuple[Markup, ...]


@dataclass(frozen=True)
class Part:
    """One table or figure on a paper's page; `files` is its folder in the report."""

    spec: Spec
    table: Table
    files: str
    drawings: tuple[Drawing, ...] = field(default=())

    @property
    def anchor(self) -> str:
        """The id of its heading."""
        return self.spec.id.replace("/", "-")

    def with_data(self, block: Block) -> bool:
        """At least one of our cells of a block has a value."""
        return any(cell.ours is not None for row in block.rows for cell in row.cells)


def table_part(table: Table) -> Part:
    """A table as it stands on its paper's page."""
    return Part(table.spec, table, f"tables/{table.spec.id}")


def figure_part(figure: Figure) -> Part:
    """A figure on all datasets, with the table of its printed values."""
    drawings = tuple(
        Drawing(
            title=drawing.title,
            stem=drawing.stem,
            charts=tuple(
                # Drawn by us from numbers and escaped names; nothing in it comes from outside.
                Markup(chart_svg(chart, f"{figure.spec.id}-{position}"))
                for chart in drawing.charts
            ),
        )
        for position, drawing in enumerate(figure.drawings)
    )
    return Part(figure.spec, figure.table, f"figures/{figure.spec.id}", drawings)
