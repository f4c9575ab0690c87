"""The pages as HTML: links, mark-up, escaped names, and the same bytes each time."""

import filecmp
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from rankdet.report import build_report
from rankdet.report.paths import run_page
from tests.report.fake_dataset import HOSTILE
from tests.report.fake_study import HOSTILE_LOSS
from tests.report.pages import Page, all_pages


def test_a_page_for_everything(report: Path, fake_plan: Path) -> None:
    plan = json.loads(fake_plan.read_text())
    expected = {"index.html", "reading.html", "compare/shapes/retinanet.html"}
    expected |= {f"papers/{name}.html" for name in ("alrp", "rs", "ape")}
    expected |= {run_page(run["key"]) for run in plan["runs"]}
    assert {p.path.relative_to(report).as_posix() for p in all_pages(report)} == expected


def test_nothing_comes_from_the_network(report: Path) -> None:
    for page in all_pages(report):
        for address in page.links():
            assert not re.match(r"(?i)\s*(https?:|//|ftp:|file:|javascript:|/)", address), address
        source = page.path.read_text(encoding="utf-8")
        assert not re.search(r"@import|url\(\s*['\"]?(?!#)", source)
        assert "Content-Security-Policy" in source


def test_every_link_leads_somewhere(report: Path) -> None:
    pages = {page.path.resolve(): page for page in all_pages(report)}
    for path, page in pages.items():
        assert not page.unclosed
        assert len(page.ids()) == len(set(page.ids())), f"{path}: an id occurs twice"
        for address in page.links():
            target, _, fragment = address.partition("#")
            if address == "data:,":
                continue
            found = (path.parent / target).resolve() if target else path
            assert found.is_file(), f"{path.name}: {address}"
            assert report.resolve() in found.parents
            if fragment:
                assert fragment in pages[found].ids(), f"{path.name}: {address}"
        for _, attributes in page.elements:
            for name in (attributes.get("aria-labelledby") or "").split():
                assert name in page.ids()


def test_hostile_names_are_text(report: Path) -> None:
    for page in all_pages(report):
        tags = [tag for tag, _ in page.elements]
        assert "img" not in tags
        rooms = page.path.relative_to(report).parts
        data = int(rooms[0] == "compare")  # read by its script, never run
        scripts = [a for tag, a in page.elements if tag == "script"]
        assert len(scripts) == int(rooms[0] != "reading.html") + data
        assert sum(a.get("type") == "application/json" for a in scripts) == data
        assert not any(name.startswith("on") for _, a in page.elements for name in a)
    index = Page(report / "index.html")
    assert HOSTILE in index.text and HOSTILE_LOSS in index.text
    run = Page(report / run_page(f"shapes/retinanet/{HOSTILE_LOSS}/seed1"))
    assert HOSTILE in run.text and HOSTILE_LOSS in run.text
    assert HOSTILE_LOSS in Page(report / "papers" / "alrp.html").text


def test_tables_are_marked_up(report: Path) -> None:
    for page in all_pages(report):
        tags = [tag for tag, _ in page.elements]
        assert tags.count("table") == tags.count("caption")
        assert all("scope" in a for tag, a in page.elements if tag == "th")
        every = [a for tag, a in page.elements if tag == "svg"]
        # An area is a part of a chart, and a swatch stands beside its text.
        titles = [a for a in every if a.get("class") not in ("area", "swatch")]
        assert all(a["aria-hidden"] == "true" for a in every if a.get("class") == "swatch")
        named = ({"aria-label", "aria-labelledby"} & set(a) for a in titles)
        assert all(named) and all(a.get("role") == "img" for a in titles)
        scrolling = [a for tag, a in page.elements if "scroll" in a.get("class", "").split()]
        assert all(a["tabindex"] == "0" and a["role"] == "region" for a in scrolling)


def test_every_page_names_its_scale(report: Path) -> None:
    for page in all_pages(report):
        assert "Smoke scale: made-up detections" in page.text[:400]


def test_same_input_same_bytes(report: Path, fake_plan: Path, tmp_path: Path) -> None:
    again = build_report(fake_plan, tmp_path / "again").parent
    names = [p.relative_to(report) for p in sorted(report.rglob("*")) if p.is_file()]
    assert names == [p.relative_to(again) for p in sorted(again.rglob("*")) if p.is_file()]
    assert filecmp.cmpfiles(report, again, names, shallow=False)[0] == names


def test_size(report: Path) -> None:
    assert sum(p.stat().st_size for p in report.rglob("*") if p.is_file()) < 4e6


def test_no_torch() -> None:
    code = (
        "import sys, rankdet.report, rankdet.papers.table, rankdet.papers.figures;"
        "import rankdet.results.leaderboard;"
        "print([m for m in sys.modules if m.split('.')[0] in ('torch', 'mmdet')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_only_detectors_with_two_losses_are_compared(report: Path) -> None:
    assert [p.name for p in (report / "compare").rglob("*.html")] == ["retinanet.html"]
    linked = Page(report / "runs" / "shapes" / "retinanet" / "ap" / "seed1.html").links()
    assert any("compare/shapes/retinanet.html" in link for link in linked)
    other = Page(report / "runs" / "shapes" / "atss" / "focal" / "seed1.html").links()
    assert not any("compare/shapes" in link for link in other)


def test_figures_without_training_are_drawn(report: Path) -> None:
    text = Page(report / "papers" / "alrp.html").text
    assert "Figure A.5: The boxes of the toy example" in text
    assert (report / "figures" / "alrp" / "figureA6" / "figure.svg").stat().st_size > 2000


def test_landmarks_have_names_of_their_own(report: Path) -> None:
    for page in all_pages(report):
        named = Counter(
            (tag, attributes["aria-label"])
            for tag, attributes in page.elements
            if "aria-label" in attributes
            and (attributes.get("role") == "region" or tag in ("section", "aside", "nav"))
        )
        assert [name for name, count in named.items() if count > 1] == [], page.path
