"""The table of differences by class of a comparison page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rankdet.report.compare_charts import ClassDifference

NOTHING = ClassDifference(None, None, None)

Found = Mapping[tuple[str, str], Mapping[str, ClassDifference]]


@dataclass(frozen=True)
class ClassRow:
    """One class: the difference of each shown loss to the reference."""

    name: str
    cells: tuple[ClassDifference, ...]


@dataclass(frozen=True)
class ClassTable:
    """The differences in AP × 100 by class.

    Attributes:
        losses: labels of the shown losses without the reference.
        rows: sorted by the difference of the first of them, largest first; undefined ones last.
        reach: the largest distance from 0 of a value or an end, for the marks; above 0.
    """

    losses: tuple[str, ...]
    rows: tuple[ClassRow, ...]
    reach: float

    def place(self, value: float | None) -> str:
        """The place of a value on a mark, 0 to 100 for −reach to +reach."""
        return f"{50 + 50 * (value or 0.0) / self.reach:.1f}"


def class_table(found: Found, reference: str, others: Sequence[str]) -> ClassTable | None:
    """Returns the table of some losses; None if no class has a difference."""
    known = [label for label in others if (reference, label) in found]
    if not known:
        return None
    names = list(dict.fromkeys(name for label in known for name in found[reference, label]))
    rows = [
        ClassRow(name, tuple(found[reference, label].get(name, NOTHING) for label in known))
        for name in names
    ]
    rows.sort(key=lambda row: float("inf") if (v := row.cells[0].value) is None else -v)
    ends = [abs(v) for r in rows for c in r.cells for v in (c.value, c.low, c.high) if v]
    return ClassTable(tuple(known), tuple(rows), max(ends, default=1.0))


def class_data(found: Found, labels: Sequence[str]) -> dict[str, object]:
    """Returns the differences of all pairs for the script of the page.

    Args:
        found: the differences.
        labels: the losses, in the order of the page.

    Returns:
        `names` of the classes, and `pairs`: `"i,j"` to (value, low, high) of each class, j minus i,
        i < j; None where undefined.
    """
    names = list(dict.fromkeys(name for one in found.values() for name in one))
    pairs = {}
    for i, a in enumerate(labels):
        for j in range(i + 1, len(labels)):
            if one := found.get((a, labels[j])):
                cells = (one.get(name, NOTHING) for name in names)
                pairs[f"{i},{j}"] = [[c.value, c.low, c.high] for c in cells]
    return {"names": names, "pairs": pairs}
