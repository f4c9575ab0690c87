"""The papers' claims and their outcomes: a row for each paper, and below it its claims."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rankdet.papers.forest import paper_named
from rankdet.papers.table_model import Finding
from rankdet.papers.verdicts import DIRECTION, FAILS, HOLDS, MISSING, UNDECIDED
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
        words: the verdict on direction and size, or why there is no answer.
    """

    text: str
    where: str
    link: str
    outcome: str
    words: str


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
    """Returns the claims of each paper; empty if no claim of the study has an answer.

    A claim has a line for each dataset that answers it, or one line if none does.
    """
    found: dict[str, list[ClaimLine]] = {}
    for part in (part for parts in sections.values() for part in parts):
        for paper, line in _lines(part):
            found.setdefault(paper, []).append(line)
    papers = [PaperClaims(paper, tuple(lines)) for paper, lines in found.items()]
    answered = any(line.outcome != MISSING for one in papers for line in one.lines)
    return papers if answered else []


def outcome(finding: Finding) -> str:
    """Returns which of `OUTCOMES` a finding is."""
    smaller = finding.verdict == HOLDS and finding.size_verdict.startswith("smaller")
    return SMALLER if smaller else finding.verdict


def _lines(part: Section) -> Iterator[tuple[str, ClaimLine]]:
    blocks = part.table.blocks
    link = f"{paper_page(part.spec.paper)}#{part.anchor}"
    for at in range(len(part.spec.claims)):
        every = [(block, block.findings[at]) for block in blocks if at < len(block.findings)]
        known = [(block, finding) for block, finding in every if finding.verdict != MISSING]
        for block, finding in known or every[:1]:
            several = f", {block.title}" if len(known) > 1 else ""
            words = finding.how if finding.verdict == MISSING else finding.words
            where = f"{part.spec.title}{several}"
            line = ClaimLine(finding.claim.text, where, link, outcome(finding), words)
            yield paper_named(finding, part.table), line
