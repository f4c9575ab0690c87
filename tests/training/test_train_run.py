"""A run is trained, killed, resumed and predicted from, on a handful of built-in images."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from rankdet.datasets import prepare
from rankdet.machine import processor_name
from rankdet.repository import ROOT
from rankdet.results.course import last_epoch
from rankdet.training import train
from rankdet.training.checkpoints import Workspace
from rankdet.training.environment import set_up
from rankdet.training.record import verdict
from rankdet.training.runner import build_runner
from tests.training.alrp_spec import alrp_spec
from tests.whole_runs import assert_same_weights

RUN = (
    "import json, sys; from rankdet.training import {0}; "
    "{0}(json.load(open(sys.argv[1])), *sys.argv[2:])"
)


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    config = {"kind": "shapes", "title": "t", "seed": 1, "train_images": 8, "val_images": 4}
    prepare("shapes", {**config, "image_size": 64}, folder)
    schedule = {
        "image_size": 64,
        "batch_size": 4,
        "iterations": 24,
        "lr": 0.001,
        "warmup": 4,
        "lr_steps": [0.8],
        "checkpoint_every": 4,
    }
    test = {"score_threshold": 0.0, "nms_iou": 0.5}
    balance = {"type": "self-epoch", "initial": 50}
    return alrp_spec(folder, balance=balance, schedule=schedule, test=test)


def call(function, spec_path, *arguments):
    return started(RUN.format(function), spec_path, *arguments)


def started(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process):
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output[-3000:]
    return output


@pytest.fixture(scope="module")
def runs(spec, tmp_path_factory):
    """One run left alone, and the same run killed with SIGKILL after its second checkpoint."""
    folder = tmp_path_factory.mktemp("runs")
    spec_path = folder / "spec.json"
    spec_path.write_text(json.dumps(spec))
    whole = call("train", spec_path, folder / "whole")
    killed = call("train", spec_path, folder / "killed")
    rows = folder / "killed" / "work" / "train.jsonl"
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and killed.poll() is None:
        if rows.is_file() and len(rows.read_text().splitlines()) >= 9:
            break
        time.sleep(0.01)
    if killed.poll() is not None:
        pytest.fail(f"the run ended before it could be killed: {killed.communicate()[0][-3000:]}")
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not (folder / "killed" / "run.json").exists()
    finish(whole)
    finish(call("train", spec_path, folder / "killed"))
    return folder, spec_path


def test_resumed_run_equals_the_unbroken_one(runs):
    folder, _ = runs
    assert_same_weights(folder / "whole", folder / "killed")


@pytest.fixture(scope="module")
def detected(runs):
    """The run left alone, with the detections of another process."""
    folder, spec_path = runs
    finish(call("predict", spec_path, folder / "whole", "val", folder / "whole"))
    return folder / "whole"


@pytest.mark.parametrize("threads", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_same_training_twice_is_equal_to_the_last_digit(detected, spec, tmp_path, threads):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps({**spec, "threads": threads}))
    known = [detected] if threads == spec["threads"] else []
    folders = [*known, tmp_path / "first", tmp_path / "second"][:2]
    code = (
        "import json, sys; from rankdet.training import predict, train; "
        "spec = json.load(open(sys.argv[1])); out = sys.argv[2]; "
        "train(spec, out); predict(spec, out, 'val', out)"
    )
    for folder in folders[len(known) :]:  # each in a process of its own
        finish(started(code, path, folder))
    first, second = folders
    assert_same_weights(first, second)
    timed = ["seconds", "data_seconds", "memory_mb"]
    rows = [
        pd.read_parquet(place / "train.parquet").drop(columns=timed) for place in (first, second)
    ]
    assert len(rows[0]) == 24 and {"loss", "grad_neg", "balance_weight"} <= set(rows[0])
    pd.testing.assert_frame_equal(*rows, check_exact=True)
    assert (first / "detections.json").read_bytes() == (second / "detections.json").read_bytes()
    record = json.loads((first / "run.json").read_text())
    hardware = record["provenance"]["hardware"]
    assert hardware["threads"] == threads
    assert hardware["cpu"] == processor_name()
    assert hardware["instruction_set"] == torch.backends.cpu.get_cpu_capability()


def test_record_says_where_it_was_resumed(runs):
    folder, _ = runs
    record = json.loads((folder / "killed" / "run.json").read_text())
    assert record["status"] == "trained"
    assert record["training"]["iterations"] == 24
    assert len(record["training"]["resumed_from"]) == 1
    assert 4 <= record["training"]["resumed_from"][0] < 24
    assert json.loads((folder / "whole" / "run.json").read_text())["training"]["resumed_from"] == []
    assert not (folder / "killed" / "work").exists()


def test_a_run_that_stops_on_the_way_is_the_whole_one_up_to_there(runs, spec):
    folder, _ = runs
    train({**spec, "schedule": {**spec["schedule"], "stop_after": 0.5}}, folder / "part")
    numbers = ["iteration", "epoch", "lr", "loss", "loss_cls", "balance_weight", "grad_pos"]
    whole, part = (
        pd.read_parquet(folder / name / "train.parquet")[numbers] for name in ("whole", "part")
    )
    assert len(part) == len(whole) / 2 == 12
    pd.testing.assert_frame_equal(part, whole.iloc[:12], check_exact=True)


@pytest.mark.parametrize(
    ("part", "epochs", "last"),
    [(None, 12, 12), (1 / 3, 12, 4), (0.5, 9, 5), (0.01, 9, 1), (1 / 100, 100, 1), (1.0, 7, 7)],
)
def test_the_last_epoch(part, epochs, last):
    assert last_epoch({} if part is None else {"stop_after": part}, epochs) == last


def test_rows_are_complete_and_balanced(runs):
    folder, _ = runs
    rows = pd.read_parquet(folder / "killed" / "train.parquet")
    assert rows["iteration"].tolist() == list(range(1, 25))
    ratio = rows["grad_neg"] / rows["grad_pos"]
    assert ratio.between(0.999, 1.001).all()  # Theorem 2
    # Two iterations are an epoch, and the warm-up is two epochs long.
    assert (rows["balance_weight"].iloc[:4] == 50).all()
    assert (rows["balance_weight"].iloc[4:] != 50).all()


def test_predict_writes_coco_results(detected, spec):
    detections = json.loads((detected / "detections.json").read_text())
    manifest = json.loads(Path(spec["manifest"]).read_text())
    images = json.loads(Path(manifest["splits"]["val"]["annotations"]).read_text())["images"]
    assert {d["image_id"] for d in detections} <= {image["id"] for image in images}
    assert {d["category_id"] for d in detections} <= {c["id"] for c in manifest["classes"]}
    assert all(len(d["bbox"]) == 4 and 0 <= d["score"] <= 1 for d in detections)
    speed = json.loads((detected / "speed.json").read_text())
    assert speed["device"] == "cpu"
    assert speed["images_per_second"] > 0


def test_work_of_other_code_is_wiped(spec, tmp_path):
    space = Workspace(tmp_path, spec)
    (space.path / "epoch_1.pth").write_bytes(b"old")
    space.state["resumed_from"].append(4)
    space.save_state()
    assert Workspace(tmp_path, spec).state["resumed_from"] == [4]
    changed = {**spec, "hashes": {**spec["hashes"], "loss": "edited"}}
    assert Workspace(tmp_path, changed).state["resumed_from"] == []
    assert not (space.path / "epoch_1.pth").exists()


def test_torn_state_is_wiped_not_trusted(spec, tmp_path):
    space = Workspace(tmp_path, spec)
    (space.path / "state.json").write_text('{"finger')
    (space.path / "train.jsonl").write_text('{"iteration": 1}\n{"itera')
    again = Workspace(tmp_path, spec)
    assert again.rows_until(10) == []


def test_torn_last_row_is_dropped(spec, tmp_path):
    space = Workspace(tmp_path, spec)
    space.rows_path.write_text('{"iteration": 1}\n{"iteration": 2}\n{"itera')
    assert [row["iteration"] for row in space.rows_until(10)] == [1, 2]
    assert [row["iteration"] for row in space.rows_until(1)] == [1]


def test_collapse_is_told_from_learning():
    card = {"collapse_above": 0.95}
    sunk = [{"loss_cls": 0.99}] * 40
    status, reason = verdict(sunk, card)
    assert status == "collapsed"
    assert "0.990" in reason
    assert verdict(sunk, {}) == ("trained", None)
    assert verdict(sunk[:36] + [{"loss_cls": 0.4}] * 4, card) == ("trained", None)


def test_runs_of_one_process_do_not_share_a_writer(spec, tmp_path, monkeypatch):
    """Two runs in one second: mmengine would log into the first run's removed folder."""
    device = set_up(spec)
    now = time.time()
    monkeypatch.setattr("mmengine.runner.runner.time.time", lambda: now)
    first, second = (build_runner(spec, tmp_path / name, device) for name in ("a", "b"))
    assert first.experiment_name != second.experiment_name
    assert first.visualizer is not second.visualizer
