"""The table of docs/reliability.md, from the tests that plant faults.

A test of a fault has the marker `fault("what is planted", tries=20)`; `tries` counts the faults
that one call plants (1 if it is not given). Tests and parameters with the same words share a row.
A test that passes lost nothing and gave nothing wrong; one with a known limit says so:

    @pytest.mark.fault("SIGKILL during training", tries=20)
    def test_kills(record_property):
        ...
        record_property("lost", iterations)  # or "wrong"

`make reliability` runs these tests and writes the table. Rows of tests that do not run stay.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

HEAD = "| fault | tries | lost | wrong | tests |"
LINE = "|---|---:|---:|---:|---|"
ROW = re.compile(r"^\| (.+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| (.+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """A fault: how often it was planted, and what was lost or wrong; `where` is the test's file."""

    what: str
    tries: int
    lost: int
    wrong: int
    where: str


def pytest_addoption(parser: pytest.Parser) -> None:
    help_text = "write the table of faults (docs/reliability.md) from the tests that run"
    parser.addoption("--reliability", metavar="FILE", type=Path, help=help_text)
    parser.addoption("--list-faults", action="store_true", help="print each fault and its tries")


def pytest_collection_finish(session: pytest.Session) -> None:
    planted = {item.nodeid: row for item in session.items if (row := of(item))}
    session.config.stash[PLANTED] = planted
    if session.config.getoption("list_faults"):
        for row in summed(planted.values()).values():
            print(f"\nfault: {row.what}: {row.tries}")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.outcome != "skipped":
        RAN[report.nodeid] = (report.passed, dict(report.user_properties))


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = session.config.getoption("reliability")
    planted = session.config.stash.get(PLANTED, {})
    if path is None or session.config.option.collectonly:
        return
    failed = [name for name in planted if name in RAN and not RAN[name][0]]
    if failed:
        session.config.get_terminal_writer().line(f"\n{path} not written: {failed[0]} failed")
        return
    found = [measured(row, RAN[name][1]) for name, row in planted.items() if name in RAN]
    write(path, found)


PLANTED: pytest.StashKey[dict[str, Row]] = pytest.StashKey()
RAN: dict[str, tuple[bool, dict[str, Any]]] = {}


def of(item: pytest.Item) -> Row | None:
    """Returns the row of one test, or None if it plants no fault."""
    mark = item.get_closest_marker("fault")
    if mark is None:
        return None
    where = item.path.relative_to(item.config.rootpath).as_posix()
    return Row(str(mark.args[0]), int(mark.kwargs.get("tries", 1)), 0, 0, where)


def measured(row: Row, properties: Mapping[str, Any]) -> Row:
    """Returns a row with what the test said it lost or had wrong."""
    said = {key: int(properties[key]) for key in ("lost", "wrong") if key in properties}
    return replace(row, **said)


def summed(rows: Iterable[Row]) -> dict[str, Row]:
    """Returns one row for each fault."""
    found: dict[str, Row] = {}
    for row in rows:
        old = found.get(row.what, replace(row, tries=0, lost=0, wrong=0))
        counts = {key: getattr(old, key) + getattr(row, key) for key in ("tries", "lost", "wrong")}
        found[row.what] = replace(old, **counts)
    return found


def read(path: Path) -> dict[str, Row]:
    """Returns the rows of the page."""
    text = path.read_text(encoding="utf-8").partition(HEAD)[2]
    rows = (
        Row(what, *(int(n.replace(",", "")) for n in numbers), where.strip("`"))
        for what, *numbers, where in ROW.findall(text)
    )
    return {row.what: row for row in rows}


def write(path: Path, rows: Iterable[Row]) -> None:
    """Writes the rows into the table of the page; rows of faults that did not run stay."""
    before = path.read_text(encoding="utf-8").partition(HEAD)[0]
    merged = sorted((read(path) | summed(rows)).values(), key=lambda row: (row.where, row.what))
    lines = [f"| {r.what} | {r.tries:,} | {r.lost:,} | {r.wrong:,} | `{r.where}` |" for r in merged]
    path.write_text("\n".join([before + HEAD, LINE, *lines]) + "\n", encoding="utf-8")
