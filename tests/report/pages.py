"""Pages as lists of elements, for tests that read what a browser would read."""

from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "input", "br", "img", "hr"}


class Page(HTMLParser):
    """A parsed page: `elements` are (tag, attributes), `cells` the texts of table rows."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.unclosed: list[str] = []
        self.rows: list[list[str]] = []
        self.words: list[str] = []
        self._cell: list[str] | None = None
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in VOID:
            self.unclosed.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self._cell = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed and self.unclosed[-1] == tag, f"{self.path}: stray </{tag}>"
        self.unclosed.pop()
        if tag in ("td", "th") and self._cell is not None:
            self.rows[-1].append(" ".join("".join(self._cell).split()))
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self.unclosed and self.unclosed[-1] in ("style", "script"):
            return
        self.words.append(data)
        if self._cell is not None:
            self._cell.append(data)

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
