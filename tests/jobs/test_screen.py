"""The view on a pseudo-terminal: lines scroll above it, and no end of the process harms it."""

import os
import signal
import subprocess
import sys

import pytest

from rankdet.repository import ROOT
from tests.jobs.terminals import Terminal, seen

CODE = """
import os, subprocess, sys, time
from rankdet.jobs.screen import Screen

count = 0
def lines(width):
    global count
    count += 1
    {body}
    return [f"view {{count}} " + "x" * (width - 10), "second line"]

screen = Screen(lines, lambda line: line.startswith("hidden"))
screen.start()
print("printed by the process")
sys.stdout.flush()
for name in ("one", "hidden", "two"):
    subprocess.run([sys.executable, "-c", f"import os; os.write(2, b'{{name}}\\\\n')"], check=True)
print("\\x1b[32mhidden\\x1b[0m, in colour", file=sys.stderr)
print("ready", file=sys.stderr)
{end}
screen.stop()
screen.stop()
print("after")
"""


@pytest.fixture
def shown(tmp_path):
    opened = []

    def start(body="pass", end="time.sleep(0.5)", **more):
        code = CODE.format(body=body, end=end)
        opened.append(
            Terminal([sys.executable, "-c", code], tmp_path, PYTHONPATH=str(ROOT), **more)
        )
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


def test_lines_of_all_processes_scroll_above_the_view_which_is_gone_at_the_end(shown):
    terminal = shown()
    assert terminal.ended() == ["printed by the process", "one", "two", "ready", "after", ""]
    assert b"view 1 " in terminal.output and b"view 2 " in terminal.output
    assert terminal.modes_are_kept()


def test_the_view_is_below_what_was_printed_and_fits_the_width(shown):
    lines = shown(end="time.sleep(60)").wait(
        lambda output: b"ready" in output and b"view 3" in output
    )
    view = [line for line in lines if line.startswith("view ")]
    place = lines.index("ready")
    assert len(view) == 1 and len(view[0]) <= 100
    assert lines[place + 1 : place + 3] == [view[0], "second line"]


def test_a_fault_of_the_view_is_named_and_stops_nothing(shown):
    terminal = shown(body="raise ValueError('no such job')")
    assert terminal.ended()[-3:] == ["ready", "after", ""]
    assert b"(no progress: ValueError: no such job)" in terminal.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.fault("a signal while the terminal shows a view of the progress")
def test_the_terminal_is_whole_after_a_signal(shown, number):
    terminal = shown(end="signal = __import__('signal'); time.sleep(60)")
    terminal.wait(lambda output: b"ready" in output)
    os.kill(terminal.process.pid, number)
    terminal.ended()
    assert terminal.process.wait() != 0
    assert terminal.modes_are_kept()
    assert seen(terminal.output)[-1] == ""  # the prompt begins at the left


def test_nothing_is_started_without_a_terminal():
    code = (
        "from rankdet.jobs.screen import Screen\n"
        "try:\n    Screen(lambda width: ['view'], lambda line: False).start()\n"
        "except OSError:\n    print('no terminal')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "no terminal\n" and done.stderr == ""
