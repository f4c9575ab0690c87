"""The committed example: small, whole, and without a trace of the machine that made it."""

import getpass
import re
import socket

import pytest

from rankdet.repository import ROOT
from tests.report.pages import all_pages

EXAMPLE = ROOT / "reports" / "example"
TEXT = (".html", ".csv", ".json", ".svg", ".md", ".tex")
ROOTS = "home|root|tmp|Users|work|mnt|var|opt|usr|private"
ABSOLUTE = re.compile(rf"(?<![\w.<])/({ROOTS})/|\b[A-Z]:\\+\w")


def texts() -> dict[str, str]:
    files = (path for path in sorted(EXAMPLE.rglob("*")) if path.suffix in TEXT)
    return {path.relative_to(EXAMPLE).as_posix(): path.read_text("utf-8") for path in files}


def test_it_is_small() -> None:
    assert sum(p.stat().st_size for p in EXAMPLE.rglob("*") if p.is_file()) <= 3.8e6


def test_it_is_whole() -> None:
    pages = all_pages(EXAMPLE)
    names = {page.path.relative_to(EXAMPLE).as_posix() for page in pages}
    assert {"index.html", "reading.html", "papers/alrp.html"} <= names and len(names) > 12
    for page in pages:
        assert "Smoke scale" in page.text[:400]
        for address in page.links():
            target = address.partition("#")[0]
            if address != "data:,":
                assert not target or (page.path.parent / target).resolve().is_file(), address
                assert not re.match(r"(?i)(https?:|//|file:|/)", address)


def test_it_says_nothing_of_the_machine() -> None:
    names = {socket.gethostname(), getpass.getuser()} - {"root", "localhost", ""}
    trace = re.compile("|".join([ABSOLUTE.pattern, *(rf"\b{re.escape(n)}\b" for n in names)]))
    found = {name: trace.search(text) for name, text in texts().items()}
    assert not {name: match.group() for name, match in found.items() if match}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("kept in /home/jo/x", True),
        ('"/tmp/x"', True),
        (r"C:\Users\jo", True),
        ("</var>", False),
        ("../images/tmp/1.webp", False),
    ],
)
def test_the_search_finds_absolute_paths(text: str, found: bool) -> None:
    assert bool(ABSOLUTE.search(text)) is found


def test_the_readme_shows_it() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "](reports/example/index.html)" in readme
    pictures = re.findall(r"docs/images/[a-z]+\.png", readme)
    assert len(set(pictures)) == 4
    for name in pictures:
        assert (ROOT / name).stat().st_size <= 300_000, name
    elsewhere = {
        "figures.png",
        "figures.pdf",
        "claims-losses.svg",
        "claims-data.svg",
    }  # of other studies
    shown = (ROOT / "docs/report.md").read_text("utf-8")
    elsewhere |= set(re.findall(r"images/((?:page|controls)-[a-z-]+\.webp)", shown))
    assert {path.name for path in (ROOT / "docs/images").iterdir()} == elsewhere | {
        name.rpartition("/")[2] for name in pictures
    }
