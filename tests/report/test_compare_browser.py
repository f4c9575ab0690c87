"""The comparison page in a browser: losses, reference, address; and without scripts."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rankdet.report.formatting import end
from rankdet.report.formatting import number as printed
from tests.report.browser import Browser
from tests.report.compare_pages import BOXES, CHOOSE, COMPARE, DRAWN, state

MAX_PAGE, MAX_SCRIPT = 3_000_000, 60_000  # bytes


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


ODD = (0.25, -0.25, 0.75, 1.25, -1.25, 2.75, 0.35, 1.05, 12.5, 0.05, -0.05, 0.03, -0.0004, 0.0)


def test_the_script_prints_numbers_as_the_page_does(browser: Browser, seeds: Path) -> None:
    """Python and JavaScript round halves, such as that of .25, in different ways."""
    page = seeds / COMPARE
    head, start, rest = page.read_text().partition('<script type="application/json"')
    opening, content = rest.split(">", 1)
    data, end_of_script, rest = content.partition("</script>")
    changed = json.loads(data)
    changed["classes"]["names"] = [repr(value) for value in ODD]
    rows = [[value, value, value] for value in ODD]
    changed["classes"]["pairs"] = dict.fromkeys(changed["classes"]["pairs"], rows)
    odd = page.with_name("odd.html")
    odd.write_text("".join([head, start, opening, ">", json.dumps(changed), end_of_script, rest]))
    try:
        browser.open(odd)
        cells = browser.run(
            "return [...document.querySelectorAll('#class-table tbody tr')]"
            ".map((row) => [row.cells[0].textContent, row.cells[1].textContent])"
        )
    finally:
        odd.unlink()
    expected = {repr(v): f"{printed(v, 1, True)} [{end(v)} to {end(v)}]" for v in ODD}
    assert dict(cells) == expected


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


def test_page_and_scripts_are_small(seeds: Path) -> None:
    from rankdet.report.site import SCRIPTS
    from rankdet.repository import STATIC

    names = {name for several in SCRIPTS.values() for name in several}
    assert sum((STATIC / name).stat().st_size for name in names) < MAX_SCRIPT
    assert (seeds / COMPARE).stat().st_size < MAX_PAGE
