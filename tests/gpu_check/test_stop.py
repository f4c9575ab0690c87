"""A check that a signal ends: what is measured is kept, with a page; no temporary file stays."""

import os
import signal
import subprocess
import sys
import tempfile
import time

import pytest

from rankdet.cli import main
from rankdet.gpu_check import check as checks
from rankdet.gpu_check import page, parts
from rankdet.gpu_check.check import Settings, run_check
from rankdet.gpu_check.record import GpuRecord
from rankdet.gpu_check.stop import Stop
from tests.gpu_check.contexts import good, part

WORDS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}


def rows_and(number, *, swallowed=False):
    """A part that gets a signal after its first row; a library may lose the exception."""

    def rows(context):
        yield {"loss": "ap", "status": "measured", "ms": 1.0}
        time.sleep(0.02)
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
        except KeyboardInterrupt:
            if not swallowed:
                raise
        yield {"loss": "alrp", "status": "measured", "ms": 2.0}

    return rows


@pytest.fixture(autouse=True)
def heard():
    """No signal is ignored, also if the tests run in the background or after `nohup`."""
    usual = {number: signal.SIG_DFL for number in WORDS} | {
        signal.SIGINT: signal.default_int_handler
    }
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Runs the command with a part that a signal stops, and then a good part."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(checks, "LAST", 0.0)

    def run(function):
        made = {"first": part("first", function), "second": part("second", good)}
        monkeypatch.setattr(checks, "PARTS", made)
        monkeypatch.setattr(parts, "PARTS", made)
        options = ["--device", "cpu", "--minutes", "1", "--out", str(tmp_path / "out")]
        return main(["bench", "gpu", *options])

    return run


def only_record(tmp_path):
    (path,) = (tmp_path / "out").glob("*.json")
    return GpuRecord.from_disk(path), path


@pytest.mark.parametrize("number", WORDS)
def test_a_signal_keeps_what_was_measured_and_writes_the_page(number, command, tmp_path, capfd):
    before = signal.getsignal(number)
    assert command(rows_and(number)) == 128 + number
    found, path = only_record(tmp_path)
    first, second = found.parts
    reason = f"stopped by {WORDS[number]}"
    assert (first.status, first.reason) == ("cut", reason) and first.seconds > 0
    assert [row["ms"] for row in first.rows] == [1.0]
    assert (second.status, second.reason, second.rows) == ("not reached", reason, [])
    assert found.finished
    assert f"**cut**: {reason}" in path.with_suffix(".md").read_text()
    told = capfd.readouterr()
    assert f"record: {path}" in told.out and told.err == f"{reason}\n"
    assert not list((tmp_path / "tmp").iterdir())
    assert signal.getsignal(number) == before


def test_a_signal_that_a_library_loses_stops_the_check_all_the_same(command, tmp_path):
    assert command(rows_and(signal.SIGINT, swallowed=True)) == 130
    found, _ = only_record(tmp_path)
    assert [part.status for part in found.parts] == ["cut", "not reached"]
    assert len(found.parts[0].rows) == 2


def test_a_signal_during_the_plots_loses_no_page(command, tmp_path, monkeypatch, capfd):
    def draw(record, folder, stem, log):
        yield "first", "drawn.png"
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)

    monkeypatch.setattr(page, "draw", draw)
    assert command(good) == 130
    found, path = only_record(tmp_path)
    assert [part.status for part in found.parts] == ["finished", "finished"]
    text = path.with_suffix(".md").read_text()
    assert "drawn.png" in text and "## Part second" in text
    assert f"`rankdet bench gpu --page {path}` draws the missing plots" in capfd.readouterr().err


def test_two_signals_at_once_are_one_so_that_a_part_can_clean_up(command, tmp_path):
    cleaned = []

    def rows(context):
        try:
            yield from rows_and(signal.SIGINT)(context)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.02)
            cleaned.append(context)

    assert command(rows) == 130
    assert cleaned and only_record(tmp_path)[0].parts[0].status == "cut"


def test_a_later_signal_raises_again(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("rankdet.gpu_check.stop.time.monotonic", lambda: now[0])
    with Stop().listening() as stop, stop.raising():
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
            now[0] += 3


def test_an_interrupt_without_handlers_is_noted(command, tmp_path, monkeypatch):
    def interrupted(context):
        yield {"loss": "ap", "status": "measured"}
        raise KeyboardInterrupt

    monkeypatch.setattr(checks, "PARTS", {"first": part("first", interrupted)})
    stop = Stop()
    found, path = run_check(Settings(tmp_path / "out", 1, ("first",), "cpu", "tiny"), stop)
    assert found.parts[0].status == "cut" and stop.code == 130
    assert path.with_suffix(".md").is_file()


def test_an_error_of_the_check_itself_leaves_a_whole_record(command, tmp_path, monkeypatch):
    class Broken(RuntimeError):
        pass

    def broken(self, *_):
        raise Broken

    monkeypatch.setattr(checks.Check, "run", broken)
    with pytest.raises(Broken):
        command(good)
    found, _ = only_record(tmp_path)
    assert [part.status for part in found.parts] == ["not reached", "not reached"]
    assert not list((tmp_path / "tmp").iterdir())


IMPORTING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
for name in ("SIGTERM", "SIGHUP"):
    signal.signal(signal.Signals[name], signal.SIG_DFL)
from rankdet.gpu_check.stop import Stop
with Stop().listening() as stop:
    try:
        os.kill(os.getpid(), signal.{name})
    except BaseException:
        pass  # as some imports do
    print("ran on")
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_during_the_imports_ends_the_process(name):
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING.format(name=name)], capture_output=True, text=True
    )
    number = signal.Signals[name]
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "stopped\n")


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stop().listening() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert stop.number is None
    finally:
        signal.signal(signal.SIGHUP, before)
