"""A table as CSV, JSON, Markdown and LaTeX files."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rankdet.evaluation.units import in_digits
from rankdet.files import write_record
from rankdet.papers.gains import GAINS, column_of, ends_text, gain, gain_text
from rankdet.papers.latex import PACKAGES, latex_table, tex
from rankdet.papers.latex_captions import latex_caption
from rankdet.papers.records import table_record
from rankdet.papers.spec import Column, Spec
from rankdet.papers.table_model import Block, Cell, Finding, Table, TableRow
from rankdet.papers.verdicts import DIRECTION
from rankdet.results.epochs import run_key


def write_table(table: Table, folder: Path) -> None:
    """Writes `table.csv`, `table.json`, `table.md` and `table.tex` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(table, folder / "table.csv")
    write_record(folder / "table.json", table_record(table))
    (folder / "table.md").write_text(to_markdown(table), encoding="utf-8")
    (folder / "table.tex").write_text(to_latex(table), encoding="utf-8")


def write_csv(table: Table, path: Path) -> None:
    """Writes all blocks of a table as CSV, in printed units."""
    labels = table.spec.label_names
    header = ["dataset", "split", "row", *labels, "seeds", "seeds in the mean", "reason"]
    for column in table.spec.columns:
        name = column.header
        header += [name, f"{name} interval", f"{name} published", f"{name} difference"]
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(header)
        for block in table.blocks:
            writer.writerows(_csv_row(table, block, row) for row in block.rows)


def _why(table: Table, row: TableRow) -> str:
    """Reason, remark and gaps of a row in one line; may be empty."""
    gaps = [f"{header}: {reason}" for header, reason in row.gaps(table.spec.columns)]
    return "; ".join(filter(None, [row.reason, row.remark, *gaps]))


def _csv_row(table: Table, block: Block, row: TableRow) -> list[Any]:
    labels = table.spec.label_names
    record: list[Any] = [block.dataset, block.split, row.row.key]
    record += [row.row.labels.get(name, "") for name in labels]
    seeds = {run_key(key).rpartition("/")[2] for key in row.runs}
    record += [len(seeds), row.seeds_in_mean, _why(table, row)]
    for column, cell in zip(table.spec.columns, row.cells, strict=True):
        difference = cell.difference(column.decimals)
        record += [cell.ours, cell.interval, cell.published, difference]
    return record


def to_markdown(table: Table) -> str:
    """A Markdown table for each block; a cell is `ours (published)`.

    Ours is bold if it cannot be distinguished from the best of its column.
    """
    spec = table.spec
    parts = [f"# {md_escape(spec.title)}", md_escape(spec.caption)]
    parts += [f"**{md_escape(table.scale)}**" if table.scale else ""]
    names = [*spec.label_names, *(f"{c.header} {c.arrow}".strip() for c in spec.columns)]
    heads = [md_escape(name) for name in names]
    for block in table.blocks:
        lines = [_md_line(heads), _md_line(["---"] * len(heads))]
        for row in block.rows:
            cells = [
                _md_cell(column, cell) for column, cell in zip(spec.columns, row.cells, strict=True)
            ]
            labels = [row.row.labels.get(name, "") for name in spec.label_names]
            lines.append(_md_line([*(md_escape(label) for label in labels), *cells]))
        reasons = [
            f"- {md_escape(row.row.key)}: {md_escape(_why(table, row))}"
            for row in block.rows
            if _why(table, row)
        ]
        title = ", ".join(filter(None, [block.title, block.split]))
        parts += [f"## {md_escape(title)}", "\n".join(lines)]
        parts += [
            f"Ours (published){_bold(block)}. – is undefined or missing.",
            *filter(None, ["\n".join(reasons)]),
            GAINS if block.findings else "",
            *filter(None, ["\n".join(_md_finding(spec, f) for f in block.findings)]),
        ]
    parts += [f"- {md_escape(note)}" for note in spec.notes]
    return "\n\n".join(filter(None, parts)) + "\n"


def _bold(block: Block) -> str:
    """Says what bold means, and the number of seeds; empty if nothing of ours is bold."""
    cells = [cell for row in block.rows for cell in row.cells]
    seeds = sorted({len(cell.values) for cell in cells if cell.values})
    known = f"; means ± 95% intervals over {_count(seeds)} seeds" if seeds[-1:] > [1] else ""
    bold = "; bold cannot be distinguished from the best of its column"
    return known + (bold if any(cell.best for cell in cells) else "")


def _count(seeds: list[int]) -> str:
    return str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"


def _md_finding(spec: Spec, finding: Finding) -> str:
    claim, found = md_escape(finding.claim.text), gain(finding, column_of(finding, spec.columns))
    if found.value is None:
        return f"- **{finding.words}**: {claim} ({md_escape(finding.how)})"
    ours = gain_text(found)
    few = finding.verdict == DIRECTION
    head = f"{finding.words}, {ours} ({finding.seeds})" if few else f"**{finding.words}**"
    ours += ends_text(found)
    ours += f", claimed {found.size}" if found.size else ""
    return f"- {head}: {claim}; {md_escape(finding.metric)} {ours}, {md_escape(finding.how)}"


def _md_line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def md_escape(text: str) -> str:
    """Returns text in one line, without the meaning of any character in Markdown or HTML."""
    text = " ".join(text.split())
    for character in "\\|<>*_`[]":
        text = text.replace(character, f"\\{character}")
    return text


def _plain(value: float | None, column: Column) -> str:
    return "–" if value is None else in_digits(value, column.decimals)


def _with_interval(column: Column, cell: Cell, sign: str) -> str:
    text = _plain(cell.ours, column)
    return text if cell.interval is None else f"{text} {sign} {_plain(cell.interval, column)}"


def _md_cell(column: Column, cell: Cell) -> str:
    ours = _with_interval(column, cell, "±")
    ours = f"**{ours}**" if cell.best else ours
    return ours if cell.published is None else f"{ours} ({_plain(cell.published, column)})"


def to_latex(table: Table) -> str:
    """A booktabs table for each block; a row has a line of our values and one of published ones."""
    spec = table.spec
    labels = spec.label_names
    columns = (tex(f"{column.header} {column.arrow}".strip()) for column in spec.columns)
    heads = [*(tex(name) for name in labels), "Values", *columns]
    parts = [f"% {spec.id}: {PACKAGES}. {table.scale}".rstrip()]
    for block in table.blocks:
        caption = latex_caption(spec, block, table.scale)
        layout = f"{'l' * (len(labels) + 1)}{'r' * len(spec.columns)}"
        lines = _latex_rows(table, block, len(heads))
        label = f"{spec.id}-{block.dataset}" if block.dataset else spec.id
        parts += latex_table(caption, label, layout, heads, lines)
    return "\n".join(parts) + "\n"


def _latex_rows(table: Table, block: Block, width: int) -> Iterable[str]:
    """The lines of a block, with the heading of each group of rows above it."""
    section = ""
    for row in block.rows:
        if row.row.section and row.row.section != section:
            section = row.row.section
            yield rf"\multicolumn{{{width}}}{{@{{}}l}}{{\textit{{{tex(section)}}}}} \\"
        yield from _latex_lines(table, row)


def _latex_lines(table: Table, row: TableRow) -> list[str]:
    columns = table.spec.columns
    labels = [tex(row.row.labels.get(name, "")) for name in table.spec.label_names]
    ours, published = [], []
    for column, cell in zip(columns, row.cells, strict=True):
        text = _with_interval(column, cell, r"$\pm$").replace("–", "--")
        ours.append(rf"\textbf{{{text}}}" if cell.best else text)
        text = _plain(cell.published, column).replace("–", "--")
        published.append(rf"\textbf{{{text}}}" if cell.published_best else text)
    lines = [" & ".join([*labels, "ours", *ours]) + r" \\"]
    if any(cell.published is not None for cell in row.cells):
        lines.append(" & ".join([*([""] * len(labels)), "published", *published]) + r" \\")
    return lines
