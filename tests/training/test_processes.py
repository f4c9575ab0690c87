"""Trainings in two processes on a CPU: one record, exact resume, failures."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from rankdet.errors import InputError
from rankdet.repository import ROOT
from rankdet.training import train
from tests.training.two_processes import two_processes
from tests.whole_runs import assert_same_weights

PATIENCE = 500  # seconds; a loaded machine starts Python slowly
# A script of Snakemake's has no guard against being run again by each process.
TRAIN = """
import json, sys
from rankdet.training import train
train(json.load(open(sys.argv[1])), sys.argv[2])
"""
# A loss that does something to the second process in its third iteration.
FAULTY = """
import torch
from torch import distributed
from rankdet.errors import InputError
from rankdet.losses import ALRPLoss

class Faulty(ALRPLoss):
    calls = 0

    def terms(self, problem):
        Faulty.calls += 1
        losses = super().terms(problem)
        if distributed.get_rank() == 1 and Faulty.calls == 3:
            {0}
        return losses
"""


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    return two_processes(tmp_path_factory.mktemp("data"))


def call(spec_path, folder):
    script = spec_path.with_suffix(".py")
    script.write_text(TRAIN)
    return subprocess.Popen(
        [sys.executable, str(script), str(spec_path), str(folder)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def children(process):
    """The trainings that a launcher has started, in the order of their ranks."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == process.pid and b"spawn_main" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return sorted(found)


def when_rows(process, folder, count):
    """Waits until the record has as many rows."""
    rows = folder / "work" / "train.jsonl"
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if rows.is_file() and len(rows.read_text().splitlines()) >= count:
            return
        time.sleep(0.02)
    pytest.fail(f"no {count} rows: {process.communicate(timeout=60)[0][-3000:]}")


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def assert_all_end(pids):
    deadline = time.monotonic() + 60
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline, "a process goes on after the launcher has ended"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def runs(spec, tmp_path_factory):
    """A run in two processes left alone, and the same run one process of which was killed."""
    folder = tmp_path_factory.mktemp("runs")
    path = folder / "spec.json"
    path.write_text(json.dumps(spec))
    killed = call(path, folder / "killed")
    when_rows(killed, folder / "killed", 5)
    ranks = children(killed)
    os.kill(ranks[1], signal.SIGKILL)
    output, _ = killed.communicate(timeout=PATIENCE)
    assert killed.returncode == 1
    assert_all_end(ranks)
    assert not (folder / "killed" / "run.json").exists()
    train(spec, folder / "killed")
    train(spec, folder / "whole")
    return folder, output


def test_two_processes_make_one_record(runs):
    folder, _ = runs
    assert sorted(p.name for p in (folder / "whole").iterdir()) == [
        "epoch-50-of-100",
        "last",
        "model.pth",
        "run.json",
        "train.parquet",
    ]
    training = json.loads((folder / "whole" / "run.json").read_text())["training"]
    assert (training["iterations"], training["gpus"], training["images_per_gpu"]) == (16, 2, 2)
    rows = pd.read_parquet(folder / "whole" / "train.parquet")
    assert rows["iteration"].tolist() == list(range(1, 17))
    assert rows["epoch"].tolist() == [1 + i // 2 for i in range(16)]
    ratio = rows["grad_neg"] / rows["grad_pos"]
    assert ratio.between(0.999, 1.001).all()  # Theorem 2
    assert (rows["balance_weight"].iloc[:3] == 50).all()
    assert (rows["balance_weight"].iloc[3:] != 50).all()


def test_a_run_of_which_one_process_was_killed_resumes_to_the_same_weights(runs):
    folder, output = runs
    assert "process 2 of 2 failed: ended by SIGKILL" in output
    record = json.loads((folder / "killed" / "run.json").read_text())
    assert record["training"]["resumed_from"][0] in (4, 6, 8)
    assert_same_weights(folder / "whole", folder / "killed")
    kept = [folder / name / "epoch-50-of-100" for name in ("whole", "killed")]
    assert_same_weights(*kept)
    places = [json.loads((one / "run.json").read_text())["at_epoch"] for one in kept]
    assert places[0] == places[1] and places[0]["iteration"] == 8
    numbers = ["iteration", "lr", "loss", "balance_weight", "num_pos", "grad_pos"]
    whole, killed = (
        pd.read_parquet(folder / name / "train.parquet")[numbers] for name in ("whole", "killed")
    )
    pd.testing.assert_frame_equal(whole, killed, check_exact=True)


def test_sigterm_ends_every_process_with_one_line(spec, tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps({**spec, "schedule": {**spec["schedule"], "iterations": 1000}}))
    process = call(path, tmp_path / "run")
    when_rows(process, tmp_path / "run", 1)
    ranks = children(process)
    assert len(ranks) == 2
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM
    assert_all_end(ranks)


def faulty(spec, folder, statement):
    path = folder / "faulty.py"
    path.write_text(FAULTY.format(statement))
    card = {**spec["card"], "classification": {"type": "Faulty"}}
    return {**spec, "card": card, "loss_file": str(path)}


def test_bad_input_in_one_process_is_one_line(spec, tmp_path):
    with pytest.raises(InputError, match=r"^found by the second$"):
        train(faulty(spec, tmp_path, 'raise InputError("found by the second")'), tmp_path / "run")


def test_an_error_in_a_loss_file_has_its_place(spec, tmp_path):
    with pytest.raises(InputError, match=r"faulty\.py:\d+: KeyError: 'a'$"):
        train(faulty(spec, tmp_path, 'raise KeyError("a")'), tmp_path / "run")


def test_a_loss_that_is_not_finite_in_one_process_ends_the_run_as_diverged(spec, tmp_path):
    statement = "losses = {k: v * float('nan') for k, v in losses.items()}"
    train(faulty(spec, tmp_path, statement), tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["status"] == "diverged"
    assert record["reason"].startswith("loss is nan at iteration 3")
    assert record["training"]["iterations"] == 3
