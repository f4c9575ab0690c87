"""More epochs: a longer training goes on from a shorter one, and equals one of all epochs."""

import json
import shutil

import pandas as pd
import pytest

from rankdet.study.cards import load_loss
from rankdet.training import going_on, recording, train
from tests.training.tiny_runs import tiny_run
from tests.whole_runs import assert_same_weights

LENGTH = 2  # iterations of an epoch
TIMES = ["seconds", "data_seconds", "memory_mb"]
COSINE = {"lr_policy": "cosine"}


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    """aLRP Loss, because its self-balance has a state that epochs change."""
    card = load_loss("alrp").variant("")
    return tiny_run(tmp_path_factory.mktemp("data"), {"batch_size": 2}, card=card, rest="r")


def lasting(spec, epochs, **schedule):
    """The same training with another length; its settings have another hash then."""
    own = {**spec["schedule"], "epochs": epochs, **schedule}
    return {**spec, "schedule": own, "hashes": {**spec["hashes"], "config": json.dumps(own)}}


def record(folder):
    return json.loads((folder / "run.json").read_text())


def rows(folder):
    return pd.read_parquet(folder / "train.parquet").drop(columns=TIMES)


def said(capsys):
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("note:")]


@pytest.mark.parametrize(
    ("shorter", "longer"),
    [
        ({}, {}),
        ({"optimizer": "adamw", "ema": 0.9, "grad_clip": 1.0}, {}),
        ({"warmup": 3, "lr_steps": [0.75]}, {"lr_steps": [0.375, 0.75]}),
        ({"paramwise": {"bias_lr_mult": 2.0}, "lr_steps": [1.0]}, {"lr_steps": []}),
        ({"accumulate": 2, "images_per_gpu": 1}, {"lr_steps": [0.5]}),
        ({**COSINE, "epochs": 4, "stop_after": 0.5}, {"stop_after": 1.0}),
    ],
    ids=["constant", "average", "steps-and-warm-up", "a-step-at-the-end", "a-step-now", "stopped"],
)
def test_a_longer_training_equals_one_of_all_epochs(spec, tmp_path, capsys, shorter, longer):
    first = lasting(spec, **{"epochs": 2, **shorter})
    then = lasting(spec, **{**shorter, **longer, "epochs": 4})
    train(first, tmp_path / "run")
    train(then, tmp_path / "run")
    assert "goes on from epoch 2" in said(capsys)[-1]
    train(then, tmp_path / "whole")
    pd.testing.assert_frame_equal(rows(tmp_path / "run"), rows(tmp_path / "whole"))
    assert_same_weights(tmp_path / "run", tmp_path / "whole")
    training = record(tmp_path / "run")["training"]
    assert (training["epochs"], training["went_on_from"]) == (4, [2])
    assert training["resumed_from"] == []
    assert "went_on_from" not in record(tmp_path / "whole")["training"]


@pytest.fixture(scope="module")
def ended(spec, tmp_path_factory):
    """A training of two epochs, copies of which other tests lengthen."""
    folder = tmp_path_factory.mktemp("ended")
    train(lasting(spec, 2, lr_steps=[0.5]), folder)
    return folder


@pytest.fixture
def run(ended, tmp_path):
    return shutil.copytree(ended, tmp_path / "run")


def change(state, **values):
    (state / "state.json").write_text(
        json.dumps(json.loads((state / "state.json").read_text()) | values)
    )


def test_steps_that_move_make_it_start_again(spec, run, capsys):
    train(lasting(spec, 4, lr_steps=[0.5]), run)
    (line,) = said(capsys)
    assert "does not go on from epoch 2: lr_steps: the rate fell after 2 in the first 4" in line
    assert "would fall nowhere" in line
    assert rows(run)["lr"].nunique() == 2
    assert "went_on_from" not in record(run)["training"]


@pytest.mark.parametrize(
    ("shorter", "longer", "words"),
    [
        (COSINE, COSINE, "with lr_policy: cosine every rate depends on the length"),
        ({"warmup": 6}, {"warmup": 6}, "the warm-up was as long as the shorter training"),
        ({"epochs": 3}, {"epochs": 2}, "it ends after epoch 2, and epoch 3 is done"),
    ],
)
def test_other_rates_are_a_reason(spec, tmp_path, shorter, longer, words):
    first = lasting(spec, **{"epochs": 2, **shorter})
    then = lasting(spec, **{"epochs": 4, **longer})
    state = {"fingerprint": {}, "course": going_on.course_record(first, LENGTH)}
    epoch = first["schedule"]["epochs"]
    assert words in going_on.course.objection(state, then["schedule"], "r", epoch)


def test_another_version_of_torch_makes_it_start_again(spec, run, capsys):
    course = json.loads((run / "last/state.json").read_text())["course"]
    change(run / "last", course={**course, "versions": {**course["versions"], "torch": "1.0"}})
    train(lasting(spec, 4, lr_steps=[0.25]), run)
    assert "torch had another version" in said(capsys)[0]


@pytest.mark.parametrize("other", [{"seed": 2}, {"rest": "other settings"}])
def test_what_is_not_only_longer_starts_again_without_a_word(spec, run, capsys, other):
    train({**lasting(spec, 4, lr_steps=[0.25]), **other}, run)
    assert not said(capsys) and "went_on_from" not in record(run)["training"]


def test_a_training_that_is_forced_starts_again(spec, run, capsys):
    """`snakemake --forcerun train` makes the same run again."""
    train(lasting(spec, 2, lr_steps=[0.5]), run)
    reports = [line for line in capsys.readouterr().err.splitlines() if "1/4" in line]
    assert reports and record(run)["training"]["resumed_from"] == []


@pytest.mark.fault("last state that is cut, emptied or without its rows")
@pytest.mark.parametrize("name", ["epoch_2.pth", "train.jsonl", "state.json"])
def test_a_damaged_state_makes_it_start_again(spec, run, capsys, name):
    (run / "last" / name).write_bytes((run / "last" / name).read_bytes()[:-20])
    train(lasting(spec, 4, lr_steps=[0.25]), run)
    assert "went_on_from" not in record(run)["training"]
    assert len(rows(run)) == 8


class Killed(BaseException):
    """Stops a training as a kill does."""


def stop_at(index, monkeypatch, spec, folder):
    begin = recording.RecordHook.before_train_iter

    def stopping(self, runner, *arguments, **named):
        if runner.iter == index:
            raise Killed
        begin(self, runner, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(recording.RecordHook, "before_train_iter", stopping)
        with pytest.raises(Killed):
            train(spec, folder)


@pytest.mark.fault("kill of a training that goes on, at its start and later")
@pytest.mark.parametrize("index", [4, 7])
def test_a_killed_training_goes_on_all_the_same(spec, run, tmp_path, monkeypatch, index):
    then = lasting(spec, 4, lr_steps=[0.25], checkpoint_every=LENGTH)
    stop_at(index, monkeypatch, then, run)
    train(then, run)
    train(then, tmp_path / "whole")
    pd.testing.assert_frame_equal(rows(run), rows(tmp_path / "whole"))
    assert_same_weights(run, tmp_path / "whole")
    assert record(run)["training"]["went_on_from"] == [2]


def test_an_unfinished_training_goes_on_too(spec, tmp_path, monkeypatch):
    stop_at(5, monkeypatch, lasting(spec, 3, checkpoint_every=LENGTH), tmp_path / "run")
    train(lasting(spec, 4), tmp_path / "run")
    train(lasting(spec, 4), tmp_path / "whole")
    pd.testing.assert_frame_equal(rows(tmp_path / "run"), rows(tmp_path / "whole"))
    assert record(tmp_path / "run")["training"]["went_on_from"] == [2]


def test_a_study_may_do_without_the_state(spec, tmp_path):
    train(lasting(spec, 1, keep_state=False), tmp_path)
    assert not (tmp_path / "last").exists() and not (tmp_path / "work").exists()
