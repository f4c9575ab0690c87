"""The documentation's site: pages that are made from other files, and links to them."""

import sys

import pytest
import yaml

from rankdet.cli import COMMANDS
from rankdet.repository import ROOT

SITE = ROOT / "docs" / "site"


@pytest.fixture(scope="module")
def hook():
    sys.path.insert(0, str(SITE))
    try:
        import hook
    finally:
        sys.path.remove(str(SITE))
    return hook


class Page:
    def __init__(self, uri):
        self.file = self
        self.src_uri = uri
        self.url = uri.replace(".md", ".html")


def pages_of_docs(hook):
    own = [p.relative_to(ROOT / "docs").as_posix() for p in (ROOT / "docs").rglob("*.md")]
    papers = [f"papers/{p.parent.name}.md" for p in ROOT.glob("analysis/papers/*/paper.yaml")]
    return [*own, *papers, *hook.ELSEWHERE.values(), "reference/commands.md"]


def test_every_page_has_one_place(hook):
    pages = pages_of_docs(hook)
    placed = [
        name for entry in hook.navigation(pages) for names in entry.values() for name in names
    ]
    assert sorted(placed) == sorted(pages)
    assert placed[:2] == ["index.md", "quickstart.md"]
    with pytest.raises(ValueError, match=r"no place for nowhere/page\.md"):
        hook.navigation([*pages, "nowhere/page.md"])


def test_the_page_of_commands_has_every_option(hook):
    text = hook.commands_page()
    for name in COMMANDS:
        assert f"## rankdet {name}\n" in text
    for option in ("--matches", "--budget", "--style", "--iou-type"):
        assert option in text


def test_a_page_of_a_paper_has_its_tables_notes_and_differences(hook):
    pages = hook.paper_pages(ROOT)
    assert set(pages) == {
        f"papers/{path.parent.name}.md" for path in ROOT.glob("analysis/papers/*/paper.yaml")
    }
    for path in ROOT.glob("analysis/papers/*/*.yaml"):
        spec, text = yaml.safe_load(path.read_text()), pages[f"papers/{path.parent.name}.md"]
        assert spec["title"] in text
        for note in spec.get("notes", []):
            assert " ".join(note.split()) in text
    ape, alrp = pages["papers/ape.md"], pages["papers/alrp.md"]
    assert "ape_lambda" in ape and "ape_lambda" not in alrp
    assert "score_threshold" in ape and "score_threshold" in alrp  # of all papers
    assert "Differences to the released code" not in pages["papers/claims.md"]


@pytest.mark.parametrize(
    ("page", "link", "expected"),
    [
        ("faq.md", "[k](../config/README.md)", "[k](reference/config.md)"),
        ("tutorials/own-data.md", "[k](../../config/README.md#runs)",
         "[k](../reference/config.md#runs)"),
        ("reference/config.md", "[k](../docs/tuning.md)", "[k](../tuning.md)"),
        ("reference/config.md", "[k](../docs/decisions/002-what-runs-again.md)",
         "[k](../decisions/002-what-runs-again.md)"),
        ("faq.md", "[a file](../Makefile)", "a file (`Makefile`)"),
        ("faq.md", "[`Makefile`](../Makefile)", "`Makefile`"),
        ("faq.md", "[k](https://example.org)", "[k](https://example.org)"),
        ("faq.md", "[k](#below)", "[k](#below)"),
    ],
)  # fmt: skip
def test_links_that_leave_the_folder(hook, page, link, expected):
    files = [Page(uri) for uri in pages_of_docs(hook)]
    assert hook.on_page_markdown(link, page=Page(page), files=files) == expected


def test_a_link_to_nothing_is_an_error(hook):
    with pytest.raises(FileNotFoundError, match=r"docs/faq\.md: link to '\.\./none\.md'"):
        hook.on_page_markdown("[k](../none.md)", page=Page("faq.md"), files=[])


def test_no_page_loads_the_search_from_the_network(hook):
    found = hook.on_post_page(f'<script src="{hook.SHIM_URL}">', page=Page("papers/alrp.md"))
    assert found == f'<script src="../{hook.SHIM}">'
    assert (
        "MIT" in (SITE / "iframe-worker.js").read_text()
        or "Permission is hereby granted" in (SITE / "iframe-worker.js").read_text()
    )
