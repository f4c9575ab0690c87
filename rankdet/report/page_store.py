"""Pages that were made before, because most runs do not change between two reports.

A page, or a part of one, is stored in `<study>/pages/`. Its name is a hash of all that it shows
(`rankdet.report.page_keys`), so a stored page is never out of date. A file that was changed, or has
other content than its kind of page, counts as missing: the page is made again.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import StringConstraints, TypeAdapter

from rankdet.kept import keep, kept

FOLDER = "pages"
KEY = re.compile(r"[0-9a-f]{32}")  # other files in the folder are not ours
FileName = Annotated[str, StringConstraints(pattern=r"^[a-z]+\.(csv|svg)$")]  # no path elsewhere
Stamp = tuple[str, int, int] | None  # path, time and size of a file


@dataclass(frozen=True)
class RunContent:
    """The content of a run's page, and the texts of its files by name."""

    content: str
    files: dict[FileName, str]


@dataclass(frozen=True)
class ComparisonContent:
    """The content of a comparison page, and its images: their ids by split, and their stamps."""

    content: str
    images: dict[str, list[int]]
    stamps: list[Stamp]


@dataclass(frozen=True)
class StoredCurves:
    """The charts of one kind of figure on a comparison page; see `compare_charts.Curves`."""

    kind: str
    title: str
    svgs: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class CurvesContent:
    """The charts of a comparison page."""

    curves: tuple[StoredCurves, ...]


Content = TypeVar("Content", RunContent, ComparisonContent, CurvesContent)
FORMS: dict[type[Any], TypeAdapter[Any]] = {
    kind: TypeAdapter(kind) for kind in (RunContent, ComparisonContent, CurvesContent)
}


class PageStore:
    """The stored pages of a study.

    Args:
        study: the folder of the study; without the right to write there, nothing is stored.
    """

    def __init__(self, study: Path) -> None:
        self._folder = study / FOLDER
        self._used: set[str] = set()

    def read(self, key: str, kind: type[Content]) -> Content | None:
        """Returns what was stored under a key; None if there is nothing whole of this kind."""
        self._used.add(key)
        found = kept(self._folder / key)
        if found is None:
            return None
        try:
            content: Content = FORMS[kind].validate_json(found, strict=True)
        except ValueError:  # not JSON, or of another form
            return None
        return content

    def write(self, key: str, value: Content) -> None:
        """Stores the content of a page."""
        self._used.add(key)
        with suppress(OSError):
            keep(self._folder / key, FORMS[type(value)].dump_json(value))

    def keep(self, key: str) -> None:
        """Keeps what is stored under a key, if anything is, although nothing reads it now."""
        self._used.add(key)

    def forget_others(self) -> None:
        """Deletes what was neither read, written nor kept: pages of an older state."""
        with suppress(OSError):
            for path in self._folder.iterdir():
                if KEY.fullmatch(path.name) and path.name not in self._used:
                    with suppress(OSError):  # a folder is not ours
                        path.unlink()
