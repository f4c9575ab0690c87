"""Charts in a browser: values under the pointer and with the keyboard, legend, zoom."""

from pathlib import Path

import pytest

from tests.report.browser import Browser
from tests.report.compare_pages import COMPARE, DRAWN

ARROW_RIGHT = "\ue014"


def test_values_of_a_chart_are_read_with_the_keyboard(browser: Browser, seeds: Path) -> None:
    browser.look()
    browser.open(seeds / COMPARE)
    browser.run("document.querySelector('#curve-charts svg.plot').focus()")
    browser.press(ARROW_RIGHT)
    lines = browser.run(
        "return [...document.querySelector('.readout.shown').children].map((e) => e.textContent)"
    )
    assert lines[0] == "recall 0.520" and len(lines) == 6  # recall, and a precision of each loss
    values = [float(line.rpartition(": ")[2]) for line in lines[1:]]
    assert all(0 <= value <= 1 for value in values) and len(set(values)) > 1
    browser.press("1")
    assert len(browser.run(DRAWN)) == 4
    browser.press("+")
    width = "return document.querySelector('#curve-charts .area').viewBox.baseVal.width"
    small = browser.run(width)
    ticks = "return [...document.querySelectorAll('#curve-charts .fresh')].length"
    assert browser.run(ticks) == 1
    browser.press("0")
    assert browser.run(width) == pytest.approx(2 * small) and browser.run(ticks) == 0


def test_a_name_in_a_legend_switches_its_curve(browser: Browser, seeds: Path) -> None:
    browser.look()
    browser.open(seeds / COMPARE)
    before = browser.run(DRAWN)
    browser.run("document.querySelector('#curve-charts .key').dispatchEvent(new Event('click'))")
    assert len(browser.run(DRAWN)) == len(before) - 1


OVERLAPS = """
    const boxes = (what, root) => [...root.querySelectorAll(what)]
        .map((e) => e.getBoundingClientRect()).filter((e) => e.width);
    let [buttons, hits] = [0, 0];
    for (const figure of document.querySelectorAll('figure.chart')) {
        const tools = figure.querySelector('.zoom');
        if (!tools) continue;
        tools.style.display = 'flex'; // as under the pointer
        for (const one of boxes('.zoom button', figure)) {
            buttons += 1;
            for (const key of boxes('.key, .series, .ticks text', figure)) {
                hits += one.left < key.right && key.left < one.right
                    && one.top < key.bottom && key.top < one.bottom;
            }
        }
    }
    return [buttons, hits];
"""


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_zoom_buttons_cover_neither_legend_nor_curves(
    browser: Browser, seeds: Path, width: int
) -> None:
    for page in (COMPARE, "runs/shapes/retinanet/alrp/seed1.html"):
        browser.look(width=width)
        browser.open(seeds / page)
        buttons, hits = browser.run(OVERLAPS)
        assert buttons > 10 and hits == 0, page


@pytest.mark.parametrize(("width", "wider"), [(390, True), (1280, False)])
def test_a_chart_that_scrolls_says_so(
    browser: Browser, seeds: Path, width: int, wider: bool
) -> None:
    browser.look(width=width)
    browser.open(seeds / "index.html")
    scrolls, told, shadows = browser.run("""
        const region = document.querySelector('.scroll:has(.forest)');
        return [region.scrollWidth > region.clientWidth,
                document.querySelector('.sideways').checkVisibility(),
                getComputedStyle(region).backgroundAttachment];
    """)
    assert scrolls == told == wider
    assert shadows == "local, local, scroll, scroll"
