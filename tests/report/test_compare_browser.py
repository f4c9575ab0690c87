"""The comparison page in a browser: losses, reference, images, charts; and without scripts."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.report.browser import Browser
from tests.report.pages import Page

COMPARE = "compare/shapes/retinanet.html"
ARROW_RIGHT, END = "\ue014", "\ue010"
MAX_PAGE, MAX_SCRIPT = 3_000_000, 60_000  # bytes
CHOOSE = """
    const field = document.querySelector(arguments[0]);
    if (field.type === 'checkbox') { field.click(); return; }
    field.value = arguments[1];
    field.dispatchEvent(new Event(field.type === 'range' ? 'input' : 'change', { bubbles: true }));
"""
DRAWN = """
    const svg = document.querySelector('#curve-charts svg.plot');
    return [...svg.querySelectorAll('.series')]
        .filter((s) => getComputedStyle(s).display !== 'none').map((s) => s.dataset.name).sort();
"""
BOXES = """
    const shown = [...document.querySelectorAll(`article.image ${arguments[0]}`)];
    return shown.filter((e) => getComputedStyle(e).display !== 'none').length;
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    window = Browser()
    yield window
    window.close()


def state(browser: Browser) -> dict[str, list[str]]:
    return parse_qs(urlsplit(str(browser.run("return location.href"))).query)


def without_scripts(browser: Browser, page: Path) -> None:
    browser.cdp("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(page)
    finally:
        browser.cdp("Emulation.setScriptExecutionDisabled", value=False)


def test_losses_are_switched_in_curves_and_classes(browser: Browser, seeds: Path) -> None:
    browser.look()
    browser.open(seeds / COMPARE)
    browser.messages()
    names = browser.run(
        "return [...document.querySelectorAll('#losses label')].map((l) => l.textContent.trim())"
    )
    assert len(names) == 5 and browser.run(DRAWN) == sorted(names)
    browser.run(CHOOSE, "#losses label:nth-of-type(2) input")
    assert browser.run(DRAWN) == sorted(names[:1] + names[2:])
    heads = browser.run(
        "return [...document.querySelectorAll('#class-table thead th')].map((h) => h.textContent)"
    )
    assert names[1] not in heads and names[2] in heads
    query = urlsplit(str(browser.run("return location.href"))).query
    browser.open(seeds / COMPARE)
    assert state(browser) == {} and browser.run(DRAWN) == sorted(names)
    browser.open(seeds / COMPARE, query=query)
    assert browser.run(DRAWN) == sorted(names[:1] + names[2:])
    assert browser.messages() == []


def number(text: str) -> float:
    return float(text.split(" ")[0].replace("−", "-"))


def test_another_reference_turns_the_differences(browser: Browser, seeds: Path) -> None:
    cells = """
        return [...document.querySelectorAll('#against-table tbody tr')]
            .map((r) => r.cells[1].querySelector('.interval')?.textContent.trim() ?? '');
    """
    classes = """
        const texts = (row) => [...row.cells].map((cell) => cell.firstChild.data);
        return Object.fromEntries([...document.querySelectorAll('#class-table tbody tr')]
            .map((row) => [texts(row)[0], texts(row).slice(1)]));
    """
    browser.look()
    browser.open(seeds / COMPARE)
    before, of_classes = browser.run(cells), browser.run(classes)
    assert before[0] == "reference"
    browser.run(CHOOSE, "#reference", "1")
    after = browser.run(cells)
    assert after[1] == "reference" and state(browser)["ref"] == ["alrp"]
    assert number(after[0]) == -number(before[1])
    shift = number(before[1])
    for line in (2, 3, 4):
        assert number(after[line]) == pytest.approx(number(before[line]) - shift, abs=0.11)
    title = browser.run("return document.querySelector('h2').textContent")
    assert title == "Against aLRP Loss"
    turned = browser.run(classes)
    for name, values in of_classes.items():
        assert number(turned[name][0]) == -number(values[0])
    assert not browser.run("return document.getElementById('class-chart').checkVisibility()")


NOTE = """
    const note = document.getElementById('class-note');
    return note.checkVisibility() ? note.textContent : '';
"""
COMMANDS = """
    const codes = [...document.querySelectorAll('#curve-charts code')];
    return codes.map((one) => one.textContent.match(/--losses (.*) --out/)[1].split(','));
"""


def test_a_hidden_chart_of_classes_is_told(browser: Browser, seeds: Path) -> None:
    browser.look()
    browser.open(seeds / COMPARE)
    assert browser.run(NOTE) == ""
    browser.run(CHOOSE, "#reference", "1")
    told = browser.run(NOTE)
    assert "only for the reference AP Loss with" in told
    assert told.endswith("with the reference aLRP Loss.")
    browser.run(CHOOSE, "#reference", "0")
    assert browser.run(NOTE) == ""
    browser.run(CHOOSE, "#losses label:nth-of-type(2) input")
    assert browser.run(NOTE).endswith("with the reference AP Loss.")


def test_the_commands_of_figures_follow_the_choice(browser: Browser, seeds: Path) -> None:
    browser.look()
    browser.open(seeds / COMPARE)
    before = browser.run(COMMANDS)
    assert len(before) > 2 and all(one == before[0] and one[0] == "ap" for one in before)
    browser.run(CHOOSE, "#reference", "1")
    turned = browser.run(COMMANDS)
    assert all(one[0] == "alrp" and sorted(one) == sorted(before[0]) for one in turned)
    browser.run(CHOOSE, "#losses label:nth-of-type(1) input")
    query = urlsplit(str(browser.run("return location.href"))).query
    fewer = browser.run(COMMANDS)
    assert all(len(one) == len(before[0]) - 1 and "ap" not in one for one in fewer)
    browser.open(seeds / COMPARE, query=query)
    assert browser.run(COMMANDS) == fewer


def test_the_address_brings_the_reference_back(browser: Browser, seeds: Path) -> None:
    whole = """
        const all = '[data-reference], #against-table td, #class-table td';
        return [...document.querySelectorAll(all)].map((e) => e.textContent.trim());
    """
    browser.look()
    browser.open(seeds / COMPARE)
    options = browser.run(
        "return [...document.getElementById('reference').options].map((o) => [o.value, o.text])"
    )
    losses = browser.run(
        "return [...document.querySelectorAll('#losses label')].map((l) => l.textContent.trim())"
    )
    assert sorted(text for _, text in options) == sorted(losses)
    seen = []
    for value, title in options:
        browser.open(seeds / COMPARE)
        browser.run(CHOOSE, "#reference", value)
        chosen, query = browser.run(whole), urlsplit(str(browser.run("return location.href"))).query
        browser.open(seeds / COMPARE, query=query)
        assert browser.run(whole) == chosen
        assert browser.run("return document.getElementById('reference').value") == value
        assert browser.run("return document.querySelector('h2').textContent") == f"Against {title}"
        seen.append(chosen)
    assert len({tuple(one) for one in seen}) == len(options) > 2
    # Back at the first reference, the address says nothing about it.
    browser.run(CHOOSE, "#reference", options[0][0])
    assert "ref" not in state(browser) and browser.run(whole) == seen[0]


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


@pytest.mark.parametrize(
    "query", ["losses=%3Cb%3E,x&ref=nobody&left=9&score=NaN&hide=all&order=x", ""]
)
def test_a_made_up_address_changes_nothing(browser: Browser, seeds: Path, query: str) -> None:
    browser.look()
    browser.messages()
    browser.open(seeds / COMPARE, query=query)
    assert len(browser.run(DRAWN)) == 5 and browser.run(BOXES, "g.detection") > 10
    assert browser.run("return document.querySelector('h2').textContent") == "Against AP Loss"
    assert browser.messages() == []


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


def test_everything_is_there_without_scripts(browser: Browser, seeds: Path) -> None:
    browser.look()
    without_scripts(browser, seeds / COMPARE)
    assert len(browser.run(DRAWN)) == 5
    for selector in ("#chooser", "#image-tools", ".divider", ".with-script"):
        found = (
            f"return [...document.querySelectorAll('{selector}')].some((e) => e.checkVisibility())"
        )
        assert not browser.run(found), selector
    assert browser.run(BOXES, "g.detection") > 10 and browser.run(BOXES, "svg.sample") >= 12
    assert browser.run("return document.querySelectorAll('#class-table tbody tr').length") == 3


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


def test_page_and_scripts_are_small(seeds: Path) -> None:
    from rankdet.report.site import SCRIPTS
    from rankdet.repository import STATIC

    names = {name for several in SCRIPTS.values() for name in several}
    assert sum((STATIC / name).stat().st_size for name in names) < MAX_SCRIPT
    assert (seeds / COMPARE).stat().st_size < MAX_PAGE
