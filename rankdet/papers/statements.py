"""The claims as a reader counts them: each statement about the same runs once.

A statement with several sides (the smallest and the largest rate) is one claim, and so is a
statement that two tables make about the same losses.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rankdet.papers.claims import SIZES, Claim
from rankdet.papers.forest import paper_named
from rankdet.papers.spec import Spec
from rankdet.papers.table_model import Block, Finding, Table
from rankdet.papers.verdicts import DIRECTION, FAILS, HOLDS, MISSING, UNDECIDED

# A statement is as strong as its weakest side. One side that fails refutes it, whatever is missing.
WEAKEST_FIRST = (FAILS, MISSING, UNDECIDED, DIRECTION, HOLDS)


@dataclass(frozen=True)
class Statement:
    """A claim of a table on one dataset, with one finding for each of its sides."""

    findings: tuple[Finding, ...]

    @property
    def text(self) -> str:
        """The claim in a few words."""
        claim = self.findings[0].claim
        return claim.statement or claim.text

    @property
    def weakest(self) -> Finding:
        """The finding that decides; of equals one whose size is smaller, then the first."""
        return min(
            self.findings,
            key=lambda f: (
                WEAKEST_FIRST.index(f.verdict),
                not f.size_verdict.startswith("smaller"),
            ),
        )

    @property
    def source(self) -> str:
        """The places of its sides in the paper; the same place is said once."""
        return "; ".join(dict.fromkeys(finding.claim.source for finding in self.findings))


@dataclass(frozen=True)
class Place:
    """Where a statement stands: a table, one of its datasets, and the statement."""

    table: Table
    block: Block
    statement: Statement


@dataclass(frozen=True)
class Counted:
    """A statement that is counted once, with the other places of the same statement.

    Attributes:
        paper: short name of its paper.
        place: the first place with an answer, or the first one if none has.
        also: the other places, in the order of the tables.
    """

    paper: str
    place: Place
    also: tuple[Place, ...] = ()


def statements(findings: Sequence[Finding]) -> list[Statement]:
    """Returns the statements of a block, in the order of their first findings."""
    found: dict[Hashable, list[Finding]] = {}
    for at, finding in enumerate(findings):
        found.setdefault(finding.claim.statement or at, []).append(finding)
    return [Statement(tuple(sides)) for sides in found.values()]


def counted(tables: Iterable[Table]) -> list[Counted]:
    """Returns each statement about the same runs once, in the order of the tables.

    A statement is counted for each dataset that answers it, or once if none does. Two tables make
    the same statement if paper, dataset, metric, losses, detectors, runs and claimed sizes agree.
    """
    found: dict[Hashable, Counted] = {}
    for place in (place for table in tables for place in _places(table)):
        paper = paper_named(place.statement.findings[0], place.table)
        key = (paper, _identity(place))
        known = found.get(key)
        if known is None:
            found[key] = Counted(paper, place)
        elif _missing(known.place) and not _missing(place):
            found[key] = Counted(paper, place, (known.place, *known.also))
        else:
            found[key] = replace(known, also=(*known.also, place))
    return list(found.values())


def _places(table: Table) -> Iterator[Place]:
    every = [[Place(table, b, one) for one in statements(b.findings)] for b in table.blocks]
    for at in range(max(map(len, every), default=0)):
        places = [block[at] for block in every if at < len(block)]
        yield from [place for place in places if not _missing(place)] or places[:1]


def _missing(place: Place) -> bool:
    return place.statement.weakest.verdict == MISSING


def _identity(place: Place) -> Hashable:
    spec = place.table.spec
    sides = tuple(_compared(spec, place.block, f.claim) for f in place.statement.findings)
    return (place.block.dataset, frozenset(sides))


def _compared(spec: Spec, block: Block, claim: Claim) -> Hashable:
    """What a claim compares, in terms that do not depend on the names of its table."""
    shape = (claim.ratio, claim.tolerance, *(getattr(claim, name) for name in SIZES))
    if claim.average:  # it is about all rows of its table
        return (spec.id, claim.text)
    better = _cell(spec, block, claim.better, claim.column, "")
    if claim.equals is not None:
        return (shape, better)
    worse = _cell(spec, block, claim.worse, claim.over or claim.column, claim.view)
    return (shape, better, worse)


def _cell(spec: Spec, block: Block, key: str, header: str, view: str) -> Hashable:
    column = next(one for one in spec.columns if one.header == header)
    row = next(one for one in spec.rows if one.key == key)
    request = row.request(column)
    if request is None:
        return (spec.id, key, header)
    shown = next((one for one in block.rows if one.row.key == key), None)
    # Papers name different schedules, and a study maps them to the same runs.
    runs = frozenset(run.rpartition("/")[0] for run in shown.runs) if shown else frozenset()
    model = (request.detector, request.backbone, request.loss, request.epoch)
    return (column.metric, model, view or row.view(column), runs)
