"""What a study compares, as references: a list for the first page, and a BibTeX file."""

import re
from collections.abc import Iterable

from rankdet.papers.export import tex
from rankdet.results.schemas.plan import PlanSource

BIBTEX = "references.bib"
YEAR = re.compile(r"\b(19|20)\d\d\b")


def references(sources: Iterable[PlanSource]) -> list[tuple[str, PlanSource]]:
    """Returns each cited paper once, with the titles of the losses and detectors that are from it.

    Args:
        sources: What the plan cites.
    """
    found: dict[tuple[str, str], tuple[list[str], PlanSource]] = {}
    for source in sources:
        names, _ = found.setdefault((source.paper, source.citation), ([], source))
        names.append(source.title)
    return [(", ".join(dict.fromkeys(names)), source) for names, source in found.values()]


def bibtex(sources: Iterable[PlanSource]) -> str:
    """Returns a BibTeX file with an entry for each cited paper; the keys are names of files.

    Args:
        sources: What the plan cites.
    """
    entries = [_entry(source) for _, source in references(sources)]
    return "\n".join(["% Written by rankdet, from the loss cards and detector files.", *entries])


def _entry(source: PlanSource) -> str:
    authors, _, venue = source.citation.partition(", ")
    year = YEAR.search(venue)
    values = {
        "title": f"{{{tex(source.paper or source.title)}}}",
        "author": tex(authors.replace(" et al.", " and others")),
        "howpublished": tex(venue),
        "year": year.group() if year else "",
        "url": source.url.replace("{", "%7B").replace("}", "%7D"),
    }
    lines = [f"  {key} = {{{value}}}," for key, value in values.items() if value]
    return "\n".join([f"@misc{{{source.name},", *lines, "}", ""])


def other_names(sources: Iterable[PlanSource]) -> dict[str, str]:
    """Returns further names of losses that a reader may look for, by the name of their file.

    These are the loss card's title, and the name with which the title of its paper begins: of
    `Rank & Sort Loss for Object Detection` it is `Rank & Sort Loss`.
    """
    found = {}
    for source in sources:
        name = source.paper.partition(" for ")[0]
        names = [source.title, name if name.endswith(" Loss") else ""]
        found[source.name] = " ".join(filter(None, names))
    return {name: text for name, text in found.items() if text}
