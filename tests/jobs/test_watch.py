"""A job that crashes, leaves or never ends: the reason is true and names the line."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from rankdet.lifetime import WORKFLOW
from rankdet.repository import ROOT
from rankdet.results.failures import failure

SCRIPT = """
import os, sys
from pathlib import Path
from types import SimpleNamespace
from rankdet.jobs.context import job
from rankdet.jobs.watch import watched

run, loss, hours = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
snakemake = SimpleNamespace(
    log=[str(run / "logs/train.log")],
    threads=1,
    params=SimpleNamespace(spec={"loss_file": loss, "hours": hours}),
    wildcards=[],
)
watched(snakemake, "train", run)
with job(snakemake, "train", run):
    print("pid", os.getpid(), flush=True)
    exec(compile(Path(loss).read_text(), loss, "exec"))
"""


def start(folder, code, hours=1.0):
    loss = folder / "mine.py"
    loss.write_text(code)
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder / "run"), str(loss), str(hours)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(folder, process):
    """The exit code, the lines on the terminal, and the recorded reason."""
    _, lines = process.communicate(timeout=60)
    record = failure(folder / "run")
    return process.returncode, lines.splitlines(), record and record.reason


@pytest.mark.fault("crash in compiled code, `os._exit`, SIGKILL or an endless loop in a loss file")
@pytest.mark.parametrize(
    ("code", "hours", "words"),
    [
        ("import ctypes\n\nctypes.string_at(0)\n", 1, ("SIGSEGV", "mine.py:3")),
        ("import os\nos.abort()\n", 1, ("SIGABRT", "mine.py:2")),
        ("import os\nos._exit(0)\n", 1, ("mine.py:2 with exit code 0", "os._exit")),
        ("from os import _exit\n_exit(7)\n", 1, ("mine.py:2 with exit code 7",)),
        ("while True:\n    pass\n", 0.0005, ("0.0005 h", "`hours`", "mine.py:")),
        ("import time\ntime.sleep(99)\n", 0.0005, ("`hours`", "mine.py:2")),
        ("import os\nos.kill(os.getpid(), 9)\n", 1, ("SIGKILL", "memory")),
        ("1 / 0\n", 1, ("ZeroDivisionError",)),
        ("import sys\nsys.exit(3)\n", 1, ("exit code 3",)),
    ],
)
def test_the_reason_is_one_true_line(tmp_path, code, hours, words):
    status, lines, reason = outcome(tmp_path, start(tmp_path, code, hours))
    assert status == 1
    assert len(lines) == 1 and lines[0].startswith("error: train ")
    for word in words:
        assert word in lines[0] and word in reason


def test_a_job_that_works_has_no_reason(tmp_path):
    status, lines, reason = outcome(tmp_path, start(tmp_path, "pass\n"))
    assert (status, reason) == (0, None)
    assert len(lines) == 1 and lines[0].startswith("done: ")


SLOW_END = "import atexit, time\natexit.register(time.sleep, {})\n{}\n"


def test_a_job_that_has_ended_is_not_out_of_time_while_it_exits(tmp_path):
    """A busy machine unloads torch slowly: a job that was done became one that failed."""
    code = SLOW_END.format(3, "pass")
    status, lines, reason = outcome(tmp_path, start(tmp_path, code, hours=2.5 / 3600))
    assert (status, reason) == (0, None)
    assert len(lines) == 1 and lines[0].startswith("done: ")


def test_a_job_that_has_failed_keeps_its_reason_while_it_exits(tmp_path):
    code = SLOW_END.format(3, "1 / 0")
    status, lines, reason = outcome(tmp_path, start(tmp_path, code, hours=2.5 / 3600))
    assert status == 1 and "ZeroDivisionError" in reason
    assert len(lines) == 1 and "ZeroDivisionError" in lines[0]


def test_a_crash_after_the_end_loses_no_work(tmp_path):
    code = "import atexit, os\natexit.register(os.abort)\n"
    status, lines, reason = outcome(tmp_path, start(tmp_path, code))
    assert (status, reason) == (0, None)
    assert len(lines) == 1 and lines[0].startswith("done: ")


def test_a_process_that_a_loss_forks_does_not_end_the_job(tmp_path):
    code = "import os, sys\nif os.fork() == 0:\n    sys.exit(0)\nos.wait()\nos._exit(0)\n"
    status, _, reason = outcome(tmp_path, start(tmp_path, code))
    assert status == 1 and "mine.py:5" in reason and "os._exit" in reason


def test_a_request_to_end_reaches_the_job(tmp_path):
    process = start(tmp_path, "import time\ntime.sleep(60)\n")
    log = tmp_path / "run/logs/train.log"
    wait_for(lambda: log.exists() and "pid" in log.read_text())
    process.send_signal(signal.SIGTERM)
    status, _, reason = outcome(tmp_path, process)
    assert status == 1 and "SIGTERM" in reason


@pytest.mark.fault("SIGKILL of the process that watches a training")
def test_the_job_ends_when_its_watcher_is_killed(tmp_path):
    process = start(tmp_path, "import time\ntime.sleep(60)\n")
    log = tmp_path / "run/logs/train.log"
    wait_for(lambda: log.exists() and "pid" in log.read_text())
    child = int(log.read_text().split()[1])
    assert child != process.pid
    process.kill()
    process.communicate(timeout=60)
    wait_for(lambda: not runs(child))
    assert not runs(child)


def test_a_job_ends_when_the_workflow_of_its_watcher_is_killed(tmp_path, monkeypatch):
    workflow = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    monkeypatch.setenv(WORKFLOW, f"{socket.gethostname()}:{workflow.pid}")
    process = start(tmp_path, "import time\ntime.sleep(60)\n")
    log = tmp_path / "run/logs/train.log"
    wait_for(lambda: log.exists() and "pid" in log.read_text())
    child = int(log.read_text().split()[1])
    workflow.kill()
    workflow.wait()
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"process {workflow.pid}, which started this job, is gone" in told
    wait_for(lambda: not runs(child))
    assert not runs(child)


def wait_for(condition):
    end = time.monotonic() + 30
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)


def runs(process):
    try:
        with open(f"/proc/{process}/stat") as file:  # noqa: PTH123
            return file.read().split()[2] != "Z"
    except FileNotFoundError:
        return False
