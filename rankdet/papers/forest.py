"""The claims of tables as a forest plot: differences, positive where the claim says so."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from rankdet.charts.forest import ForestGroup, ForestPanel, ForestRow, forest_svg
from rankdet.charts.forest_grid import forest_grid_svg, grid_of
from rankdet.evaluation.metric import is_time
from rankdet.evaluation.registry import find
from rankdet.evaluation.units import in_digits
from rankdet.papers.folders import load_papers, paper_of
from rankdet.papers.gains import column_of, gain
from rankdet.papers.spec import Column
from rankdet.papers.table_model import Finding, Table
from rankdet.papers.verdicts import DIRECTION

POINTS = "points (correlations × 100), positive if as claimed"
DIFFERENCES = f"{POINTS}; vertical line: the paper's value"
RATIOS = "ratio; vertical line: the paper's value"


def forest_panels(tables: Iterable[Table], dataset: str = "") -> list[ForestPanel]:
    """Returns the answered claims of tables, grouped by the paper that their source names.

    Claims about one value (`equals`) or about a metric of a figure are left out.

    Args:
        tables: tables and tables of figures, with findings.
        dataset: one of the study's datasets; empty for all.
    """
    groups: dict[bool, dict[str, list[ForestRow]]] = {False: {}, True: {}}
    for table, title, finding in _answered(tables, dataset):
        paper = paper_named(finding, table)
        groups[finding.claim.ratio].setdefault(paper, []).append(_row(table, title, finding))
    axes = ((False, DIFFERENCES, 0.0), (True, RATIOS, 1.0))
    made = (
        ForestPanel(
            label, null, tuple(ForestGroup(heading(p), tuple(r)) for p, r in groups[ratio].items())
        )
        for ratio, label, null in axes
    )
    return [panel for panel in made if panel.groups]


def claims_forest(tables: Sequence[Table], title: str, dataset: str = "", inline: str = "") -> str:
    """Returns the forest plot of tables as SVG; see `forest_panels` and `forest_svg`."""
    return forest_svg(forest_panels(tables, dataset), title, inline)


def claims_grid(columns: Mapping[str, tuple[Table, str]], title: str) -> str:
    """Returns the claims of tables side by side as SVG: a row for each claim.

    Claims with the same text share a row. A text may end with the title of its column in brackets.

    Args:
        columns: title to a table and one of its datasets, as in `{"ATSS": (table, "shapes")}`.
        title: the heading.
    """
    found: dict[tuple[str, float], dict[str, list[ForestGroup]]] = {}
    for name, (table, dataset) in columns.items():
        for panel in forest_panels([table], dataset):
            groups = [_without(group, f" ({name})") for group in panel.groups]
            found.setdefault((panel.label, panel.null), {})[name] = groups
    return forest_grid_svg([grid_of(*unit, every) for unit, every in found.items()], title)


def _without(group: ForestGroup, end: str) -> ForestGroup:
    rows = (replace(row, text=row.text.removesuffix(end)) for row in group.rows)
    return replace(group, rows=tuple(rows))


def paper_named(finding: Finding, table: Table) -> str:
    """Returns the short name of the paper that the source of a claim begins with.

    Without one, it is the paper of the table.
    """
    names = sorted((paper.short for paper in load_papers().values()), key=len, reverse=True)
    source = finding.claim.source
    return next((n for n in names if source.startswith(n)), paper_of(table.spec.paper).short)


def heading(paper: str) -> str:
    """Returns the heading of the claims of a paper, by its short name.

    A paper is named after its loss, but its claims are about other losses too. Our own claims are
    of no paper.
    """
    own = {one.short for one in load_papers().values() if one.venue.startswith("config/")}
    return paper if paper in own else f"paper: {paper}"


def _answered(tables: Iterable[Table], dataset: str) -> Iterator[tuple[Table, str, Finding]]:
    for table in tables:
        for block in table.blocks:
            several = len(table.blocks) > 1 and not dataset
            for finding in block.findings:
                if dataset and block.dataset != dataset:
                    continue
                if _is_difference(table, finding):
                    yield table, f"{block.title}: " if several else "", finding


def _is_difference(table: Table, finding: Finding) -> bool:
    """Whether a claim has an answer that fits the axis; times and a figure's metrics do not."""
    metric = find(_column(table, finding).metric)
    fits = metric is not None and (finding.claim.ratio or not is_time(metric.key))
    return fits and finding.difference is not None and finding.claim.equals is None


def _column(table: Table, finding: Finding) -> Column:
    return column_of(finding, table.spec.columns)


def _row(table: Table, title: str, finding: Finding) -> ForestRow:
    found = gain(finding, _column(table, finding))
    value = 0.0 if found.value is None else found.value
    ratio = finding.claim.ratio
    number = in_digits(value, 2 if ratio else 1, sign=not ratio)
    # "direction: opposite" says in words what the row shows.
    verdict = DIRECTION if finding.verdict == DIRECTION else finding.words
    words = f"{number.replace('-', '−')} {verdict}"
    for end in (" than published", " than claimed"):
        words = words.removesuffix(end)  # the bar of the paper shows it
    text = f"{title}{finding.claim.text}"
    ends = (found.low, found.high) if None not in (found.low, found.high) else (None, None)
    return ForestRow(text, value, *ends, finding.verdict, words, found.published)
