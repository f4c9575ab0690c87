"""What tests of the comparison page in a browser share: scripts, and the state in the address."""

from urllib.parse import parse_qs, urlsplit

from tests.report.browser import Browser

COMPARE = "compare/shapes/retinanet.html"
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


def state(browser: Browser) -> dict[str, list[str]]:
    return parse_qs(urlsplit(str(browser.run("return location.href"))).query)
