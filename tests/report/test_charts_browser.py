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
    assert lines[0] == "0.520" and len(lines) == 6  # recall, and a precision of each loss
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
