import os
from pathlib import Path

import pytest

from tests.report.browser import Browser

TAB = "\ue004"
ENTER = "\ue007"
RUN = "runs/shapes/retinanet/alrp/seed1.html"
SWEPT = "runs/shapes/retinanet/ap/seed1.html"  # with masks and a sweep of score thresholds
COMPARE = "compare/shapes/retinanet.html"
PAGES = ["index.html", "papers/alrp.html", "reading.html", RUN, SWEPT, COMPARE]
# Buttons for the pointer alone, whose work keys do in another way, are no stops.
FOCUSABLE = "a[href], button:not([tabindex='-1']), input, select, summary, [tabindex='0']"


def test_pages_load_without_messages_or_requests(browser: Browser, report: Path) -> None:
    browser.look()
    browser.messages(), browser.requests()
    for path in sorted(report.rglob("*.html")):
        browser.open(path)
        assert browser.run("return document.querySelector('h1') !== null")
    assert browser.messages() == []
    asked = [url for url in browser.requests() if not url.startswith(("chrome:", "data:"))]
    assert asked and all(url.startswith(report.resolve().as_uri()) for url in asked)


def test_hostile_names_do_nothing(browser: Browser, report: Path) -> None:
    browser.open(report / RUN)
    # An alert would block this call; the policy refuses even a script that is put in later.
    inserted = """
        const s = document.createElement('script'); s.textContent = 'window.hacked = 1';
        document.body.append(s); return window.hacked === undefined;
    """
    assert browser.run(inserted)
    browser.messages()


def test_sample_images_are_shown(browser: Browser, report: Path) -> None:
    browser.open(report / RUN)
    script = """
        const done = [...document.querySelectorAll('svg.sample image')].map(async (image) => {
            const copy = new Image(); copy.src = image.getAttribute('href');
            try { await copy.decode(); return copy.naturalWidth; } catch { return 0; }
        });
        return Promise.all(done);
    """
    assert browser.run(script) == [128] * 12


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("page", PAGES)
def test_a_phone_scrolls_no_page_sideways(
    browser: Browser, report: Path, page: str, dark: bool
) -> None:
    browser.look(width=400, dark=dark)
    browser.open(report / page)
    width, inside = browser.run("return [document.documentElement.scrollWidth, innerWidth]")
    assert width <= inside == 400


def test_dark_mode_is_dark_and_readable(browser: Browser, report: Path) -> None:
    script = """
        const [paper, ink] = ['backgroundColor', 'color'].map((name) => {
            const [r, g, b] = getComputedStyle(document.body)[name].match(/[0-9.]+/g).map(Number);
            return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
        });
        const plot = getComputedStyle(document.querySelector('svg.plot')).fill;
        return [paper, ink, plot === getComputedStyle(document.body).color];
    """
    for dark in (False, True):
        browser.look(dark=dark)
        browser.open(report / RUN)
        paper, ink, plot_has_ink = browser.run(script)
        assert (paper < 0.15 and ink > 0.8) if dark else (paper > 0.9 and ink < 0.2)
        assert plot_has_ink


def column(browser: Browser, name: str) -> tuple[int, list[str]]:
    script = r"""
        const heads = [...document.querySelectorAll('#leaderboard thead th')];
        const index = heads.findIndex((h) => h.textContent.trim().split(/\s/)[0] === arguments[0]);
        const rows = [...document.querySelectorAll('#leaderboard tbody tr:first-child')];
        const value = (cell) => cell.dataset.value ?? cell.textContent.trim();
        const shown = rows.filter((r) => !r.parentElement.hidden);
        return [index, shown.map((r) => value(r.cells[index]))];
    """
    index, values = browser.run(script, name)
    return index, values


def click(browser: Browser, index: int) -> str:
    script = """
        const head = document.querySelectorAll('#leaderboard thead th')[arguments[0]];
        head.querySelector('button').click(); return head.getAttribute('aria-sort');
    """
    return browser.run(script, index)


def test_the_leaderboard_sorts(browser: Browser, report: Path) -> None:
    browser.look()
    browser.open(report / "index.html")
    index, before = column(browser, "AP")
    assert click(browser, index) == "descending"  # higher is better: the best comes first
    values = column(browser, "AP")[1]
    known = [float(v) for v in values if v]
    assert known == sorted(known, reverse=True) and len(known) > 10
    assert values[len(known) :] == [""] * (len(values) - len(known))  # missing stand last
    assert click(browser, index) == "ascending"
    values = column(browser, "AP")[1]
    assert [float(v) for v in values if v] == sorted(known)
    assert sorted(values) == sorted(before) and values[-1] == ""
    said = "return [...document.querySelectorAll('[data-sorted]')].map((b) => b.dataset.sorted)"
    assert browser.run(said) == ["worst first"]
    click(browser, index)
    assert browser.run(said) == ["best first"]
    index, _ = column(browser, "detector")
    assert click(browser, index) == "ascending"
    names = column(browser, "detector")[1]
    assert names == sorted(names)


def test_the_leaderboard_filters(browser: Browser, report: Path) -> None:
    browser.open(report / "index.html")
    script = """
        const filter = document.getElementById('filter');
        filter.value = arguments[0]; filter.dispatchEvent(new Event('input'));
        return document.getElementById('shown').textContent;
    """
    rows = len((report / "leaderboard-seeds.csv").read_text().splitlines()) - 1
    assert browser.run(script, "ATSS failed") == f"1 of {rows} shown"
    assert column(browser, "detector")[1] == ["ATSS"]
    assert browser.run(script, "") == f"{rows} of {rows} shown"


@pytest.mark.parametrize("page", PAGES)
def test_the_keyboard_reaches_everything(browser: Browser, report: Path, page: str) -> None:
    browser.look()
    browser.open(report / page)
    count = f"""
        const closed = 'details:not([open]) > :not(summary)';
        const shown = (e) => e.checkVisibility() && !e.closest(closed);
        const all = [...document.querySelectorAll("{FOCUSABLE}")].filter(shown);
        all.forEach((e, i) => {{ e.dataset.stop = i; }}); return all.length;
    """
    stops = browser.run(count)
    browser.press(*[TAB] * 1)
    reached = set()
    for _ in range(stops):
        stop, outlined = browser.run(
            "const e = document.activeElement;"
            "return [e.dataset.stop, getComputedStyle(e).outlineStyle !== 'none'];"
        )
        reached.add(stop)
        assert outlined, f"stop {stop} shows no focus"
        browser.press(TAB)
    assert reached == {str(i) for i in range(stops)}


def test_enter_sorts(browser: Browser, report: Path) -> None:
    browser.open(report / "index.html")
    browser.run("document.querySelector('#leaderboard thead button').focus()")
    browser.press(ENTER)
    assert browser.run("return document.querySelector('#leaderboard th').ariaSort") == "ascending"


def test_the_table_is_whole_without_scripts(browser: Browser, report: Path) -> None:
    browser.cdp("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(report / "index.html")
    finally:
        browser.cdp("Emulation.setScriptExecutionDisabled", value=False)
    assert browser.run("return document.querySelectorAll('#leaderboard tbody tr').length") > 10
    assert browser.run("return document.querySelector('.filter').checkVisibility()") is False


def test_seeds_unfold_without_scripts(browser: Browser, report: Path) -> None:
    browser.look()
    shown = """
        const body = document.querySelector('#leaderboard tbody:has(.run)');
        return [...body.rows].filter((r) => r.checkVisibility()).length;
    """
    unfold = "document.querySelector('#leaderboard .seeds summary').click()"
    browser.cdp("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(report / "index.html")
    finally:
        browser.cdp("Emulation.setScriptExecutionDisabled", value=False)
    assert browser.run(shown) == 1
    browser.run(unfold)
    assert browser.run(shown) == 3  # the mean and two seeds
    browser.run(unfold)
    assert browser.run(shown) == 1


def test_seeds_stay_with_their_row_when_sorted(browser: Browser, report: Path) -> None:
    browser.look()
    browser.open(report / "index.html")
    index, _ = column(browser, "oLRP")
    click(browser, index)
    after = browser.run(
        "return [...document.querySelectorAll('#leaderboard .run')].map((r) =>"
        "[r.cells[0].textContent, r.parentElement.rows[0].cells[0].textContent]);"
    )
    assert len(after) == 4  # two splits
    for run, loss in after:
        assert run.strip().startswith(f"{loss.strip()}, seed ")


def test_a_name_in_the_legend_of_a_run_switches_its_curve(browser: Browser, report: Path) -> None:
    shown = """
        const svg = [...document.querySelectorAll('svg.plot')]
            .find((e) => e.querySelectorAll('.key').length > 1);
        return [...svg.querySelectorAll('.series')]
            .filter((e) => getComputedStyle(e).display !== 'none').map((e) => e.dataset.name);
    """
    click_first = """
        const svg = [...document.querySelectorAll('svg.plot')]
            .find((e) => e.querySelectorAll('.key').length > 1);
        svg.querySelector('.key').dispatchEvent(new Event('click'));
    """
    browser.look()
    browser.open(report / RUN)
    before = browser.run(shown)
    browser.run(click_first)
    assert len(before) > 1 and browser.run(shown) == before[1:]
    browser.run(click_first)
    assert browser.run(shown) == before


@pytest.mark.parametrize("page", [page for page in PAGES if page != "reading.html"])
def test_pages_are_whole_without_scripts(browser: Browser, report: Path, page: str) -> None:
    """All rows, curves and images are there, and no control that would do nothing."""
    content = """
        const of = (s) => [...document.querySelectorAll(s)].filter((e) => e.checkVisibility());
        const closed = 'details:not([open]) > :not(summary)';
        return [of('main table tr').length, of('svg.plot .series').length, of('svg.sample').length,
                of('main :is(button, input, select)').filter((e) => !e.closest(closed)).length,
                of('.with-script').length];
    """
    browser.look()
    browser.open(report / page)
    rows, curves, samples, _, _ = browser.run(content)
    browser.cdp("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(report / page)
    finally:
        browser.cdp("Emulation.setScriptExecutionDisabled", value=False)
    found = browser.run(content)
    assert found[0] == rows > 1 and found[1] >= curves and found[2] == samples
    assert found[3:] == [0, 0]


def test_enlarging_a_sample(browser: Browser, report: Path) -> None:
    browser.look()
    browser.open(report / RUN)
    width = "return document.getElementById('split-1-image-2').getBoundingClientRect().width"
    small = browser.run(width)
    browser.open(report / RUN, "split-1-image-2")
    assert browser.run(width) > 1.8 * small


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing(
    browser: Browser, report: Path, page: str, dark: bool, width: int
) -> None:
    source = os.environ.get("RANKDET_AXE")
    if not source:
        pytest.skip("set RANKDET_AXE to axe-core's axe.min.js (npm pack axe-core)")
    browser.look(width=width, dark=dark)
    browser.open(report / page)
    # What is folded is a part of the page too.
    browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    browser.run(Path(source).read_text(encoding="utf-8") + "; window.axe = window.axe || axe;")
    script = "return axe.run().then((r) => r.violations.map((v) => [v.impact, v.id, v.help]))"
    assert browser.run(script) == []
