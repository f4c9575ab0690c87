"""The images of a comparison page in a browser: pairs, slider, filters and their counts."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.report.browser import Browser
from tests.report.compare_pages import BOXES, CHOOSE, COMPARE, state
from tests.report.pages import Page

ARROW_RIGHT, END = "\ue014", "\ue010"


def test_the_address_brings_the_images_back(browser: Browser, seeds: Path) -> None:
    shown = """
        const visible = [...document.querySelectorAll('article.image g.detection')];
        return [[...document.querySelectorAll('article.image h3')].map((h) => h.textContent),
                visible.filter((e) => getComputedStyle(e).display !== 'none').length,
                [...document.querySelectorAll('article.image .who')].map((e) => e.textContent),
                document.querySelectorAll('article.image.slide').length];
    """
    browser.look()
    browser.open(seeds / COMPARE)
    usual = browser.run(shown)
    right = browser.run("return document.getElementById('right-run').options[2].value")
    steps = (("#right-run", right), ("#order", "hardest"), ("#score", "0.3"), ("#slide", ""))
    for selector, value in (*steps, ('#kinds input[value="false-alarm"]', "")):
        browser.run(CHOOSE, selector, value)
    chosen, query = browser.run(shown), urlsplit(str(browser.run("return location.href"))).query
    assert all(a != b for a, b in zip(chosen, usual, strict=True))
    browser.open(seeds / COMPARE, query=query)
    assert browser.run(shown) == chosen


def test_a_slider_lays_one_image_over_the_other(browser: Browser, seeds: Path) -> None:
    edge = """
        const [left, right] = document.querySelectorAll('article.image svg.sample');
        const boxes = [left, right].map((e) => e.getBoundingClientRect());
        return [boxes[0].left === boxes[1].left && boxes[0].top === boxes[1].top,
                getComputedStyle(right).clipPath];
    """
    browser.look()
    browser.open(seeds / COMPARE)
    assert browser.run(edge) == [False, "none"]
    assert browser.run("return document.querySelector('.divider').checkVisibility()") is False
    browser.run(CHOOSE, "#slide")
    assert browser.run(edge) == [True, "inset(0px 0px 0px 50%)"]
    browser.run("document.querySelector('.divider').focus()")
    browser.press(ARROW_RIGHT)
    assert browser.run(edge)[1] == "inset(0px 0px 0px 51%)"
    browser.press(END)
    assert browser.run(edge)[1] == "inset(0px 0px 0px 100%)"
    assert state(browser) == {"view": ["slider"]}
    label = browser.run("return document.querySelector('.divider').getAttribute('aria-label')")
    assert "AP Loss" in label and "left" in label


def test_filters_hide_boxes_labels_and_rows_together(browser: Browser, seeds: Path) -> None:
    browser.look()
    browser.open(seeds / COMPARE)
    browser.run("document.querySelectorAll('article.image details').forEach((d) => d.open = true)")
    kinds = {kind: browser.run(BOXES, f"g.{kind}") for kind in ("hit", "false-alarm")}
    assert kinds["hit"] > 5 and browser.run(BOXES, "tr[data-number]") >= kinds["hit"]
    browser.run(CHOOSE, '#kinds input[value="hit"]')
    assert browser.run(BOXES, "g.hit") == browser.run(BOXES, "text.hit") == 0
    assert browser.run(BOXES, "g.false-alarm") == kinds["false-alarm"]
    assert browser.run(BOXES, "g.truth") > 0
    browser.run(CHOOSE, '#kinds input[value="hit"]')
    assert browser.run(BOXES, "g.hit") == kinds["hit"]
    browser.run(CHOOSE, "#score", "0.8")
    left = browser.run(BOXES, "g.detection")
    scores = browser.run(
        "return [...document.querySelectorAll('article.image g.detection')]"
        ".map((g) => Number(g.dataset.score))"
    )
    assert left == sum(score >= 0.8 for score in scores) < len(scores)
    assert browser.run(BOXES, "tr[data-number]") == left
    category = browser.run("return document.getElementById('category').options[1].value")
    browser.run(CHOOSE, "#category", category)
    others = f'g[data-number]:not([data-category="{category}"])'
    assert browser.run(BOXES, others) == 0 and state(browser)["class"] == [category]


COUNTS = """
    const [figure] = document.querySelectorAll('article.image figure:has(g.detection)');
    const shown = (e) => getComputedStyle(e).display !== 'none';
    const all = ['g.detection', 'g.truth'].map((s) => [...figure.querySelectorAll(s)]);
    return [figure.querySelector('summary').textContent,
            ...all.map((boxes) => [boxes.filter(shown).length, boxes.length]),
            figure.querySelector('svg').getAttribute('aria-label'),
            document.getElementById('boxes').textContent];
"""


def test_counts_follow_the_filters(browser: Browser, seeds: Path) -> None:
    browser.look()
    browser.open(seeds / COMPARE)
    text, (_, detections), (_, objects), label, total = browser.run(COUNTS)
    assert text == f"detections: {detections}, objects: {objects}" and total == ""
    boxes, twice = browser.run(BOXES, "g.detection"), browser.run(BOXES, "g.truth")
    every = twice // 2  # both sides have the same objects
    browser.run(CHOOSE, "#score", "0.8")
    high = browser.run(COUNTS)
    assert high[0] == f"detections: {high[1][0]} of {detections}, objects: {objects}"
    left = browser.run(BOXES, "g.detection")
    assert high[4] == f"drawn: {left} of {boxes} detections of both losses, {every} objects"
    browser.run(
        CHOOSE, "#category", browser.run("return document.getElementById('category')[1].value")
    )
    fewer = browser.run(COUNTS)
    assert fewer[2][0] < objects
    assert fewer[0].endswith(f", objects: {fewer[2][0]} of {objects}")
    assert fewer[3].startswith(label) and f"{fewer[2][0]} of {objects} objects" in fewer[3]
    browser.run(CHOOSE, "#score", "0")
    browser.run(CHOOSE, "#category", "")
    assert browser.run(COUNTS)[0] == text and browser.run(COUNTS)[3:] == [label, ""]


def test_a_loss_is_never_beside_itself(browser: Browser, seeds: Path) -> None:
    sides = "return ['left', 'right'].map((side) => document.getElementById(`${side}-run`).value)"
    browser.look()
    browser.open(seeds / COMPARE)
    left, right = browser.run(sides)
    browser.run(CHOOSE, "#right-run", left)
    assert browser.run(sides) == [right, left]
    browser.open(seeds / COMPARE, query="left=alrp&right=alrp")
    assert browser.run(sides) == [left, right]


def test_the_heading_says_which_losses_differ(seeds: Path) -> None:
    page = Page(seeds / COMPARE)
    heads = re.findall(r'id="image-\d+">(.*?)</h3>', page.path.read_text(encoding="utf-8"))
    differ = [re.search(r"LRP from ([\d.]+) \((.+?)\) to ([\d.]+) \((.+?)\);", h) for h in heads]
    found = [one.groups() for one in differ if one]
    assert found and all(low < high and a != b for low, a, high, b in found)
    assert len(found) + sum("hard for every loss" in head for head in heads) == len(heads)


@pytest.mark.parametrize("kind", ["hit", "false-alarm", "truth", "missed"])
def test_the_legend_has_the_lines_of_the_boxes(browser: Browser, seeds: Path, kind: str) -> None:
    look = """
        const [kind] = arguments;
        const line = (e) => {
            const s = getComputedStyle(e);
            return [s.stroke, s.strokeDasharray, s.strokeWidth];
        };
        const own = `g.${kind}${kind === 'truth' ? ':not(.missed)' : ''} rect:not(.case)`;
        const first = (svg) => line(document.querySelector(`${svg} ${own}`));
        return ['svg.swatch', 'svg.sample'].map(first);
    """
    browser.look()
    browser.open(seeds / COMPARE)
    swatch, drawn = browser.run(look, kind)
    assert swatch == drawn and swatch[0] != "none"


def test_a_row_of_the_list_lights_its_box(browser: Browser, seeds: Path) -> None:
    browser.look()
    browser.open(seeds / COMPARE)
    lit = browser.run("""
        const figure = document.querySelector('article.image figure:has(g.detection)');
        figure.querySelector('details').open = true;
        const row = figure.querySelector('tr[data-number]');
        row.focus();
        const lit = [...figure.querySelectorAll('g.lit')];
        return [row.dataset.number, ...lit.map((g) => g.dataset.number)];
    """)
    assert len(lit) == 2 and lit[0] == lit[1]


def test_any_two_losses_stand_side_by_side(browser: Browser, seeds: Path) -> None:
    browser.look()
    browser.open(seeds / COMPARE)
    count = browser.run("return document.getElementById('right-run').length")
    found = set()
    for at in range(count):
        value = browser.run(f"return document.getElementById('right-run').options[{at}].value")
        browser.run(CHOOSE, "#right-run", value)
        found.add(browser.run("return document.querySelectorAll('.who')[1].textContent"))
        assert (
            browser.run("return document.querySelectorAll('article.image figure').length") % 2 == 0
        )
    assert len(found) == count == 5


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_labels_of_boxes_have_eleven_pixels(browser: Browser, seeds: Path, width: int) -> None:
    browser.look(width=width)
    browser.open(seeds / COMPARE)
    sizes = browser.run("""
        return [...document.querySelectorAll('article.image svg.sample')].map((svg) => {
            const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
            return scale * Number(svg.querySelector('.tags').getAttribute('font-size'));
        });
    """)
    assert len(sizes) >= 12 and min(sizes) >= 11
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")


def test_printed_images_stand_side_by_side(browser: Browser, seeds: Path) -> None:
    browser.look()
    browser.open(seeds / COMPARE, query="view=slider")
    browser.cdp("Emulation.setEmulatedMedia", media="print")
    try:
        clip, chooser = browser.run(
            "return [getComputedStyle(document.querySelectorAll('svg.sample')[1]).clipPath,"
            "document.getElementById('chooser').checkVisibility()]"
        )
    finally:
        browser.cdp("Emulation.setEmulatedMedia", media="")
    assert clip == "none" and not chooser


def test_verdicts_are_told_without_colour(seeds: Path) -> None:
    page = Page(seeds / COMPARE)
    marks = {"hit": "✓", "false-alarm": "✕", "duplicate": "◇", "missed": "△"}
    source = page.path.read_text(encoding="utf-8")
    for verdict, mark in marks.items():
        begin = f'<text class="{verdict}"'
        texts = [part.partition(">")[2][:1] for part in source.split(begin)[1:]]
        assert set(texts) <= {mark}, verdict
    assert {"hit", "false-alarm"} <= {v for v in marks if f'<text class="{v}"' in source}
