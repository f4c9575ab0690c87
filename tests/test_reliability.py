"""docs/reliability.md shows the faults that the tests plant, as often as they plant them."""

import re
import shlex
import subprocess
import sys

import pytest

from rankdet.repository import ROOT
from tests import faults

PAGE = ROOT / "docs" / "reliability.md"
TEST = """
import pytest

@pytest.mark.fault("a cut file", tries=3)
@pytest.mark.parametrize("at", [1, 2])
def test_cut(at):
    assert at

@pytest.mark.fault("a kill", tries=20)
def test_kill(record_property):
    record_property("lost", 2)
    assert {passes}
"""
HOOKS = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from tests.faults import *
"""


def pytest_run(*arguments):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def page(tmp_path):
    """A page with a row of an earlier run, beside a test that plants two faults."""
    path = tmp_path / "reliability.md"
    text = f"# Words\n\n{faults.HEAD}\n{faults.LINE}\n"
    path.write_text(text + "| a cut file | 1 | 0 | 0 | `old` |\n| a flood | 5 | 0 | 1 | `t` |\n")
    return path


def run_planted(page, passes):
    """Runs the planted tests with the hooks of the real ones."""
    folder = page.parent
    (folder / "conftest.py").write_text(HOOKS)
    (folder / "test_planted.py").write_text(TEST.format(passes=passes))
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = fault: x\n")
    return pytest_run(
        "--rootdir", folder, "-c", folder / "pytest.ini", folder, "--reliability", page
    )


def test_a_run_writes_its_rows_and_keeps_the_others(page):
    assert run_planted(page, passes=True).returncode == 0
    assert faults.read(page) == {
        "a cut file": faults.Row("a cut file", 6, 0, 0, "test_planted.py"),
        "a flood": faults.Row("a flood", 5, 0, 1, "t"),
        "a kill": faults.Row("a kill", 20, 2, 0, "test_planted.py"),
    }
    assert page.read_text().startswith("# Words\n")


def test_a_failing_test_writes_nothing(page):
    before = page.read_text()
    done = run_planted(page, passes=False)
    assert done.returncode == 1 and "not written" in done.stdout
    assert page.read_text() == before


def test_the_target_of_make_has_its_option():
    """Without a folder of tests beside it, pytest does not know the option."""
    line = next(x for x in (ROOT / "Makefile").read_text().splitlines() if "--reliability" in x)
    done = pytest_run(*shlex.split(line.partition("-m pytest ")[2]), "--markers")
    assert done.returncode == 0 and "@pytest.mark.fault(" in done.stdout, done.stderr


def test_the_page_has_a_row_for_each_planted_fault():
    files = [
        path for path in (ROOT / "tests").rglob("test_*.py") if "mark.fault(" in path.read_text()
    ]
    files.remove(ROOT / "tests" / "test_reliability.py")
    listed = pytest_run("--collect-only", "-m", "fault", "--list-faults", *files)
    planted = dict(re.findall(r"^fault: (.+): (\d+)$", listed.stdout, re.MULTILINE))
    shown = {what: str(row.tries) for what, row in faults.read(PAGE).items()}
    assert shown == planted, "run `make reliability`"
