"""Pictures of each kind of page, for docs/report.md.

python -m tests.report.screenshots REPORT FOLDER [PAGE ...]

PAGE is a page of the report without `.html`, such as `papers/claims`.
"""

import io
import sys
from pathlib import Path

from PIL import Image

from tests.report.browser import Browser
from tests.report.pictures import browser_for, say_size

LOOKS = {  # width and height of what is taken, in pixels; colours; medium
    "desktop": (1280, 1600, "light", "screen"),
    "dark": (1280, 1600, "dark", "screen"),
    "phone": (390, 1400, "light", "screen"),
    "print": (718, 1047, "light", "print"),  # A4 within margins of 1 cm
}
SMALLER = {"desktop": 0.75, "dark": 0.75, "phone": 1.0, "print": 1.0}
QUALITY = 60


def shoot(browser: Browser, page: Path, folder: Path, name: str) -> None:
    """Writes `<folder>/<name>-<look>.webp` for each look of a page."""
    for look, (width, height, colours, medium) in LOOKS.items():
        browser.look(width, dark=colours == "dark")
        features = [{"name": "prefers-color-scheme", "value": colours}]
        browser.cdp("Emulation.setEmulatedMedia", media=medium, features=features)
        browser.open(page)
        whole = browser.run("return document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": width, "height": min(whole, height), "scale": 1}
        image = Image.open(io.BytesIO(browser.shot(clip))).convert("RGB")
        size = (round(image.width * SMALLER[look]), round(image.height * SMALLER[look]))
        path = folder / f"{name}-{look}.webp"
        image.resize(size, Image.Resampling.LANCZOS).save(path, quality=QUALITY, method=6)
        say_size(path)


def main(report: Path, folder: Path, *pages: str) -> None:
    """Takes the pictures of all pages; the name of a picture is the kind of its page."""
    with browser_for(folder) as browser:
        for page in pages:
            kind = page.partition("/")[0].removesuffix("s")
            shoot(browser, report / f"{page}.html", folder, f"page-{kind}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
