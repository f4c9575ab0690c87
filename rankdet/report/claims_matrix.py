"""The papers' claims and their outcomes: a row for each paper, and below it its claims."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rankdet.papers.gains import column_of, gain
from rankdet.papers.statements import Counted, Place, counted
from rankdet.papers.table_model import Finding
from rankdet.papers.verdicts import DIRECTION, FAILS, HOLDS, MISSING, UNDECIDED
from rankdet.report.formatting import number
from rankdet.report.paper_page import Section
from rankdet.report.paths import paper_page

SMALLER = "holds, but smaller"
OUTCOMES = (HOLDS, SMALLER, FAILS, UNDECIDED, DIRECTION, MISSING)


@dataclass(frozen=True)
class ClaimLine:
    """A claim on one dataset.

    Attributes:
        text: the claim in a few words.
        where: title of its table, with the dataset if the claim has answers on several.
        link: the place of its table, relative to the report's folder.
        outcome: one of `OUTCOMES`.
        words: the verdict on direction and size with the numbers of its sides, and why it may have
            fewer than three seeds; or why there is no answer.
        also: the other tables with the same claim, with the outcome if it is another one.
    """

    text: str
    where: str
    link: str
    outcome: str
    words: str
    also: str = ""


@dataclass(frozen=True)
class PaperClaims:
    """The claims of a paper, named as its short title."""

    paper: str
    lines: tuple[ClaimLine, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """Each outcome to its number of claims; 0 if it is missing."""
        return Counter(line.outcome for line in self.lines)


def claims_matrix(sections: Mapping[str, Sequence[Section]]) -> list[PaperClaims]:
    """Returns the claims of each paper, each one once; empty if no claim has an answer.

    A claim has a line for each dataset that answers it, or one line if none does.
    """
    parts = {part.spec.id: part for every in sections.values() for part in every}
    found: dict[str, list[ClaimLine]] = {}
    for one in counted(part.table for part in parts.values()):
        found.setdefault(one.paper, []).append(_line(one, parts))
    papers = [PaperClaims(paper, tuple(lines)) for paper, lines in found.items()]
    answered = any(line.outcome != MISSING for one in papers for line in one.lines)
    return papers if answered else []


def outcome(finding: Finding) -> str:
    """Returns which of `OUTCOMES` a finding is."""
    smaller = finding.verdict == HOLDS and finding.size_verdict.startswith("smaller")
    return SMALLER if smaller else finding.verdict


def _line(one: Counted, parts: Mapping[str, Section]) -> ClaimLine:
    place = one.place
    part, weakest = parts[place.table.spec.id], place.statement.weakest
    link = f"{paper_page(part.spec.paper)}#{part.anchor}"
    also = ", ".join(_also(other, outcome(weakest)) for other in one.also)
    return ClaimLine(
        place.statement.text, _where(place), link, outcome(weakest), _words(place), also
    )


def _where(place: Place) -> str:
    several = any(
        finding.verdict != MISSING
        for block in place.table.blocks
        if block is not place.block
        for finding in block.findings
    )
    return f"{place.table.spec.title}{f', {place.block.title}' if several else ''}"


def _also(place: Place, counted_as: str) -> str:
    weakest = place.statement.weakest
    other = f" ({weakest.words})" if outcome(weakest) != counted_as else ""
    return f"{_where(place)}{other}"


def _words(place: Place) -> str:
    weakest = place.statement.weakest
    if weakest.verdict == MISSING:
        return weakest.how
    said = f"{weakest.words}; exact, so one seed is enough" if weakest.exact else weakest.words
    sides = place.statement.findings
    if len(sides) == 1:
        return said
    return f"{said} ({'; '.join(_side(place, finding) for finding in sides)})"


def _side(place: Place, finding: Finding) -> str:
    """The number of one side of a claim, with its verdict if the sides have different ones."""
    found = gain(finding, column_of(finding, place.table.spec.columns))
    if found.value is None:
        return f"{finding.metric}: no answer"
    text = f"{finding.metric}: {number(found.value, found.decimals, found.signed)}"
    verdicts = {one.verdict for one in place.statement.findings}
    return f"{text}, {finding.verdict}" if len(verdicts) > 1 else text
