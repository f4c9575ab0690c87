"""Pictures of a report for the README (`make example`): python -m report.pictures REPORT FOLDER."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from tests.report.browser import Browser

COLOURS = 256  # of the palette: flat pages stay sharp and small; rare colours (of losses) are kept


@dataclass(frozen=True)
class Picture:
    """What is taken: from the top of `first` to the foot of `last`, both CSS selectors.

    `width` is that of the window, `height` what is taken at most, both in pixels.
    """

    name: str
    page: str
    first: str
    last: str
    width: int = 1280
    height: int = 1000
    dark: bool = False


PICTURES = (
    Picture("leaderboard", "index.html", "body", ".leaderboard"),
    Picture("table", "papers/alrp.html", "#alrp-table2", "#alrp-table2 ~ .findings", height=1400),
    Picture("run", "runs/shapes/atss/ap/seed1.html", "#split-1", ".errors", height=1500),
    Picture("phone", "compare/shapes/retinanet.html", "body", "main", 400, 860, dark=True),
)


def take(browser: Browser, picture: Picture, report: Path, folder: Path) -> Path:
    """Writes `<folder>/<name>.png` and returns its path."""
    browser.look(picture.width, dark=picture.dark)
    browser.open(report / picture.page)
    script = """
        const [first, last] = [...arguments].map((s) => document.querySelector(s));
        const box = (e) => e.getBoundingClientRect();
        return [box(first).top + scrollY, box(last).bottom + scrollY];
    """
    top, bottom = browser.run(script, picture.first, picture.last)
    top = max(top - 16, 0)
    clip = {"x": 0, "y": top, "width": picture.width, "scale": 1}
    clip["height"] = min(bottom + 16 - top, picture.height)
    image = Image.open(io.BytesIO(browser.shot(clip))).convert("RGB")
    path = folder / f"{picture.name}.png"
    image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        path, optimize=True
    )
    return path


@contextmanager
def browser_for(folder: Path) -> Iterator[Browser]:
    """Makes the folder of the pictures and gives a browser; ends with a line if there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        browser = Browser()
    except pytest.skip.Exception as reason:
        sys.exit(f"error: no pictures taken: {reason}")
    try:
        yield browser
    finally:
        browser.close()


def say_size(path: Path) -> None:
    """Prints the size of a picture."""
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def main(report: Path, folder: Path) -> None:
    """Takes all pictures."""
    with browser_for(folder) as browser:
        for picture in PICTURES:
            say_size(take(browser, picture, report, folder))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
