"""AdamW's betas, factors for parts of a detector, and the average of the weights (EMA)."""

import pandas as pd
import pytest
import torch

from rankdet.errors import InputError
from rankdet.training import recording, train
from rankdet.training.config import optimizer_config
from rankdet.training.environment import set_up
from rankdet.training.kept_epochs import KeepEpochsHook
from rankdet.training.runner import build_runner
from tests.training.tiny_runs import tiny_run
from tests.whole_runs import assert_same_weights

EPOCHS, LENGTH, KEEP = 3, 2, 0.5
TIMES = ["seconds", "data_seconds", "memory_mb"]


class Killed(BaseException):
    """Stops a training as a kill does: nothing is written."""


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    schedule = {
        "images_per_gpu": 1,
        "accumulate": 2,
        "batch_size": 2,
        "iterations": EPOCHS * LENGTH,
        "checkpoint_every": LENGTH,
        "optimizer": "adamw",
        "betas": [0.8, 0.9],
        "ema": KEEP,
        "grad_clip": 5.0,
        "paramwise": {
            "custom_keys": {"backbone": {"lr_mult": 0.5, "decay_mult": 0.0}},
            "norm_decay_mult": 0.0,
        },
    }
    return tiny_run(tmp_path_factory.mktemp("data"), schedule)


def changed(spec, **keys):
    return {**spec, "schedule": {**spec["schedule"], **keys}}


def rows(folder):
    return pd.read_parquet(folder / "train.parquet").drop(columns=TIMES)


def weights(path):
    return torch.load(path, weights_only=True)["state_dict"]


@pytest.fixture(scope="module")
def watched(spec, tmp_path_factory):
    """The folder of a whole training, and the weights after each of its steps."""
    after = []
    read = recording.RecordHook.after_train_iter

    def noting(self, runner, *arguments, **named):
        if self.steps.ends(runner.iter):
            state = {n: p.detach().clone() for n, p in runner.model.named_parameters()}
            after.append(state)
        read(self, runner, *arguments, **named)

    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording.RecordHook, "after_train_iter", noting)
        train(spec, folder)
    return folder, after


def test_the_tested_weights_are_the_average_over_steps(watched):
    folder, after = watched
    assert len(after) == EPOCHS * LENGTH
    found = weights(folder / "model.pth")
    for name in after[0]:
        average = after[0][name]
        for state in after[1:]:
            average = KEEP * average + (1 - KEEP) * state[name]
        torch.testing.assert_close(found[name], average)
    assert any(not torch.equal(found[name], after[-1][name]) for name in after[-1])


@pytest.mark.fault("kill of a training with AdamW, accumulation and an average")
def test_a_killed_training_goes_on_with_optimiser_and_average(spec, watched, tmp_path, monkeypatch):
    begin = recording.RecordHook.before_train_iter

    def stopping(self, runner, *arguments, **named):
        if runner.epoch == 2:
            raise Killed
        begin(self, runner, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(recording.RecordHook, "before_train_iter", stopping)
        with pytest.raises(Killed):
            train(spec, tmp_path)
    assert not (tmp_path / "model.pth").exists()
    train(spec, tmp_path)
    assert_same_weights(watched[0], tmp_path)
    pd.testing.assert_frame_equal(rows(watched[0]), rows(tmp_path), check_exact=True)


def test_a_kept_epoch_has_the_average_too(spec, watched, tmp_path):
    train({**spec, "keep_epochs": ["1-of-3"]}, tmp_path)
    after = watched[1][:LENGTH]
    found = weights(tmp_path / "epoch-1-of-3/model.pth")
    for name, first in after[0].items():
        torch.testing.assert_close(found[name], KEEP * first + (1 - KEEP) * after[1][name])
    assert KeepEpochsHook.priority == "LOW"  # after the average of the epoch's last step


def test_each_part_has_its_rate_and_decay_and_the_record_the_plain_rate(spec, watched, tmp_path):
    runner = build_runner(spec, tmp_path, set_up(spec))
    wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    groups = {id(group["params"][0]): group for group in wrapper.optimizer.param_groups}
    seen = set()
    for name, parameter in runner.model.named_parameters():
        if parameter.requires_grad:
            group, inside = groups[id(parameter)], "backbone" in name
            assert group["lr"] == (0.0005 if inside else 0.001)
            assert group["betas"] == (0.8, 0.9)
            if inside:
                assert group["weight_decay"] == 0
            seen.add(inside)
    assert seen == {True, False}
    assert rows(watched[0])["lr"].tolist() == [0.001] * EPOCHS * LENGTH


def test_a_part_that_the_detector_lacks_is_one_line(spec, tmp_path):
    wrong = changed(spec, paramwise={"custom_keys": {"backbon_": {"lr_mult": 0.1}}})
    told = "no parameter of 'retinanet' has 'backbon_' in its name; did you mean 'backbone'"
    with pytest.raises(InputError, match=told):
        build_runner(wrong, tmp_path, set_up(spec))


def test_without_these_keys_the_optimiser_is_as_before(spec):
    plain = {"schedule": {"lr": 0.01}}
    own = {"type": "SGD", "lr": 0.01, "momentum": 0.9, "weight_decay": 1e-4, "fused": True}
    assert optimizer_config(plain) == {"type": "OptimWrapper", "optimizer": own}
    adamw = optimizer_config({"schedule": {"lr": 0.01, "optimizer": "adamw"}})["optimizer"]
    assert adamw == {"type": "AdamW", "lr": 0.01, "weight_decay": 1e-4}
