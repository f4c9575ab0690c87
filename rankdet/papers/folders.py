"""The folders of `analysis/papers`: the papers, and their tables and figures.

A paper is a folder with a `paper.yaml`; every other YAML file in it is a table or a figure.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.files import read_yaml, shown
from rankdet.repository import FIGURES, paper_files, places
from rankdet.strict import Strict, read

PAPER_FILE = "paper.yaml"


class PaperFile(Strict):
    """The keys of a `paper.yaml`."""

    title: str
    authors: str
    venue: str
    year: int
    short: str
    in_all: bool = True


@dataclass(frozen=True)
class Paper:
    """A paper.

    Attributes:
        name: the name of its folder.
        title: the full title.
        authors: the authors, separated by commas.
        venue: the conference or journal, with the year.
        short: the name in menus and headings.
        in_all: whether `all` in a study's `tables` and `figures` means its tables, too.
    """

    name: str
    title: str
    authors: str
    venue: str
    short: str
    in_all: bool = True


def load_papers() -> dict[str, Paper]:
    """All papers by name, ordered by year, then by name.

    Raises:
        InputError: a `paper.yaml` is missing or has a fault, or two folders have the same name.
    """
    return _load_papers(places("papers"))


@lru_cache
def _load_papers(_places: tuple[Path, ...]) -> dict[str, Paper]:
    found: list[tuple[int, Paper]] = []
    for folder in sorted({path.parent for path in paper_files()}):
        path = folder / PAPER_FILE
        if folder.name in {paper.name for _, paper in found}:
            raise InputError(
                f"{shown(folder)}: there is another paper {folder.name!r}; give the folder another "
                "name"
            )
        if not path.exists():
            needed = (key for key, field in PaperFile.model_fields.items() if field.is_required())
            keys = ", ".join(needed)
            raise InputError(f"{shown(path)}: missing; write it with the keys {keys}")
        entry = read(PaperFile, read_yaml(path), shown(path)).model_dump()
        found.append((entry.pop("year"), Paper(folder.name, **entry)))
    return {paper.name: paper for _, paper in sorted(found, key=lambda one: (one[0], one[1].name))}


def paper_of(name: str) -> Paper:
    """A paper by name; an unknown paper, as in an old study, has only its name."""
    return load_papers().get(name) or Paper(name, name, "", "", name)


def spec_paths() -> list[Path]:
    """The specification files of all tables and figures, in reading order."""
    paths = (path for path in paper_files() if path.name != PAPER_FILE)
    return sorted(paths, key=lambda path: reading_order(f"{path.parent.name}/{path.stem}"))


def spec_names() -> list[str]:
    """All tables and figures as `<paper>/<table>`, in reading order."""
    return [f"{path.parent.name}/{path.stem}" for path in spec_paths()]


def figure_kinds() -> dict[str, Path]:
    """The kinds of figures: name to file. A file that begins with an underscore is not a kind."""
    paths = (path for path in FIGURES.glob("*.py") if not path.name.startswith("_"))
    return {path.stem: path for path in sorted(paths)}


def reading_order(name: str) -> tuple[Any, ...]:
    """Sort key of `alrp/table2`: papers by year, then tables and figures as in the paper.

    The paper itself comes before its appendix; figures, tables and others are sorted by number.
    """
    paper, _, stem = name.partition("/")
    papers = list(load_papers())
    found = re.fullmatch(r"(figure|table)([A-Z]?)(\d+)(\w*)", stem)
    kind, letter, number, rest = found.groups() if found else ("text", "", "0", stem)
    at = papers.index(paper) if paper in papers else len(papers)
    return at, paper, letter, kind, int(number), rest
