"""One job trains a run, also if SLURM starts it again while the first one lives."""

import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from rankdet.errors import InputError
from rankdet.jobs.claim import CLAIM, Claim, Times
from rankdet.repository import ROOT

QUICK = Times(beat=0.1, silence=1.5, patience=0.6, grace=0.2, pause=0.05)
HOLD = """
import sys, time
from pathlib import Path
import socket
host = sys.argv[2]
socket.gethostname = lambda: host
from rankdet.jobs.claim import Claim, Times
Claim(Path(sys.argv[1]), print, Times(beat=0.1, silence=1.5, pause=0.05)).acquire()
print("claimed", flush=True)
time.sleep(float(sys.argv[3]))
"""


def holder(run, host, job="", workflow="", seconds=60):
    """A process that trains a run on a host of that name."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run), host, str(seconds)],
        cwd=ROOT,
        env={**os.environ, "SLURM_JOB_ID": job, "RANKDET_SESSION": workflow},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "claimed\n"
    return process


@pytest.fixture
def node(tmp_path):
    """Starts holders and ends them."""
    started = []

    def start(*arguments, **options):
        started.append(holder(tmp_path, *arguments, **options))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def claim(tmp_path, monkeypatch, job="", workflow="", said=None, end=None):
    monkeypatch.setenv("SLURM_JOB_ID", job)
    monkeypatch.setenv("RANKDET_SESSION", workflow)
    say = [].append if said is None else said.append
    return Claim(tmp_path, say, QUICK, end or (lambda: None))


@pytest.mark.fault("SLURM starts a training again while the first process lives")
@pytest.mark.parametrize(("first", "second"), [(("7", "a"), ("7", "a")), (("7", "a"), ("8", "a"))])
def test_the_earlier_process_ends_when_slurm_has_started_the_run_again(
    first, second, node, tmp_path, monkeypatch
):
    zombie = node("n1", *first)
    said = []
    later = claim(tmp_path, monkeypatch, *second, said=said)
    later.acquire()
    assert zombie.wait(timeout=15) != 0
    assert json.loads((tmp_path / CLAIM).read_text())["process"] == os.getpid()
    assert f"asks process {zombie.pid} on n1 (SLURM job 7) to end" in "\n".join(said)
    later.release()
    assert not (tmp_path / CLAIM).exists()


def test_a_job_of_another_workflow_is_not_ended_but_named(node, tmp_path, monkeypatch):
    other = node("n1", "7", "a")
    with pytest.raises(InputError, match=rf"{other.pid} on n1 \(SLURM job 7\).*scancel 7"):
        claim(tmp_path, monkeypatch, "9", "b").acquire()
    assert other.poll() is None


def test_a_dead_host_is_noticed_by_its_silence_not_by_its_clock(node, tmp_path, monkeypatch):
    dead = node("n1", "7", "a")
    dead.kill()
    dead.wait()
    future = time.time() + 1e6
    os.utime(tmp_path / CLAIM, (future, future))
    began = time.monotonic()
    mine = claim(tmp_path, monkeypatch, "9", "b")
    mine.acquire()
    assert QUICK.silence <= time.monotonic() - began < 10
    mine.release()


def test_a_process_that_was_frozen_ends_when_it_finds_the_claim_taken(tmp_path, monkeypatch):
    ended = threading.Event()
    frozen = claim(tmp_path, monkeypatch, "7", "a", end=ended.set)
    frozen.acquire()
    note = json.loads((tmp_path / CLAIM).read_text())
    (tmp_path / CLAIM).write_text(json.dumps({**note, "host": "n2", "since": 1}))
    assert ended.wait(5)
    frozen.release()
    assert json.loads((tmp_path / CLAIM).read_text())["host"] == "n2"  # not removed by the loser


def test_a_killed_process_of_this_host_needs_no_wait(tmp_path, monkeypatch):
    dead = holder(tmp_path, socket.gethostname(), "7", "a")
    dead.kill()
    dead.communicate()
    began = time.monotonic()
    claim(tmp_path, monkeypatch, "9", "b").acquire()
    assert time.monotonic() - began < QUICK.silence


def test_a_claim_that_was_cut_is_taken(tmp_path, monkeypatch):
    (tmp_path / CLAIM).parent.mkdir()
    (tmp_path / CLAIM).write_text('{"host": "n')
    mine = claim(tmp_path, monkeypatch, "9", "b")
    mine.acquire()
    last = time.monotonic() + 5
    while json.loads((tmp_path / CLAIM).read_text())["beat"] < 3:
        assert time.monotonic() < last, "no heartbeat"
        time.sleep(0.05)
    mine.release()
