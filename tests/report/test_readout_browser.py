"""Values of charts under a real pointer and with the keyboard, against the data of the charts."""

from pathlib import Path

import numpy as np
import pytest

from rankdet.charts.chart import Chart, Series
from rankdet.charts.colours import COLOURS
from rankdet.charts.svg import chart_svg
from rankdet.repository import STATIC
from tests.report.browser import Browser

TAB, LEFT, RIGHT, HOME, END = "\ue004", "\ue012", "\ue014", "\ue011", "\ue010"
NAN = np.nan
X = np.array([10.0, 20.0, 40.0, 80.0, 100.0])
LINES = (Series("A", X, np.array([5.0, 10.0, 20.0, 40.0, 50.0])), Series("B", X[1:4], X[1:4]))
MARKED = (
    Series("A", X, np.array([5.0, 10.0, NAN, 40.0, 50.0]), marked=True),
    Series("B", X, np.array([NAN, 30.0, 31.0, 32.0, NAN]), marked=True),
)
STEPS = (Series("A", X, np.array([1.0, 2.0, 3.0, 4.0, 5.0]), steps="before"),)
DOTS = (Series("A", X, np.array([5.0, 10.0, NAN, 40.0, 50.0]), dots=True),)
READ = """
    const box = document.querySelector('.readout');
    return getComputedStyle(box).visibility === 'visible'
        ? [...box.children].map((one) => one.textContent) : [];
"""


def page(folder: Path, series: tuple[Series, ...], **changes: object) -> Path:
    """A page with one chart from 0 to 100, and the scripts of a report."""
    look = {"x_limits": (0.0, 100.0), "y_limits": (0.0, 50.0), **changes}
    svg = chart_svg(Chart("c", "alt", "x", "y", series, **look), "t")
    style, script = ((STATIC / name).read_text() for name in ("charts.css", "charts.js"))
    path = folder / "page.html"
    path.write_text(
        f'<!doctype html><meta charset="utf-8"><style>{style}</style>'
        f'<div style="width:600px"><figure class="chart">{svg}</figure></div>'
        f"<script>{script}</script>"
    )
    return path


def at(browser: Browser, percent: float) -> list[str]:
    """What the page says when the pointer stands at a part of the plot's width."""
    left, width, middle = browser.run("""
        const box = document.querySelector('.area').getBoundingClientRect();
        return [box.left, box.width, box.top + box.height / 2];
    """)
    place = {"x": left + width * percent / 100, "y": middle}
    browser.cdp("Input.dispatchMouseEvent", type="mouseMoved", **place)
    return browser.run(READ)


def values(lines: list[str]) -> dict[str, float | str]:
    parts = (line.partition(": ")[::2] for line in lines[1:])
    return {name: text if text == "no value" else float(text.split(" ")[0]) for name, text in parts}


def near(found: list[str], x: float, **wanted: float | str) -> None:
    """Asserts what is read, with the rounding of a pixel of the screen."""
    name, _, place = found[0].rpartition(" ")
    assert name == "x" and float(place) == pytest.approx(x, abs=0.3)
    read = values(found)
    assert list(read) == list(wanted)
    for name, value in wanted.items():
        expected = value if isinstance(value, str) else pytest.approx(value, abs=0.4)
        assert read[name] == expected


@pytest.fixture
def chart(browser: Browser, tmp_path: Path) -> object:
    browser.look()
    return lambda *args, **changes: browser.open(page(tmp_path, *args, **changes))


def test_a_curve_is_read_from_its_first_to_its_last_point(browser: Browser, chart) -> None:
    chart(LINES)
    near(at(browser, 10.2), 10.2, A=5.1)
    near(at(browser, 30), 30, A=15, B=30)
    near(at(browser, 79.8), 79.8, A=39.9, B=79.8)
    near(at(browser, 99.8), 99.8, A=49.9)
    assert values(at(browser, 5)) == {}  # before the first point of both
    browser.cdp("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
    assert browser.run(READ) == []


def test_a_measured_point_is_read_and_nothing_between_two(browser: Browser, chart) -> None:
    chart(MARKED)
    near(at(browser, 1), 10, A=5, B="no value")  # the nearest point, where B has none
    near(at(browser, 23), 20, A=10, B=30)
    near(at(browser, 45), 40, A="no value", B=31)
    near(at(browser, 99.9), 100, A=50, B="no value")


def test_the_keyboard_stops_at_each_measured_point(browser: Browser, chart) -> None:
    chart(MARKED)
    browser.press(TAB)
    near(browser.run(READ), 40, A="no value", B=31)  # the focus alone shows the middle
    browser.press(RIGHT)
    near(browser.run(READ), 80, A=40, B=32)
    browser.press(RIGHT, RIGHT)
    near(browser.run(READ), 100, A=50, B="no value")  # and no further
    browser.press(LEFT)
    near(browser.run(READ), 80, A=40, B=32)
    browser.press(HOME)
    near(browser.run(READ), 10, A=5, B="no value")
    browser.press("2")  # B is switched off
    browser.press(END)
    near(browser.run(READ), 100, A=50)
    browser.run("document.activeElement.blur()")
    assert browser.run(READ) == []


def test_the_ends_of_a_curve_with_the_keyboard(browser: Browser, chart) -> None:
    chart(LINES, x_limits=(10.0, 100.0))
    browser.press(TAB, HOME)
    near(browser.run(READ), 10, A=5)
    browser.press(END)
    near(browser.run(READ), 100, A=50)


def test_a_step_holds_from_the_point_before(browser: Browser, chart) -> None:
    chart(STEPS, y_limits=(0.0, 5.0))
    for percent, value in ((5, 1), (15, 2), (39, 3), (41, 4), (99, 5)):
        assert values(at(browser, percent))["A"] == pytest.approx(value, abs=0.05)


def test_dots_and_logarithmic_axes(browser: Browser, chart) -> None:
    chart(DOTS)
    near(at(browser, 81), 81, A=40)
    assert values(at(browser, 40)) == {}  # the missing dot
    powers = (Series("A", X, np.array([1.0, 10.0, 100.0, 1000.0, 10000.0])),)
    chart(powers, log=True, y_limits=(1.0, 10000.0))
    assert values(at(browser, 20))["A"] == pytest.approx(10, rel=0.05)
    assert values(at(browser, 60))["A"] == pytest.approx(10**2.5, rel=0.05)


PLACE = """
    const place = (s) => document.querySelector(s).getBoundingClientRect();
    const [box, area] = ['.readout', '.area'].map(place);
    const dots = [...document.querySelectorAll('.readout span')]
        .map((one) => getComputedStyle(one, '::before').backgroundColor);
    return [box.top - area.bottom, area.top - box.bottom, dots];
"""


@pytest.mark.parametrize("height", [900, 480])  # in the lower window there is no space below
def test_values_cover_no_curve_and_have_its_colour(
    browser: Browser, tmp_path: Path, height: int
) -> None:
    browser.look(height=height)
    file = page(tmp_path, LINES)
    text = file.read_text().replace("<div style=", '<div style="height:120px"></div><div style=')
    file.write_text(text)
    browser.open(file)
    browser.run("window.scrollTo(0, 0)")
    at(browser, 30)
    below, above, colours = browser.run(PLACE)
    assert (below if height == 900 else above) >= 0
    wanted = ("rgb({}, {}, {})".format(*bytes.fromhex(one[1:])) for one in COLOURS[:2])
    assert colours == list(wanted)
