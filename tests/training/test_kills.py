"""Trainings that are killed at random times lose nothing, and end with the right numbers."""

import json
import multiprocessing
import random
import signal
import time

import pandas as pd
import pytest

from rankdet.training import train
from tests.training.tiny_runs import tiny_run
from tests.whole_runs import assert_same_weights

KILLS, EPOCHS, LENGTH = 20, 10, 2
TIMES = ["seconds", "data_seconds", "memory_mb"]


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    schedule = {"batch_size": 2, "iterations": EPOCHS * LENGTH, "workers": 1}
    schedule["checkpoint_every"] = LENGTH
    return tiny_run(tmp_path_factory.mktemp("data"), schedule)


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
