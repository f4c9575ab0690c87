"""A training keeps the weights of epochs on its way, also when it is killed and resumed."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from rankdet.training import recording, train
from rankdet.training.checkpoint_store import SaveHook
from tests.training.tiny_runs import tiny_run
from tests.whole_runs import assert_same_weights, evaluated

EPOCHS, LENGTH = 4, 2  # of two iterations each


class Killed(BaseException):
    """Stops a training as a kill does: nothing is written."""


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    schedule = {"batch_size": 4, "iterations": EPOCHS * LENGTH - 1, "lr_steps": [0.6]}
    schedule["checkpoint_every"] = LENGTH
    kept = ["50-of-100", "3-of-4"]
    return tiny_run(tmp_path_factory.mktemp("data"), schedule, images=(8, 2), keep_epochs=kept)


@pytest.fixture(scope="module")
def whole(spec, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    train(spec, folder)
    return folder


@pytest.fixture
def killed(spec, monkeypatch):
    """Returns a function that trains into a folder until an iteration begins."""
    begin = recording.RecordHook.before_train_iter

    def until(folder: Path, iteration: int, **changes):
        def stopping(self, runner, *arguments, **named):
            if runner.iter + 1 == iteration:
                raise Killed
            begin(self, runner, *arguments, **named)

        with monkeypatch.context() as patch:
            patch.setattr(recording.RecordHook, "before_train_iter", stopping)
            with pytest.raises(Killed):
                train({**spec, **changes}, folder)
        return folder

    return until


def record(folder):
    return json.loads((folder / "run.json").read_text())


def test_records_say_which_epoch_it_is(whole, spec):
    early, late = whole / "epoch-50-of-100", whole / "epoch-3-of-4"
    place = {"epoch": 50, "of": 100, "own_epoch": 2, "own_epochs": 4, "iteration": 4}
    assert record(early)["at_epoch"] == place
    assert record(late)["at_epoch"] == {
        **place,
        "epoch": 3,
        "of": 4,
        "own_epoch": 3,
        "iteration": 6,
    }
    assert (record(early)["training"]["iterations"], record(early)["training"]["epochs"]) == (4, 2)
    assert record(whole)["training"]["kept_epochs"] == {"50-of-100": 4, "3-of-4": 6}
    assert "at_epoch" not in record(whole) and not (whole / "work").exists()
    assert torch.load(early / "model.pth")["meta"]["iteration"] == 4
    metrics = evaluated({**spec, "splits": ["val"]}, early)
    assert (metrics["at_epoch"], metrics["training"]["iterations"]) == (place, 4)
    assert metrics["status"] == "trained"


def test_the_weights_are_those_of_that_iteration(whole, spec, tmp_path):
    """The learning rate is that of the whole schedule, as it is with `stop_after`."""
    part = {**spec, "schedule": {**spec["schedule"], "stop_after": 0.5}, "keep_epochs": []}
    train(part, tmp_path / "part")
    assert_same_weights(tmp_path / "part", whole / "epoch-50-of-100")
    with pytest.raises(AssertionError):
        assert_same_weights(whole, whole / "epoch-3-of-4")
    shorter = {**spec, "schedule": {**spec["schedule"], "iterations": 4}, "keep_epochs": []}
    train(shorter, tmp_path / "short")
    with pytest.raises(AssertionError):  # another schedule: its rate falls at iteration 2
        assert_same_weights(tmp_path / "short", whole / "epoch-50-of-100")
    rates = pd.read_parquet(whole / "train.parquet")["lr"]
    assert rates.iloc[3] == 0.001 and rates.iloc[-1] == pytest.approx(0.0001)


@pytest.mark.parametrize("iteration", [4, 6])  # before the end of epoch 2, and after it
def test_a_killed_training_keeps_the_epoch_or_makes_it(whole, spec, killed, tmp_path, iteration):
    folder = killed(tmp_path / "run", iteration)
    assert (folder / "work/epochs/50-of-100.pth").exists() == (iteration == 6)
    assert not (folder / "epoch-50-of-100").exists()
    train(spec, folder)
    for part in ("", "epoch-50-of-100", "epoch-3-of-4"):
        assert_same_weights(folder / part, whole / part)
    assert record(folder)["training"]["resumed_from"] == [iteration - 2]
    early = [2] if iteration == 4 else [4]
    assert record(folder / "epoch-50-of-100")["training"]["resumed_from"] == early


def test_an_epoch_is_kept_before_the_checkpoint_to_resume_from(spec, monkeypatch, tmp_path):
    """Else a run that is killed between the two would resume after an epoch that it lacks."""
    save = SaveHook.after_train_epoch

    def stopping(self, runner):
        if runner.epoch + 1 == 2:
            raise Killed
        save(self, runner)

    monkeypatch.setattr(SaveHook, "after_train_epoch", stopping)
    with pytest.raises(Killed):
        train(spec, tmp_path)
    assert (tmp_path / "work/epochs/50-of-100.pth").exists()
    assert [path.name for path in (tmp_path / "work").glob("*.pth")] == ["epoch_1.pth"]


def test_an_epoch_that_is_wished_after_it_passed_starts_the_training_again(
    whole, spec, killed, tmp_path, capfd
):
    folder = killed(tmp_path / "run", 6, keep_epochs=["3-of-4"])
    train(spec, folder)
    told = "epoch 50 of 100 was not kept when the training passed it: it starts again"
    assert told in capfd.readouterr().err
    assert record(folder)["training"]["resumed_from"] == []
    assert_same_weights(folder / "epoch-50-of-100", whole / "epoch-50-of-100")
    assert pd.read_parquet(folder / "train.parquet")["iteration"].tolist() == [*range(1, 9)]


def test_an_epoch_that_is_wished_before_it_passes_changes_nothing(whole, spec, killed, tmp_path):
    folder = killed(tmp_path / "run", 4, keep_epochs=[])
    train(spec, folder)
    assert record(folder)["training"]["resumed_from"] == [2]
    assert_same_weights(folder / "epoch-50-of-100", whole / "epoch-50-of-100")


def test_a_training_that_diverges_after_an_epoch(whole, spec, monkeypatch, tmp_path):
    follow = recording.RecordHook.after_train_iter

    def diverging(self, runner, batch_idx, data_batch=None, outputs=None):
        outputs = {**outputs, "loss": torch.tensor(float("nan"))} if runner.iter == 4 else outputs
        follow(self, runner, batch_idx, data_batch, outputs)

    monkeypatch.setattr(recording.RecordHook, "after_train_iter", diverging)
    train(spec, tmp_path)
    early, late = record(tmp_path / "epoch-50-of-100"), record(tmp_path / "epoch-3-of-4")
    assert record(tmp_path)["status"] == "diverged"
    assert record(tmp_path)["training"]["kept_epochs"] == {"50-of-100": 4}
    assert (early["status"], early["reason"]) == ("trained", None)
    assert late["status"] == "diverged" and late["reason"].startswith("loss is nan at iteration 5")
    assert late["at_epoch"]["own_epoch"] == 3 and late["at_epoch"]["iteration"] is None
    assert_same_weights(tmp_path / "epoch-50-of-100", whole / "epoch-50-of-100")
    metrics = evaluated(spec, tmp_path / "epoch-3-of-4")
    assert set(metrics["metrics"].values()) == {None}
