"""What a study compares, as references: a list for the first page, and a BibTeX file."""

import re
from collections.abc import Iterable

from rankdet.papers.latex import tex
from rankdet.results.schemas.plan import PlanSource

BIBTEX = "references.bib"
CONFERENCES = ("AAAI", "BMVC", "CVPR", "ECCV", "ICCV", "ICLR", "ICML", "NeurIPS", "WACV")
JOURNALS = ("IJCV", "PAMI", "TIP", "TPAMI")
# The kind of an entry and the field of its venue; other venues are `@misc`.
ENTRIES = {name: ("inproceedings", "booktitle") for name in CONFERENCES}
ENTRIES |= {name: ("article", "journal") for name in JOURNALS}
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
    first, _, rest = source.citation.partition(", ")
    venue, _, place = rest.partition(", ")  # `NeurIPS 2020, appendix D`
    year = YEAR.search(venue)
    name = YEAR.sub("", venue).strip()
    kind, field = ENTRIES.get(name, ("misc", "howpublished"))
    known = kind != "misc"
    authors = source.authors.replace(", ", " and ") or first.replace(" et al.", " and others")
    values = {
        "title": f"{{{tex(source.paper or source.title)}}}",
        "author": tex(authors),
        field: tex(name if known else rest),
        "year": year.group() if year else "",
        "note": tex(place) if known else "",
        "url": source.url.replace("{", "%7B").replace("}", "%7D"),
    }
    lines = [f"  {key} = {{{value}}}," for key, value in values.items() if value]
    return "\n".join([f"@{kind}{{{source.name},", *lines, "}", ""])


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
