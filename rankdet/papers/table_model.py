"""What a table is: blocks of rows of cells, ours beside the published values."""

from collections.abc import Sequence
from dataclasses import dataclass

from rankdet.papers.claims import Claim
from rankdet.papers.spec import Column, Row, Spec


@dataclass(frozen=True)
class Cell:
    """One metric of one row, in printed units.

    Attributes:
        ours: mean over the seeds; None where undefined or missing.
        interval: half-width of the 95% t-interval of the mean over seeds; None for one seed.
        published: the paper's value; None if it is not printed or not legible.
        best: ours is the best of its column, as printed.
        tied: another row shares the best printed value.
        published_best: the paper's value is the best of the paper's column.
        reason: why there is no value of ours, in one line; None where there is or is undefined.
    """

    ours: float | None = None
    interval: float | None = None
    published: float | None = None
    best: bool = False
    tied: bool = False
    published_best: bool = False
    reason: str | None = None

    def difference(self, decimals: int) -> float | None:
        """Ours minus published, both as printed; None where either is missing.

        A paper prints rounded values, so that more digits of ours would only tell its rounding.

        Args:
            decimals: digits that the column prints; published values have no more.
        """
        if self.ours is None or self.published is None:
            return None
        return round(round(self.ours, decimals) - round(self.published, decimals), decimals)


@dataclass(frozen=True)
class TableRow:
    """One row of a block.

    Attributes:
        row: its row of the specification.
        cells: one for each column.
        runs: keys of the runs that it shows, all seeds.
        reason: why no cell has a value of ours; None if a cell has one.
        remark: a warning about its values, such as a run that collapsed; None without one.
    """

    row: Row
    cells: tuple[Cell, ...]
    runs: tuple[str, ...]
    reason: str | None
    remark: str | None = None

    def gaps(self, columns: Sequence[Column]) -> list[tuple[str, str]]:
        """Headers and reason of the cells without a value in a row that has values, by reason."""
        headers: dict[str, list[str]] = {}
        for column, cell in zip(columns, self.cells, strict=True):
            if cell.reason and not self.reason:
                headers.setdefault(cell.reason, []).append(column.header)
        return [(", ".join(names), reason) for reason, names in headers.items()]


@dataclass(frozen=True)
class Finding:
    """A claim and what one dataset's runs say to it.

    Attributes:
        claim: what the paper says.
        metric: header of the metric.
        decimals: digits to print.
        verdict: `holds`, `does not hold`, `undecided` or `no answer`.
        difference: better side minus worse side in printed units, or divided by it, or the value
            of the one side; None where there is none.
        low: lower end of its interval; None where there is none.
        high: upper end.
        published: the same difference in the paper; None if a value is not printed.
        how: where the interval comes from, or why there is no answer, in one line.
    """

    claim: Claim
    metric: str
    decimals: int
    verdict: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    published: float | None = None
    how: str = ""

    @property
    def signed(self) -> bool:
        """Whether `difference` is one, printed with its sign; else a ratio or a value."""
        return not self.claim.ratio and self.claim.equals is None

    @property
    def size(self) -> str:
        """The size that the paper claims, in words; empty where it claims none."""
        return self.claim.size(self.decimals)


@dataclass(frozen=True)
class Block:
    """The rows on one dataset; all of them made on the same version of it."""

    dataset: str
    title: str
    split: str
    checksum: str | None
    rows: tuple[TableRow, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Table:
    """A paper's table with our numbers, one block per dataset of the study."""

    spec: Spec
    scale: str
    blocks: tuple[Block, ...]
