"""The leaderboard in a browser: columns to choose, state in the address, cards on a phone."""

from html import escape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from rankdet.report.references import other_names
from rankdet.results.schemas.plan import PlanSource
from tests.report.browser import Browser
from tests.report.pages import read_csv

SHOWN = """
    const rows = [...document.querySelectorAll('#leaderboard tbody tr:first-child')];
    return rows.filter((r) => r.checkVisibility()).map((r) => r.cells[0].textContent.trim());
"""
HEADS = """
    return [...document.querySelectorAll('#leaderboard thead th')]
        .filter((h) => h.checkVisibility()).map((h) => h.dataset.key);
"""
CHOOSE = """
    const field = document.querySelector(arguments[0]);
    if (field.type === 'checkbox') { field.click(); return; }
    field.value = arguments[1];
    field.dispatchEvent(new Event(field.type === 'search' ? 'input' : 'change'));
"""
RUN = "runs/shapes/retinanet/ap/seed1.html"
PAPER = (718, 1047)  # pixels of A4 within margins of 1 cm
POINT = 96 / 72  # in pixels


def state(browser: Browser) -> dict[str, list[str]]:
    return parse_qs(urlsplit(str(browser.run("return location.href"))).query)


def test_the_state_is_in_the_address_and_comes_back(browser: Browser, seeds: Path) -> None:
    browser.look()
    browser.open(seeds / "index.html")
    browser.messages()
    assert state(browser) == {}
    browser.run(CHOOSE, "#filter", "loss")
    browser.run(CHOOSE, "#sort", "oLRP up")
    for key in ("AP75", "AP50"):
        browser.run(CHOOSE, f'#columns input[value="{key}"]', "")
    query = urlsplit(str(browser.run("return location.href"))).query
    assert state(browser)["q"] == ["loss"] and state(browser)["sort"] == ["oLRP"]
    shown, heads = browser.run(SHOWN), browser.run(HEADS)
    assert state(browser)["hide"] == ["AP75,AP50"] and not {"AP75", "AP50"} & set(heads)
    rows = read_csv(seeds / "leaderboard-seeds.csv")
    titles = {"ap": "AP Loss", "alrp": "aLRP Loss", "focal": "Focal Loss"}
    known = sorted((float(r["oLRP"]), r["loss"]) for r in rows if r["loss"] in titles)
    named = [titles[loss] for _, loss in known if loss != "alrp"]
    assert [name for name in shown if name in named] == named and len(shown) == 4
    browser.open(seeds / "index.html")
    assert len(browser.run(SHOWN)) == 6 and browser.run(HEADS) != heads
    browser.open(seeds / "index.html", query=query)
    assert browser.run(SHOWN) == shown and browser.run(HEADS) == heads
    assert browser.run("return document.getElementById('filter').value") == "loss"
    assert browser.run("return document.getElementById('sort').value") == "oLRP up"
    assert browser.messages() == []


def test_an_address_has_one_order_whatever_was_sorted_before(
    browser: Browser, report: Path
) -> None:
    browser.look()
    browser.open(report / "index.html")
    for order in ("AP up", "status up"):  # many rows have an equal status
        browser.run(CHOOSE, "#sort", order)
    shown, query = browser.run(SHOWN), urlsplit(str(browser.run("return location.href"))).query
    browser.open(report / "index.html", query=query)
    assert browser.run(SHOWN) == shown and query == "sort=status"


def test_hidden_columns_are_hidden_in_every_row_and_come_back(
    browser: Browser, seeds: Path
) -> None:
    cells = """
        return [...document.querySelectorAll('#leaderboard tr')]
            .map((r) => [...r.cells].filter((c) => getComputedStyle(c).display !== 'none').length);
    """
    browser.look()
    browser.open(seeds / "index.html")
    before = browser.run(cells)
    browser.run(CHOOSE, '#columns input[value="AP"]', "")
    assert browser.run(cells) == [count - 1 for count in before]
    assert state(browser) == {"hide": ["AP"]}
    browser.run("document.getElementById('all-columns').click()")
    assert browser.run(cells) == before and state(browser) == {}


def test_a_column_of_names_filters_exactly(browser: Browser, report: Path) -> None:
    browser.look()
    browser.open(report / "index.html")
    all_rows = len(browser.run(SHOWN))
    names = browser.run(
        "return [...document.querySelectorAll('#facets label')].map((l) => l.firstChild.data)"
    )
    assert [name.strip() for name in names] == ["split", "detector", "status"]
    browser.open(report / "index.html", query="status=diverged&split=val")
    assert browser.run(SHOWN) == ["aLRP Loss (iou)"] and all_rows > 10
    browser.run(CHOOSE, "#facets label:last-child select", "")
    records = read_csv(report / "leaderboard-seeds.csv")
    assert len(browser.run(SHOWN)) == sum(row["split"] == "val" for row in records)


def test_a_made_up_address_changes_nothing(browser: Browser, seeds: Path) -> None:
    browser.look()
    browser.open(seeds / "index.html")
    browser.messages()
    usual = browser.run(SHOWN)
    hostile = "sort=%3Cb%3E&hide=x,%7D%20body%7Bdisplay:none&status=none&q="
    browser.open(seeds / "index.html", query=hostile)
    assert browser.run(SHOWN) == usual and browser.run("return document.body.checkVisibility()")
    assert browser.messages() == []


@pytest.mark.parametrize("scripts", [True, False])
def test_rows_are_cards_on_a_phone(browser: Browser, seeds: Path, scripts: bool) -> None:
    browser.look(width=390)
    browser.cdp("Emulation.setScriptExecutionDisabled", value=not scripts)
    try:
        browser.open(seeds / "index.html")
    finally:
        browser.cdp("Emulation.setScriptExecutionDisabled", value=False)
    script = """
        const heads = [...document.querySelectorAll('#leaderboard thead th')];
        const row = document.querySelector('#leaderboard tbody tr');
        const shown = [...row.cells].map((c, i) => [c, i]).filter(([c]) => c.checkVisibility());
        const strip = (text) => text.replace(/["]/g, '').replace(/\\s/g, ' ').trim();
        const label = (c) => strip(getComputedStyle(c, '::before').content);
        return shown.filter(([c]) => c.classList.contains('number')).map(([c, i]) =>
            [label(c), strip(heads[i].textContent), c.getBoundingClientRect().right]);
    """
    found = browser.run(script)
    assert len(found) > 12
    for label, head, right in found:
        assert label == head and right <= 390
    assert any("↑" in label for label, *_ in found) and any("↓" in label for label, *_ in found)


def test_the_list_of_orders_says_what_comes_first(browser: Browser, seeds: Path) -> None:
    browser.look()
    browser.open(seeds / "index.html")
    texts = browser.run(
        "return [...document.getElementById('sort').options].map((o) => [o.value, o.textContent])"
    )
    orders = {value: text.split(", ")[-1] for value, text in texts}
    assert orders["AP down"] == orders["oLRP up"] == "best first"
    assert orders["AP up"] == orders["oLRP down"] == "worst first"
    assert orders["loss up"] == "A to Z" and orders["seeds down"] == "largest first"


def test_a_long_table_prints_its_head_on_every_page(browser: Browser, seeds: Path) -> None:
    browser.look()
    browser.open(seeds / "index.html")
    browser.cdp("Emulation.setEmulatedMedia", media="print")
    try:
        displays = browser.run(
            "return ['#leaderboard thead', '#leaderboard thead button', '#tools'].map((s) =>"
            "getComputedStyle(document.querySelector(s)).display)"
        )
    finally:
        browser.cdp("Emulation.setEmulatedMedia", media="")
    # Chromium paints a button only in the first of the repeated heads.
    assert displays == ["table-header-group", "contents", "none"]


PRINTED = ["index.html", "compare/shapes/retinanet.html", "papers/alrp.html", RUN]


@pytest.mark.parametrize("page", PRINTED)
def test_printed_pages_have_the_sizes_of_print(browser: Browser, seeds: Path, page: str) -> None:
    sizes = """
        const all = (s) => [...document.querySelectorAll(s)].filter((e) => e.checkVisibility());
        const size = (e) => parseFloat(getComputedStyle(e).fontSize);
        const right = (s) => Math.max(0, ...all(s).map((e) => e.getBoundingClientRect().right));
        return {
            root: [document.documentElement, document.body, ...all('.intro')].map(size),
            title: size(document.querySelector('h1')),
            small: all('td, th, td > *, th > *').map((e) => [size(e), e.outerHTML.slice(0, 90)]),
            right: right('main *:not(.scroll:has(.leaderboard), .leaderboard, .leaderboard *)'),
            wide: right('.leaderboard'),
        };
    """
    browser.look(width=PAPER[0])
    browser.open(seeds / page)
    browser.cdp("Emulation.setEmulatedMedia", media="print")
    try:
        found = browser.run(sizes)
    finally:
        browser.cdp("Emulation.setEmulatedMedia", media="")
    assert found["root"] == pytest.approx([9 * POINT] * len(found["root"]))
    assert found["title"] == pytest.approx(1.75 * 9 * POINT)
    assert [one for one in found["small"] if one[0] < 6 * POINT] == []
    assert found["right"] <= PAPER[0] + 1
    assert found["wide"] <= PAPER[1]  # a wide leaderboard has a page in landscape


def test_the_filter_finds_other_names_and_tells_when_nothing_matches(
    browser: Browser, seeds: Path, tmp_path: Path
) -> None:
    source = PlanSource(name="rs", title="RS Loss", paper="Rank & Sort Loss for Object Detection")
    plain = PlanSource(name="alrp", title="aLRP Loss", paper="A Ranking-based Loss Function")
    names = other_names([source, plain])
    assert names == {"rs": "RS Loss Rank & Sort Loss", "alrp": "aLRP Loss"}
    text = (seeds / "index.html").read_text()
    start = text.index('<table id="leaderboard"')
    board = text[start:].replace("<tbody>", f'<tbody data-names="{escape(names["rs"])}">', 1)
    page = tmp_path / "index.html"
    page.write_text(text[:start] + board)
    browser.look()
    browser.open(page)
    (first, *_) = browser.run(SHOWN)
    told = "return document.getElementById('shown').textContent"
    for query in ("rank & sort loss", "RS Loss sort"):
        browser.run(CHOOSE, "#filter", query)
        assert browser.run(SHOWN) == [first] and browser.run(told).startswith("1 of ")
    browser.run(CHOOSE, "#filter", "no such loss")
    assert browser.run(SHOWN) == [] and browser.run(told) == "Nothing matches"
