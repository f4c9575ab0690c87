"""A training that was killed and resumed equals the unbroken one, however many processes load."""

import random

import numpy as np
import pandas as pd
import pytest
import torch

from rankdet.study.cards import load_loss
from rankdet.training import recording, train
from rankdet.training.environment import set_up
from tests.training.tiny_runs import tiny_run
from tests.whole_runs import assert_same_weights

EPOCHS, LENGTH = 3, 2
TIMES = ("seconds", "data_seconds", "memory_mb")


class Killed(BaseException):
    """Stops a training as a kill does: nothing is written."""


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    """A detector with a random sampler, on images with random colours, sizes and crops."""
    schedule = {"batch_size": 2, "iterations": EPOCHS * LENGTH, "augmentation": "ssd"}
    schedule["checkpoint_every"] = LENGTH
    card = load_loss("ce").variant("")
    folder = tmp_path_factory.mktemp("data")
    return tiny_run(folder, schedule, detector="faster-rcnn", card=card)


def with_workers(spec, workers):
    return {**spec, "schedule": {**spec["schedule"], "workers": workers}}


def rows(folder):
    return pd.read_parquet(folder / "train.parquet").drop(columns=list(TIMES))


@pytest.fixture(scope="module")
def whole(spec, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    train(with_workers(spec, 0), folder)
    return folder


def stop_after(epochs, monkeypatch, spec, folder):
    """Trains, and kills the training in the epoch that follows."""
    begin = recording.RecordHook.before_train_iter

    def stopping(self, runner, *arguments, **named):
        if runner.iter == epochs * LENGTH + 1:
            raise Killed
        begin(self, runner, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(recording.RecordHook, "before_train_iter", stopping)
        with pytest.raises(Killed):
            train(spec, folder)
    assert (folder / f"work/epoch_{epochs}.pth").is_file()


@pytest.mark.fault("kill of a training in an epoch, with 0 and 2 processes that load images")
@pytest.mark.parametrize(
    ("before", "after"),
    [(0, 0), pytest.param(2, 2, marks=pytest.mark.slow), (2, 1)],
)
def test_a_resumed_training_equals_the_unbroken_one(
    spec, whole, monkeypatch, tmp_path, before, after
):
    stop_after(1, monkeypatch, with_workers(spec, before), tmp_path)
    train(with_workers(spec, after), tmp_path)
    pd.testing.assert_frame_equal(rows(tmp_path), rows(whole), check_exact=True)
    assert_same_weights(tmp_path, whole)


def test_each_epoch_draws_other_augmentations(spec, whole):
    """Processes that were seeded alike in each epoch would repeat them."""
    found = rows(whole)
    assert found["num_neg"].nunique() > EPOCHS


def draw():
    return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002


def test_draws_depend_on_the_numbers_and_leave_other_draws_alone():
    set_up({"threads": 1, "device": "cpu"})
    from rankdet.training.image_draws import drawn_from

    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    states = torch.get_rng_state(), random.getstate()
    found = []
    for numbers in ((1, 0, 3), (1, 0, 3), (2, 0, 3), (1, 1, 3), (1, 0, 4), (1, 3, 0)):
        with drawn_from(*numbers):
            found.append(draw())
    assert found[0] == found[1]
    for position in range(3):
        assert len({one[position] for one in found}) == 5
    assert torch.equal(torch.get_rng_state(), states[0]) and random.getstate() == states[1]
    assert np.random.rand() == np.random.RandomState(5).rand()  # noqa: NPY002
