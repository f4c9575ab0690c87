"""Trainings that are killed at random times lose nothing, and end with the right numbers."""

import json
import multiprocessing
import random
import signal
import time

import pandas as pd
import pytest

from rankdet.datasets import prepare
from rankdet.study.detectors import load_detector
from rankdet.training import train
from tests.whole_runs import assert_same_weights

KILLS, EPOCHS, LENGTH = 20, 10, 2
TIMES = ["seconds", "data_seconds", "memory_mb"]


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    config = {"kind": "shapes", "title": "t", "seed": 1, "train_images": 4, "val_images": 1}
    prepare("shapes", {**config, "image_size": 64, "empty_fraction": 0}, folder)
    schedule = {"image_size": 64, "batch_size": 2, "iterations": EPOCHS * LENGTH, "lr": 0.001}
    return {
        "study": "test",
        "dataset": "shapes",
        "detector": "retinanet",
        "loss": "ap",
        "variant": "",
        "seed": 1,
        "preset": "small",
        "manifest": str(folder / "dataset.json"),
        "detector_spec": load_detector("retinanet", "small"),
        "card": {"name": "ap", "classification": {"type": "APLoss"}, "box": {"type": "giou"}},
        "loss_file": None,
        "schedule": {**schedule, "workers": 1, "checkpoint_every": LENGTH},
        "splits": ["val"],
        "test": {"score_threshold": 0.0, "nms_iou": 0.5},
        "hashes": {"config": "c", "code": "k", "loss": "l", "data": "d"},
        "threads": 1,
        "device": "cpu",
    }


def begun(spec, folder):
    """Trains in a process that has imported everything already."""
    child = multiprocessing.get_context("fork").Process(target=train, args=(spec, folder))
    child.start()
    return child


def wait_for_rows(folder, child, count):
    """Returns when a training has written some rows more, or has ended."""
    path = folder / "work/train.jsonl"

    def rows():
        return path.read_bytes().count(b"\n") if path.is_file() else 0

    wanted = rows() + count
    while rows() < wanted and child.is_alive():
        time.sleep(0.01)


def whole_epochs(folder):
    return max((int(path.stem[6:]) for path in folder.glob("work/epoch_*.json")), default=0)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.fault("SIGKILL of a training at a random time", tries=KILLS)
def test_killed_trainings_lose_nothing(spec, tmp_path):
    draw = random.Random(13)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(spec, whole)
    done = ended = most = 0
    for number in range(KILLS):
        folder = killed / str(ended)
        child = begun(spec, folder)
        wait_for_rows(folder, child, draw.randrange(2 * LENGTH))
        time.sleep(draw.uniform(0, 0.5))
        child.kill()
        child.join()
        if child.exitcode != -signal.SIGKILL:  # it was done before
            assert child.exitcode == 0, number
            ended, done = ended + 1, 0
            continue
        if (folder / "work").is_dir():
            kept = whole_epochs(folder)
            assert kept >= done  # no checkpoint is lost
            done, most = kept, max(most, kept)
    assert most > 1  # kills came after checkpoints, too
    for folder in (killed / str(number) for number in range(ended + 1)):
        if not (folder / "run.json").exists():
            train(spec, folder)
        record = json.loads((folder / "run.json").read_text())
        assert record["status"] == "trained"
        rows = pd.read_parquet(folder / "train.parquet").drop(columns=TIMES)
        expected = pd.read_parquet(whole / "train.parquet").drop(columns=TIMES)
        pd.testing.assert_frame_equal(rows, expected, check_exact=True)
        assert_same_weights(folder, whole)
        assert not (folder / "work").exists()
