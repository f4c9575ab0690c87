"""When a report is built, and what remains of a build that fails or is ended."""

import shutil
import sys
import threading
import time

import pytest

from rankdet.live import builds
from rankdet.live.builds import Builder

CODE = """
import sys, time
from pathlib import Path
plan, _, out = sys.argv[1:]
mode = Path(plan).read_text()
if mode == "slow":
    Path(out).with_name("begun").touch()
    time.sleep(60)
if mode == "fail":
    sys.exit("a line\\nerror: plan.json: it is damaged")
Path(out).mkdir()
Path(out, "index.html").write_text(mode)
"""


@pytest.fixture
def builder(tmp_path, monkeypatch):
    monkeypatch.setattr(builds, "LEAST_PAUSE", 0.3)
    monkeypatch.setattr(builds, "SHARE", 10.0)
    (tmp_path / "reports").mkdir()
    command = (sys.executable, "-c", CODE)
    return Builder(tmp_path / "plan.json", tmp_path / "reports", command)


def wait(builder, records):
    last = time.monotonic() + 20
    while not builder.due(records):
        assert time.monotonic() < last
        time.sleep(0.02)


def test_only_changed_records_are_built_and_after_a_pause(builder):
    assert not builder.due(1)  # the study has no plan
    builder.plan.write_text("first")
    assert builder.due(1)
    builder.build(1)
    assert (builder.last.folder / "index.html").read_text() == "first"
    assert not builder.due(2)  # too early
    wait(builder, 2)
    assert not builder.due(1)
    builder.build(2)
    wait(builder, 3)
    builder.build(3)
    assert sorted(path.name for path in builder.folder.iterdir()) == ["report-2", "report-3"]


def test_a_long_build_makes_the_pause_longer(builder, monkeypatch):
    monkeypatch.setattr(builds, "SHARE", 1e-4)
    builder.plan.write_text("first")
    builder.build(1)
    time.sleep(0.4)
    assert not builder.due(2)


def test_a_build_that_fails_keeps_the_last_report_and_is_tried_again(builder):
    builder.plan.write_text("first")
    builder.build(1)
    builder.plan.write_text("fail")
    builder.build(2)
    assert builder.problem == "plan.json: it is damaged"
    assert (builder.last.folder / "index.html").read_text() == "first"
    wait(builder, 2)
    builder.plan.write_text("mended")
    builder.build(2)
    assert (builder.problem, builder.last.records) == ("", 2)


def test_a_report_that_somebody_removed_is_built_again(builder):
    """Some systems clean the folder of temporary files while a study runs for days."""
    builder.plan.write_text("first")
    builder.build(1)
    shutil.rmtree(builder.last.folder)
    wait(builder, 1)
    builder.build(1)
    assert (builder.last.folder / "index.html").read_text() == "first"


def test_a_build_that_cannot_start_is_said_and_tried_again(builder, tmp_path):
    builder.plan.write_text("first")
    command, builder.command = builder.command, (str(tmp_path / "no-python"),)
    builder.build(1)
    assert builder.problem == "it cannot be started: No such file or directory"
    assert not builder.building
    builder.command = command
    wait(builder, 1)
    builder.build(1)
    assert builder.problem == "" and builder.last.records == 1


def test_stop_ends_a_build(builder):
    builder.plan.write_text("slow")
    thread = threading.Thread(target=builder.build, args=(1,))
    thread.start()
    while not (builder.folder / "begun").exists():
        time.sleep(0.02)
    assert builder.building
    builder.stop()
    thread.join(timeout=20)
    assert not thread.is_alive() and builder.last is None
    builder.build(1)  # none begins after that
    assert builder.problem == "stopped"
