"""The documents agree with the repository: versions, links, and paths that they name."""

import ast
import importlib
import pydoc
import re
import textwrap
from pathlib import Path

import pytest
import yaml

import rankdet
from rankdet.cli import COMMANDS
from rankdet.repository import ROOT

DOCUMENTS = [
    path
    for pattern in ("*.md", "docs/**/*.md", "config/*.md", ".github/*.md")
    for path in sorted(ROOT.glob(pattern))
]
CURRENT = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]  # it names older files
OTHER_LIBRARIES = ("torchvision", "transformers")
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)|<img src=\"([^\"]+)\"")
PATH = re.compile(
    r"`((?:rankdet|workflows|analysis|tests|config|docs|envs|profiles|data|reports|\.github)/[\w./-]+)`"
)

# The package is on no index: pip installs it from a clone (`.`) or from a file.
FROM_AN_INDEX = re.compile(r"pip3? install[^`\n#]*?[ \"']rankdet(?![\w./-])[^`\n]*")
HEAD = re.compile(r"rankdet\.\w+Head")  # a name in mmdet's registry

# Files that a reader of a guide writes; test_workflow_papers.py writes the first two.
TO_WRITE = (
    *("analysis/papers/example/", "analysis/figures/total_loss.py"),
    *("workflows/losses/myloss.py", "config/mine.yaml"),
)


def named(document: Path) -> set[str]:
    """Returns the repository's files and folders that a document names between backticks."""
    found = set(PATH.findall(document.read_text(encoding="utf-8")))
    return {
        name for name in found if not name.startswith(("reports/html", "data/cache", *TO_WRITE))
    }


def test_the_version_is_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == rankdet.__version__
    headings = re.findall(r"^## \[(\S+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert next(name for name in headings if name != "Unreleased") == rankdet.__version__


def test_ci_runs_what_a_user_can_run():
    (job,) = yaml.safe_load((ROOT / ".github/workflows/ci.yaml").read_text())["jobs"].values()
    assert ".ci/run" in [step.get("run") for step in job["steps"]]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document):
    links = ["".join(link) for link in LINK.findall(document.read_text(encoding="utf-8"))]
    local = [link for link in links if not re.match(r"\w+:", link)]
    assert [link for link in local if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", CURRENT, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_paths_in_documents_exist(document):
    assert {name for name in named(document) if not (ROOT / name).exists()} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_in_documents_exist(document):
    code = re.findall(r"```.*?```|`[^`]+`", document.read_text(encoding="utf-8"), re.DOTALL)
    named = {name for part in code for name in re.findall(r"(?<!from )\brankdet ([a-z]+)\b", part)}
    assert named <= COMMANDS.keys()


@pytest.mark.parametrize(
    "document",
    [*DOCUMENTS, *sorted(ROOT.glob("profiles/*/*.yaml"))],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_no_page_installs_the_package_from_an_index(document):
    assert FROM_AN_INDEX.findall(document.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_in_documents_work(document):
    blocks = re.findall(
        r"```python\n(.*?)^ *```", document.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    names = [
        (node.module, alias.name)
        for block in blocks
        for node in ast.walk(ast.parse(textwrap.dedent(block)))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if node.module.split(".")[0] not in OTHER_LIBRARIES  # tests/recipes run these blocks
    ]
    absent = [name for name in names if not hasattr(importlib.import_module(name[0]), name[1])]
    assert absent == []


@pytest.mark.parametrize("document", CURRENT, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_python_names_in_documents_exist(document):
    text = document.read_text(encoding="utf-8")
    names = re.findall(r"`((?:rankdet|analysis|workflows)(?:\.[A-Za-z_]\w*)+)(?:\(\))?`", text)
    python = [name for name in names if not name.endswith((".yaml", ".md", ".py"))]
    python = [name for name in python if not HEAD.fullmatch(name)]
    assert [name for name in python if pydoc.locate(name) is None] == []
