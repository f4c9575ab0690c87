"""A training that was killed continues from what is whole in `work/`, and says what is not."""

import json
import shutil

import pandas as pd
import pytest

from rankdet.errors import InputError
from rankdet.training import recording, train
from rankdet.training.checkpoint_store import SaveHook
from rankdet.training.checkpoints import Workspace
from tests.training.tiny_runs import tiny_run
from tests.whole_runs import assert_same_weights

EPOCHS, LENGTH = 4, 2  # of two iterations each


class Killed(BaseException):
    """Stops a training as a kill does: nothing is written."""


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    schedule = {"batch_size": 2, "iterations": EPOCHS * LENGTH, "lr_steps": [0.6]}
    schedule["checkpoint_every"] = LENGTH
    return tiny_run(tmp_path_factory.mktemp("data"), schedule, keep_epochs=["1-of-4"])


@pytest.fixture(scope="module")
def whole(spec, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    train(spec, folder)
    return folder


@pytest.fixture(scope="module")
def stopped(spec, tmp_path_factory):
    """A training that was killed in its last epoch: checkpoints of epochs 2 and 3, seven rows."""
    folder = tmp_path_factory.mktemp("stopped")
    begin = recording.RecordHook.before_train_iter

    def stopping(self, runner, *arguments, **named):
        if runner.iter == EPOCHS * LENGTH - 1:
            raise Killed
        begin(self, runner, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording.RecordHook, "before_train_iter", stopping)
        with pytest.raises(Killed):
            train(spec, folder)
    return folder


def cut(name, size):
    def damage(work):
        with (work / name).open("r+b") as file:
            file.truncate(size)

    return damage


def flipped(work):
    path = work / "epoch_3.pth"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(255 - byte for byte in content[middle : middle + 64])
    path.write_bytes(content)


def both_cut(work):
    cut("epoch_3.pth", 9000)(work)
    cut("epoch_2.pth", 0)(work)


def gone(name):
    return lambda work: (work / name).unlink()


def lines(change):
    def damage(work):
        path = work / "train.jsonl"
        path.write_text("".join(change(path.read_text().splitlines(keepends=True))))

    return damage


CASES = {
    "whole": (lambda work: None, 6, None),
    "cut": (cut("epoch_3.pth", 1000), 4, "epoch_3.pth is damaged (its checksum differs)"),
    "empty": (cut("epoch_3.pth", 0), 4, "continues from epoch_2.pth"),
    "flipped": (flipped, 4, "epoch_3.pth is damaged (its checksum differs)"),
    "no checksum": (gone("epoch_3.json"), 4, "epoch_3.pth has no checksum"),
    "cut checksum": (cut("epoch_3.json", 20), 4, "epoch_3.pth has no checksum"),
    "both cut": (both_cut, 0, "epoch_2.pth is damaged (its checksum differs): training starts"),
    "no rows": (gone("train.jsonl"), 0, "epoch_2.pth does not fit train.jsonl"),
    "short rows": (lines(lambda rows: rows[:5]), 4, "epoch_3.pth does not fit train.jsonl"),
    "lost row": (lines(lambda rows: [*rows[:2], *rows[3:]]), 0, "does not fit train.jsonl"),
    "cut row": (lines(lambda rows: [*rows[:5], rows[5][:30]]), 4, "does not fit train.jsonl"),
    "rows twice": (lines(lambda rows: rows + rows), 6, None),
    "each row twice": (lines(lambda rows: [r for r in rows for _ in "ab"]), 0, "does not fit"),
    "other rows": (
        lines(lambda rows: [*rows[:4], rows[4].replace('"lr": 0', '"lr": 9'), *rows[5:]]),
        4,
        "epoch_3.pth does not fit train.jsonl, whose first 6 rows have changed",
    ),
    "state a list": (lambda work: (work / "state.json").write_text("[]"), 0, "state.json is dam"),
    "state a word": (
        lambda work: (work / "state.json").write_text('{"fingerprint": "x", "resumed_from": 3}'),
        0,
        "state.json is damaged: training starts again",
    ),
    "state cut": (cut("state.json", 15), 0, "state.json is damaged"),
}


@pytest.mark.fault(
    "checkpoint, rows or state that are cut, empty, flipped, doubled or gone, and whole ones"
)
@pytest.mark.parametrize("case", CASES)
def test_the_last_checkpoint_that_is_whole_is_chosen(spec, stopped, case, tmp_path):
    damage, resumed, told = CASES[case]
    folder = tmp_path / "run"
    shutil.copytree(stopped, folder)
    damage(folder / "work")
    said = []
    space = Workspace(folder, spec, said.append)
    found = space.checkpoints.last_whole(space.say)
    assert (found.iteration if found else 0) == resumed
    assert any(told in line for line in said) if told else said == []
    left = len(list((folder / "work").glob("*.pth")))
    assert left == {6: 2, 4: 1, 0: 0}[resumed]  # what is damaged is removed


@pytest.mark.fault("training resumed after such damage, compared with an unbroken one")
@pytest.mark.parametrize("case", ["cut", "flipped", "each row twice", "rows twice", "kept epoch"])
def test_the_resumed_training_equals_the_unbroken_one(spec, whole, stopped, case, tmp_path, capfd):
    kept = (cut("epochs/1-of-4.pth", 5000), 0, "epoch 1 of 4 was not kept")
    damage, resumed, told = {**CASES, "kept epoch": kept}[case]
    folder = tmp_path / "run"
    shutil.copytree(stopped, folder)
    damage(folder / "work")
    train(spec, folder)
    assert_same_weights(folder, whole)
    assert_same_weights(folder / "epoch-1-of-4", whole / "epoch-1-of-4")
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "trained"
    assert record["training"]["resumed_from"] == ([resumed] if resumed else [])
    rows = pd.read_parquet(folder / "train.parquet")
    assert rows["iteration"].tolist() == [*range(1, EPOCHS * LENGTH + 1)]
    assert rows["loss"].tolist() == pd.read_parquet(whole / "train.parquet")["loss"].tolist()
    notes = [line for line in capfd.readouterr().err.splitlines() if line.startswith("note: ")]
    assert any(told in line for line in notes) if told else notes == []
    assert not (folder / "work").exists()


def test_two_checkpoints_are_kept(stopped):
    names = sorted(path.name for path in (stopped / "work").glob("epoch_*"))
    assert names == ["epoch_2.json", "epoch_2.pth", "epoch_3.json", "epoch_3.pth"]
    assert (stopped / "work/last_checkpoint").read_text().endswith("epoch_3.pth")


@pytest.mark.fault("rows that change or vanish while a training runs")
@pytest.mark.parametrize("change", [lambda rows: rows[:3], lambda rows: rows + rows[-1:]])
def test_rows_that_change_while_it_trains_never_end_as_trained(
    spec, whole, monkeypatch, tmp_path, change
):
    """As a second writer did: the record had 242 of 400 rows."""
    save = SaveHook.after_train_epoch

    def changing(self, runner):
        save(self, runner)
        if runner.epoch + 1 == EPOCHS:
            lines(change)(tmp_path / "work")

    with monkeypatch.context() as patch:
        patch.setattr(SaveHook, "after_train_epoch", changing)
        with pytest.raises(
            InputError, match=r"train\.jsonl has \d lines, .* of 8 iterations: some"
        ):
            train(spec, tmp_path)
    assert not (tmp_path / "run.json").exists()
    train(spec, tmp_path)
    assert_same_weights(tmp_path, whole)


@pytest.mark.fault("rows that change or vanish while a training runs")
def test_rows_that_vanish_stop_the_training_at_its_next_checkpoint(spec, monkeypatch, tmp_path):
    save = SaveHook.after_train_epoch

    def losing(self, runner):
        if runner.epoch + 1 == 2:
            lines(lambda rows: rows[1:])(tmp_path / "work")
        save(self, runner)

    monkeypatch.setattr(SaveHook, "after_train_epoch", losing)
    with pytest.raises(InputError, match=r"does not have the rows 1 to 4 any more"):
        train(spec, tmp_path)


@pytest.mark.fault("temporary file of a killed training")
def test_temporary_files_of_killed_processes_are_removed(spec, stopped, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(stopped, folder)
    dead = 2**22 + 1  # larger than any process number
    for name in ("work/.epoch_3.pth", ".model.pth", ".train.parquet", "epoch-1-of-4/.model.pth"):
        path = folder / f"{name}.{dead}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
    train(spec, folder)
    assert not [path for path in folder.rglob("*") if path.name.endswith(str(dead))]
