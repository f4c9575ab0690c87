"""The data of a table: blocks of rows of cells with our and the published values."""

from collections.abc import Sequence
from dataclasses import dataclass

from rankdet.evaluation.metric import LOWER
from rankdet.papers.claims import Claim
from rankdet.papers.spec import Column, Row, Spec
from rankdet.papers.verdicts import DIRECTION, FAILS, HOLDS, UNDECIDED


@dataclass(frozen=True)
class Cell:
    """One metric of one row, in printed units.

    Attributes:
        ours: mean over the seeds; None where undefined or missing.
        interval: half-width of the 95% t-interval of the mean over seeds; None for one seed.
        published: the paper's value; None if it is not printed or not legible.
        best: ours cannot be distinguished from the best of its column; of values without
            uncertainty, it is the best as printed.
        tied: another cell of the column is `best` too.
        published_best: the paper's value is the best of the paper's column.
        reason: why we have no value, in one line; None if we have one or it is undefined.
        values: ours by seed, of the seeds in the mean; empty if the mean is undefined or missing.
        learned: whether at least one of its runs has learned; without one it is never `best`.
    """

    ours: float | None = None
    interval: float | None = None
    published: float | None = None
    best: bool = False
    tied: bool = False
    published_best: bool = False
    reason: str | None = None
    values: tuple[float, ...] = ()
    learned: bool = True

    def difference(self, decimals: int) -> float | None:
        """Ours minus published, both as printed; None if one is missing.

        A paper prints rounded values, so more digits of the difference would have no meaning.

        Args:
            decimals: digits that the column prints; published values do not have more digits.
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
        runs: keys of the runs that it shows, of all seeds, also those that have barely learned.
        reason: why no cell has our value; None if a cell has one.
        remark: a warning about its values: a run that has barely learned; None without a warning.
    """

    row: Row
    cells: tuple[Cell, ...]
    runs: tuple[str, ...]
    reason: str | None
    remark: str | None = None

    @property
    def seeds_in_mean(self) -> int:
        """The number of seeds in its means; 0 without a value."""
        return max((len(cell.values) for cell in self.cells), default=0)

    @property
    def seeds(self) -> str:
        """The number of seeds in its means in words, such as `one seed`; empty without a value."""
        count = self.seeds_in_mean
        return "one seed" if count == 1 else f"{count} seeds" if count else ""

    def gaps(self, columns: Sequence[Column]) -> list[tuple[str, str]]:
        """Headers and reasons of cells without a value, if other cells of the row have values."""
        headers: dict[str, list[str]] = {}
        for column, cell in zip(columns, self.cells, strict=True):
            if cell.reason and not self.reason:
                headers.setdefault(cell.reason, []).append(column.header)
        return [(", ".join(names), reason) for reason, names in headers.items()]


@dataclass(frozen=True)
class Finding:
    """A claim and the verdict on one dataset.

    Attributes:
        claim: the claim of the paper.
        metric: header of the metric.
        decimals: digits to print.
        verdict: one of `rankdet.papers.verdicts.VERDICTS`.
        difference: the compared difference, ratio or value in printed units; None if unknown.
        low: lower end of its interval; None without an interval.
        high: upper end of its interval; None without an interval.
        published: the same difference in the paper; None if a value is not printed.
        how: the origin of the interval, or why there is no answer, in one line.
        size_verdict: how the size compares with the claimed or published one, such as `smaller
            than published`; empty if nothing can be said.
        seeds: numbers of seeds in words; empty for values without uncertainty.
        level: coverage of an interval over seeds, higher than .95 if other claims were tested too.
        p: p-value corrected for the claims of the table (Holm); None if the claim was not tested.
        better: the better direction of the metric, `higher` or `lower`; None without one.
        in_table: of a figure, the same difference, ratio or value of the cells of its table, which
            show the curve averaged over the seeds; None if it is `difference` as printed.
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
    size_verdict: str = ""
    seeds: str = ""
    level: float | None = None
    p: float | None = None
    better: str | None = None
    in_table: float | None = None

    @property
    def exact(self) -> bool:
        """Whether its verdict needs no seeds: a setting or a theorem gives the values exactly."""
        return not self.seeds and self.verdict in (HOLDS, FAILS, UNDECIDED)

    @property
    def words(self) -> str:
        """The verdict on direction and size in words, such as `direction: as claimed`."""
        if self.verdict == DIRECTION:
            if not self.claim.sided:
                return "difference" if self.signed else "value"
            null = self.claim.null
            change = (null if self.difference is None else self.difference) - null
            if self.claim.directed and self.better == LOWER:
                change = -change
            return f"direction: {'as claimed' if change > 0 else 'opposite' if change else 'none'}"
        if not self.size_verdict:
            return self.verdict
        if self.verdict == UNDECIDED:  # "undecided, but smaller" would read as a direction
            return f"direction undecided, {self.size_verdict}"
        links = {"smaller": ", but ", "larger": ", and "}
        link = links.get(self.size_verdict.split()[0], ", ")
        return f"{self.verdict}{link}{self.size_verdict}"

    @property
    def signed(self) -> bool:
        """Whether `difference` is a difference (printed with its sign), not a ratio or a value."""
        return not self.claim.ratio and self.claim.equals is None

    @property
    def size(self) -> str:
        """The size that the paper claims, in words; empty if it claims no size."""
        return self.claim.size(self.decimals, more="better" if self.better else "larger")


@dataclass(frozen=True)
class Block:
    """The rows on one dataset; all their runs used the same version of it."""

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
