"""Only one process writes the `work/` folder of a run."""

import json
import os
import socket
import subprocess
import sys

import pytest

from rankdet.errors import InputError
from rankdet.repository import ROOT
from rankdet.training.lock import WriterLock

HOLD = """
import sys
from pathlib import Path
from rankdet.training.lock import WriterLock
lock = WriterLock(Path(sys.argv[1]))
lock.acquire(print)
print("locked", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "locked\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.fault("second writer of a run")
def test_a_second_writer_ends_with_a_line_that_names_the_first(holder, tmp_path):
    said = []
    with pytest.raises(InputError) as error:
        WriterLock(tmp_path / "lock").acquire(said.append, patience=0.5)
    first = f"process {holder.pid} on {socket.gethostname()}"
    assert f"{first} is writing it" in str(error.value) and "\n" not in str(error.value)
    assert said == [f"waits for {first}, which writes {tmp_path}"]


@pytest.mark.fault("kill of the process that holds the lock of a run")
def test_a_second_writer_goes_on_when_the_first_was_killed(holder, tmp_path):
    lock = WriterLock(tmp_path / "lock")
    holder.kill()
    lock.acquire(print, patience=20)
    assert json.loads((tmp_path / "lock").read_text())["process"] == os.getpid()


def test_a_waiting_writer_is_not_fooled_by_a_lock_that_was_removed(holder, tmp_path):
    """The first one removes `work/` with the lock in it; a third then locks a new file."""

    def remove(_):
        (tmp_path / "lock").unlink()

    lock = WriterLock(tmp_path / "lock")
    lock.acquire(remove, patience=20)
    note = json.loads((tmp_path / "lock").read_text())
    assert note == {"host": socket.gethostname(), "process": os.getpid()}
