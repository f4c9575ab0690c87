"""Trainings in two processes on a CPU: one record, exact resume, equal to one process, failures."""

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
import torch

from rankdet.datasets import prepare
from rankdet.errors import InputError
from rankdet.repository import ROOT
from rankdet.study.detectors import load_detector
from rankdet.training import train
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
    folder = tmp_path_factory.mktemp("data")
    config = {"kind": "shapes", "title": "t", "seed": 1, "train_images": 8, "val_images": 4}
    prepare("shapes", {**config, "image_size": 64, "empty_fraction": 0.0}, folder)
    detector = load_detector("retinanet", "small")
    return {
        "study": "test",
        "dataset": "shapes",
        "detector": "retinanet",
        "loss": "alrp",
        "variant": "",
        "seed": 1,
        "preset": "small",
        "manifest": str(folder / "dataset.json"),
        "detector_spec": detector,
        "card": {
            "name": "alrp",
            "classification": {"type": "ALRPLoss"},
            "box": {"type": "giou"},
            # Each process has its own weight, which only a checkpoint of all processes keeps.
            "balance": {
                "type": "self-epoch",
                "initial": 50,
                "period": 3,
                "synchronise": False,
            },
        },
        "loss_file": None,
        "schedule": {
            "image_size": 64,
            "batch_size": 4,
            "gpus": 2,
            "images_per_gpu": 2,
            "iterations": 16,
            "lr": 0.001,
            "warmup": 2,
            "lr_steps": [0.8],
            "checkpoint_every": 2,
        },
        "splits": ["val"],
        "test": {"score_threshold": 0.0, "nms_iou": 0.5},
        "hashes": {"config": "c", "code": "k", "loss": "l", "data": "d"},
        "threads": 2,
        "device": "cpu",
        "keep_epochs": ["50-of-100"],
    }


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


def one_iteration(spec, folder, **schedule):
    """Trains two iterations without chance and without statistics of norms; returns the weights."""
    detector = {**spec["detector_spec"]}
    detector["small"] = {**detector["small"]}
    detector["small"]["backbone"] = {**detector["small"]["backbone"], "norm_eval": True}
    balance = {"type": "constant", "weight": 1.0}
    own = {"image_size": 64, "iterations": 2, "flip": False, "lr": 0.01, **schedule}
    train(
        {
            **spec,
            "threads": schedule.get("gpus", 1),  # one for each process
            "detector_spec": detector,
            "card": {**spec["card"], "balance": balance},
            "schedule": own,
        },
        folder,
    )
    rows = pd.read_parquet(folder / "train.parquet")
    return torch.load(folder / "model.pth")["state_dict"], rows


def assert_equal_runs(one, other, atol=1e-6):
    (weights, rows), (others, other_rows) = one, other
    for name, value in weights.items():
        torch.testing.assert_close(others[name], value, rtol=0, atol=atol, msg=name)
    columns = ["iteration", "epoch", "lr", "loss", "num_pos", "num_neg", "grad_pos", "grad_neg"]
    pd.testing.assert_frame_equal(rows[columns], other_rows[columns], rtol=1e-4, check_dtype=False)


@pytest.fixture(scope="module")
def two_of_one(spec, tmp_path_factory):
    """Two processes of one image each."""
    sizes = {"batch_size": 2, "gpus": 2, "images_per_gpu": 1, "warmup": 2}
    return one_iteration(spec, tmp_path_factory.mktemp("two") / "run", **sizes)


def test_accumulation_equals_two_processes(spec, two_of_one, tmp_path):
    sizes = {"batch_size": 2, "images_per_gpu": 1, "accumulate": 2, "warmup": 2}
    assert_equal_runs(two_of_one, one_iteration(spec, tmp_path / "run", **sizes))


def test_groups_of_images_equal_two_processes(spec, two_of_one, tmp_path):
    sizes = {"batch_size": 2, "rank_scope": "groups of 1", "warmup": 2}
    assert_equal_runs(two_of_one, one_iteration(spec, tmp_path / "run", **sizes))


def test_ranked_within_images_two_processes_of_two_equal_one_of_four(spec, tmp_path):
    own = {"batch_size": 4, "rank_scope": "image"}
    two = one_iteration(spec, tmp_path / "two", gpus=2, images_per_gpu=2, **own)
    assert_equal_runs(two, one_iteration(spec, tmp_path / "one", **own))
