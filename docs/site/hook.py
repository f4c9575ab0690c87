"""Hooks of MkDocs: pages made from other files, links that leave docs/, the order of the pages."""

import argparse
import posixpath
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs" / "site"))

from papers import paper_pages  # noqa: E402 - beside this file; MkDocs does not import a package

# Files outside docs/ that are pages of the site.
ELSEWHERE = {
    "config/README.md": "reference/config.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "data/measured/README.md": "reference/measured.md",
}
# Material loads this script from the network: the search of a folder without a server needs it.
SHIM, SHIM_URL = "assets/javascripts/iframe-worker.js", "https://unpkg.com/iframe-worker/shim"
LINK = re.compile(r"(\[(?:[^\[\]]|\[[^\]]*\])*\])\(([^)\s]+)\)")

# Titles and files; a pattern stands for all files that it finds and that are not named elsewhere.
NAV: list[tuple[str, list[str]]] = [
    ("Start", ["index.md", "quickstart.md", "faq.md", "findings.md"]),
    ("Tutorials", ["tutorials/*.md", "your-own-folder.md", "add-a-detector.md", "add-a-paper.md"]),
    ("Recipes", ["recipes/*.md"]),
    (
        "How to",
        [
            *(
                "watch.md",
                "results.md",
                "claims.md",
                "tuning.md",
                "figures.md",
                "training-speed.md",
            ),
            *("several-gpus.md", "slurm.md", "other-executors.md", "gpu-check.md"),
            "containers.md",
        ],
    ),
    (
        "Reference",
        [
            *("reference/losses.md", "reference/commands.md", "reference/config.md"),
            *("evaluation.md", "reference/measured.md", "reliability.md", "*.md"),
        ],
    ),
    ("How it works", ["mathematics.md", "losses.md", "architecture.md"]),
    ("Papers", ["papers/*.md"]),
    ("Project", ["contributing.md", "changelog.md", "decisions/*.md"]),
]


def on_files(files: Any, config: Any, **_: Any) -> Any:
    """Adds the pages that are made from other files, and orders all pages."""
    from mkdocs.structure.files import File

    made = {uri: (ROOT / path).read_text(encoding="utf-8") for path, uri in ELSEWHERE.items()}
    made["reference/commands.md"] = commands_page()
    made[SHIM] = (ROOT / "docs/site/iframe-worker.js").read_text(encoding="utf-8")
    made |= paper_pages(ROOT)
    for uri, text in made.items():
        files.append(File.generated(config, uri, content=text))
    config.nav = navigation([file.src_uri for file in files.documentation_pages()])
    return files


def on_page_markdown(markdown: str, page: Any, files: Any, **_: Any) -> str:
    """Leads links to files outside docs/ to their page; other files are shown by their path."""
    uri = page.file.src_uri
    source = {made: path for path, made in ELSEWHERE.items()}.get(uri, f"docs/{uri}")
    known = {file.src_uri for file in files}

    def target(match: re.Match[str]) -> str:
        words, link = match.groups()
        path, mark, anchor = link.partition("#")
        if not path or "://" in link or link.startswith("mailto:") or path in known:
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        inside = ELSEWHERE.get(path, path.removeprefix("docs/"))
        if inside in known:
            return (
                f"{words}({posixpath.relpath(inside, posixpath.dirname(uri) or '.')}{mark}{anchor})"
            )
        if not (ROOT / path).exists():
            raise FileNotFoundError(f"{source}: link to {link!r}: there is no {path}")
        return f"{words[1:-1]} (`{path}`)" if words[1:-1].strip("`") != path else f"`{path}`"

    return LINK.sub(target, markdown)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Leads the script of the search to our copy."""
    return output.replace(SHIM_URL, posixpath.relpath(SHIM, posixpath.dirname(page.url) or "."))


def navigation(pages: list[str]) -> list[dict[str, list[str]]]:
    """Returns the pages by title; every page has one place."""
    named = {name for _, names in NAV for name in names if "*" not in name}
    left = [page for page in sorted(pages) if page not in named]
    nav = []
    for title, names in NAV:
        found: list[str] = []
        for name in names:
            if "*" not in name:
                found += [name] if name in pages else []
                continue
            folder = posixpath.dirname(name)
            matching = [page for page in left if posixpath.dirname(page) == folder]
            found += matching
            left = [page for page in left if page not in matching]
        if found:
            nav.append({title: found})
    if left:
        raise ValueError(f"docs/site/hook.py: NAV has no place for {', '.join(left)}")
    return nav


def commands_page() -> str:
    """Returns a page with the help of every command."""
    from rankdet.cli import COMMANDS, build_parser

    parts = [
        "# Commands",
        "`rankdet COMMAND --help` prints what stands here. Exit codes: 0 done, 2 bad input.",
    ]
    for name in COMMANDS:
        parser = build_parser(name)
        choices = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
        parts.append(f"## rankdet {name}")
        parts += helps(choices.choices[name])

    return "\n\n".join(parts) + "\n"


def helps(parser: argparse.ArgumentParser) -> list[str]:
    """Returns the help of a command and of its own commands."""
    parser.formatter_class = lambda prog: argparse.HelpFormatter(prog, width=88)
    found = [f"```text\n{parser.format_help().rstrip()}\n```"]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in dict.fromkeys(action.choices.values()):
                found += helps(child)
    return found
