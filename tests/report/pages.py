"""Pages as lists of elements, for tests that read what a browser would read."""

import csv
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "input", "br", "img", "hr"}


class Page(HTMLParser):
    """A parsed page: `elements` are (tag, attributes), `rows` the texts of all table rows."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.unclosed: list[str] = []
        self.rows: list[list[str]] = []
        self.tables: list[list[list[str]]] = []
        self.captions: list[str] = []
        self.words: list[str] = []
        self._cell: list[str] | None = None
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in VOID:
            self.unclosed.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.rows.append([])
            self.tables[-1].append(self.rows[-1])
        if tag in ("td", "th", "caption"):
            self._cell = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed and self.unclosed[-1] == tag, f"{self.path}: stray </{tag}>"
        self.unclosed.pop()
        if tag in ("td", "th", "caption") and self._cell is not None:
            text = " ".join("".join(self._cell).split())
            self._cell = None
            (self.captions if tag == "caption" else self.rows[-1]).append(text)

    def handle_data(self, data: str) -> None:
        if self.unclosed and self.unclosed[-1] in ("style", "script"):
            return
        self.words.append(data)
        if self._cell is not None:
            self._cell.append(data)

    def table(self, title: str) -> list[list[str]]:
        """Rows of the one table whose caption begins with a title."""
        (found,) = [i for i, caption in enumerate(self.captions) if caption.startswith(title)]
        return self.tables[found]

    @property
    def text(self) -> str:
        """All text of the page, whitespace collapsed."""
        return " ".join("".join(self.words).split())

    def ids(self) -> list[str]:
        """Every id, in order."""
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]

    def links(self) -> list[str]:
        """Every address that the page links to or loads."""
        keys = ("href", "src", "xlink:href", "poster", "data", "action", "srcset")
        return [a[key] for _, a in self.elements for key in keys if key in a]


def all_pages(report: Path) -> list[Page]:
    """Every HTML page of a report."""
    return [Page(path) for path in sorted(report.rglob("*.html"))]


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def printed(text: str, decimals: int, sign: bool = False) -> str:
    """A number of a CSV file as a page prints it."""
    if not text:
        return "–"
    shown = f"{float(text):+.{decimals}f}" if sign else f"{float(text):.{decimals}f}"
    return (shown.lstrip("+-") if float(shown) == 0 else shown).replace("-", "−")
