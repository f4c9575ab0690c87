"""What a paper's table shows on a page: only what differs."""

from dataclasses import dataclass

from rankdet.papers.spec import Spec
from rankdet.papers.table_model import Block, TableRow

OURS, PUBLISHED, DIFFERENCE, BOTH = "ours", "published", "difference", "ours = published"


@dataclass(frozen=True)
class Labels:
    """The labels of the rows of a block.

    Attributes:
        shown: names of the labels that differ between rows, at least one: columns of the table.
        constant: names and texts of the labels that all rows share; they are said once.
    """

    shown: tuple[str, ...]
    constant: tuple[tuple[str, str], ...]


def labels_of(spec: Spec, block: Block) -> Labels:
    """Returns which labels of a block are columns, and which are said once."""
    names = tuple(spec.label_names)
    texts = {name: {row.row.labels.get(name, "") for row in block.rows} for name in names}
    shown = tuple(name for name in names if len(texts[name]) > 1) or names[:1]
    constant = ((name, next(iter(texts[name]), "")) for name in names if name not in shown)
    return Labels(shown, tuple((name, text) for name, text in constant if text))


def lines_of(spec: Spec, row: TableRow, comparable: bool = True) -> tuple[str, ...]:
    """Returns the lines of a row.

    Args:
        spec: the table.
        row: the row.
        comparable: whether a difference to the published values has a meaning.

    Returns:
        `BOTH` alone if all values are the published ones as printed. Else `OURS`; `PUBLISHED` if
        the paper has a value; `DIFFERENCE` if one of its values is not 0.
    """
    if all(cell.published is None for cell in row.cells):
        return (OURS,)
    if row.reason is not None:
        return (OURS, PUBLISHED)
    pairs = list(zip(row.cells, spec.columns, strict=True))
    found = [cell.difference(column.decimals) for cell, column in pairs]
    alone = any((cell.ours is None) != (cell.published is None) for cell in row.cells)
    if not alone and all(cell.interval is None for cell in row.cells) and not any(found):
        return (BOTH,)
    return (OURS, PUBLISHED, DIFFERENCE) if comparable and any(found) else (OURS, PUBLISHED)
