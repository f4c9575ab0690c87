"""Pictures of what a reader can do with a comparison page, for docs/report.md.

python -m tests.report.control_pictures REPORT FOLDER PAGE

PAGE is a comparison page of the report without `.html`, such as `compare/shapes/retinanet`.
"""

import io
import sys
from pathlib import Path

from PIL import Image

from tests.report.browser import Browser
from tests.report.pictures import browser_for, say_size

WIDTH, EDGE, QUALITY = 1000, 6, 80
PLACE = """
    const box = (s) => document.querySelector(s).getBoundingClientRect();
    const [first, last] = [box(arguments[0]), box(arguments[1])];
    return [first.top + scrollY, last.bottom + scrollY];
"""


def take(browser: Browser, path: Path, first: str, last: str) -> None:
    """Writes what lies from the top of one element to the foot of another, by CSS selectors."""
    top, bottom = browser.run(PLACE, first, last)
    clip = {"x": 0, "y": top - EDGE, "width": WIDTH, "height": bottom - top + 2 * EDGE, "scale": 1}
    image = Image.open(io.BytesIO(browser.shot(clip))).convert("RGB")
    image.save(path, quality=QUALITY, method=6)
    say_size(path)


def main(report: Path, folder: Path, page: str) -> None:
    """Takes a chart with the pointer on it, and the images of a page with filters."""
    with browser_for(folder) as browser:
        browser.look(WIDTH)
        browser.open(report / f"{page}.html")
        left, top, width, height = browser.run("""
            const area = document.querySelector('#curve-charts .area');
            area.scrollIntoView({ block: 'center' });
            const box = area.getBoundingClientRect();
            return [box.left, box.top, box.width, box.height];
        """)
        place = {"x": left + 0.62 * width, "y": top + 0.4 * height}
        browser.cdp("Input.dispatchMouseEvent", type="mouseMoved", **place)
        charts = "#curve-charts .charts"
        take(browser, folder / "controls-chart.webp", charts, charts)
        browser.open(report / f"{page}.html", query="score=0.3&hide=duplicate")
        images = folder / "controls-images.webp"
        take(browser, images, "#image-tools", "article.image .pair")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
