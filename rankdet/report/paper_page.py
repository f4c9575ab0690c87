"""Paper pages: the tables and figures of a paper, with our values and the published ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup

from rankdet.charts.publication.styles import ENDINGS, WIDTHS
from rankdet.charts.svg import chart_svg
from rankdet.papers.claims import Claim
from rankdet.papers.figure_model import Figure
from rankdet.papers.figures import FOR_PAPERS
from rankdet.papers.folders import reading_order
from rankdet.papers.gains import Gain, column_of, gain
from rankdet.papers.spec import Spec
from rankdet.papers.statements import Statement, counted, statements
from rankdet.papers.table_model import Block, Finding, Table, TableRow
from rankdet.report.charts.small_multiples import small_multiples
from rankdet.report.paper_table import Labels, labels_of, lines_of
from rankdet.report.paths import paper_page
from rankdet.report.records import study_figure, study_table
from rankdet.report.site import Site
from rankdet.results.layout import figure_folder, table_folder
from rankdet.results.records import RecordedStudy


@dataclass(frozen=True)
class Drawing:
    """A figure's charts on one dataset as inline SVG, their stem, and files for papers."""

    title: str
    stem: str
    charts: tuple[Markup, ...]
    for_papers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """One table or figure on a paper's page.

    `files` is its folder in the report; `on_gpu`: whether the runs of the study used a GPU.
    """

    spec: Spec
    table: Table
    files: str
    drawings: tuple[Drawing, ...] = field(default=())
    on_gpu: bool = True

    @property
    def anchor(self) -> str:
        """The id of its heading."""
        return self.spec.id.replace("/", "-")

    @property
    def comparable(self) -> bool:
        """Whether a difference to the published values has a meaning: times need a GPU too."""
        return self.on_gpu or not self.spec.measured_on

    def labels(self, block: Block) -> Labels:
        """Returns which labels of a block are columns, and which are said once."""
        return labels_of(self.spec, block)

    def lines(self, row: TableRow) -> tuple[str, ...]:
        """Returns the lines of a row: ours, published, difference, or one for both."""
        return lines_of(self.spec, row, self.comparable)

    def remarks(self, block: Block) -> list[str]:
        """Returns the warnings about values of a block, and why single cells have none."""
        found = []
        for row in block.rows:
            found += [f"{row.row.key}: {row.remark}"] if row.remark else []
            gaps = row.gaps(self.spec.columns)
            found += [f"{row.row.key}, {header}: {reason}" for header, reason in gaps]
        return found

    def statements(self, block: Block) -> list[Statement]:
        """Returns the claims of a block; one with several sides is one claim."""
        return statements(block.findings)

    def gain(self, finding: Finding) -> Gain:
        """Returns what a finding compares, as it is printed."""
        return gain(finding, column_of(finding, self.spec.columns))

    def with_data(self, block: Block) -> bool:
        """Returns whether at least one of our cells of a block has a value."""
        return any(cell.ours is not None for row in block.rows for cell in row.cells)


def paper_sections(study: RecordedStudy, folder: Path) -> dict[str, list[Section]]:
    """Returns the tables and figures of each paper, in reading order.

    Args:
        study: the study.
        folder: the report's folder; the files of the tables and figures are written there.
    """
    on_gpu = any((run.provenance.hardware or {}).get("gpu") for run in study.runs)
    tables = [
        _table_section(study_table(study, entry, table_folder(folder, entry.id)), on_gpu)
        for entry in study.plan.tables
    ]
    figures = [
        _figure_section(
            study_figure(study, entry, figure_folder(folder, entry.id)),
            figure_folder(folder, entry.id),
        )
        for entry in study.plan.figures
    ]
    found: dict[str, list[Section]] = {}
    for section in sorted([*tables, *figures], key=lambda one: reading_order(one.spec.id)):
        found.setdefault(section.spec.paper, []).append(section)
    return found


def write_paper_pages(site: Site, sections: Mapping[str, Sequence[Section]]) -> None:
    """Writes the page of each paper."""
    counted_in = _counted_elsewhere(sections)
    for paper in site.papers:
        site.write(
            paper_page(paper.name),
            "paper.html.j2",
            paper=paper,
            parts=sections[paper.name],
            counted_in=counted_in,
        )


def _counted_elsewhere(
    sections: Mapping[str, Sequence[Section]],
) -> dict[tuple[str, str, Claim], Section]:
    """Table, dataset and first side of each claim that the first page counts in another table."""
    parts = {part.spec.id: part for every in sections.values() for part in every}
    return {
        (other.table.spec.id, other.block.dataset, other.statement.findings[0].claim): parts[
            one.place.table.spec.id
        ]
        for one in counted(part.table for part in parts.values())
        for other in one.also
    }


def _table_section(table: Table, on_gpu: bool) -> Section:
    return Section(table.spec, table, f"tables/{table.spec.id}", on_gpu=on_gpu)


def _figure_section(figure: Figure, folder: Path) -> Section:
    """A figure on all datasets, with the table of its printed values."""
    drawings = tuple(
        Drawing(
            title=drawing.title,
            stem=drawing.stem,
            charts=tuple(
                # `chart_svg` escapes all names.
                Markup(chart_svg(small_multiples(chart), f"{figure.spec.id}-{position}"))
                for chart in drawing.charts
            ),
            for_papers=_for_papers(folder, drawing.stem),
        )
        for position, drawing in enumerate(figure.drawings)
    )
    return Section(figure.spec, figure.table, f"figures/{figure.spec.id}", drawings)


def _for_papers(folder: Path, stem: str) -> tuple[str, ...]:
    """The publication files of a drawing, as paths below the figure's folder."""
    names = (f"{stem}-{width}{ending}" for width in WIDTHS for ending in ENDINGS)
    return tuple(f"{FOR_PAPERS}/{name}" for name in names if (folder / FOR_PAPERS / name).exists())
