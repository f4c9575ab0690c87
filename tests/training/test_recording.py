"""The training record: read in blocks, with the same rows, and no wait for the device between."""

import json
import math
import re

import pandas as pd
import pytest
import torch
from mmengine.runner import Runner

from rankdet.datasets import prepare
from rankdet.training import acceleration, recording, train
from rankdet.training.environment import set_up
from rankdet.training.runner import build_runner
from rankdet.training.scalars import Clock, on_host
from rankdet.training.steps import StepsOptimWrapper
from tests.training.alrp_spec import alrp_spec
from tests.waits import Watch
from tests.whole_runs import assert_same_weights

MEASURED = ["seconds", "data_seconds", "memory_mb"]
# A loss that does something in its third and in its fifth iteration.
FAULTY = """
from rankdet.losses import ALRPLoss

class Faulty(ALRPLoss):
    calls = 0

    def terms(self, problem):
        self.calls += 1
        losses = super().terms(problem)
        if self.calls == 3:
            losses["loss_cls"] = losses["loss_cls"] * float("{value}")
        if self.calls == 5:
            {statement}
        return losses
"""


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    config = {"kind": "shapes", "seed": 1, "train_images": 10, "val_images": 2, "image_size": 64}
    prepare("shapes", {**config, "empty_fraction": 0.0}, folder)
    schedule = {
        "image_size": 64,
        "batch_size": 1,
        "accumulate": 1,
        "epochs": 1,
        "lr": 0.001,
        "log_every": 4,
    }
    balance = {"type": "self-epoch", "initial": 50}
    return alrp_spec(folder, balance=balance, schedule=schedule, test={})


def in_blocks(monkeypatch, passes):
    monkeypatch.setattr(acceleration, "block", lambda device: passes)


def changed(spec, **schedule):
    return {**spec, "schedule": {**spec["schedule"], **schedule}}


def faulty(spec, folder, value="1", statement="pass"):
    path = folder / "faulty.py"
    path.write_text(FAULTY.format(value=value, statement=statement))
    card = {**spec["card"], "classification": {"type": "Faulty"}}
    return {**spec, "card": card, "loss_file": str(path)}


def test_numbers_are_read_exactly():
    small = torch.tensor(0.1)
    rows = [
        {"a": small, "b": 2, "c": torch.tensor(2**40 + 1)},
        {"a": torch.tensor(0.1, dtype=torch.float64), "b": torch.tensor([math.nan])},
        {},
    ]
    first, second, third = on_host(rows)
    assert first == {"a": float(small), "b": 2, "c": 2**40 + 1}
    assert isinstance(first["c"], int)
    assert second["a"] == 0.1
    assert math.isnan(second["b"])
    assert third == {}


def test_a_clock_of_the_host_gives_seconds():
    clock = Clock("cpu")
    start = clock.now()
    assert 0 <= clock.seconds(start, clock.now()) < 1
    assert clock.seconds(1.5, 4.0) == 2.5


@pytest.mark.parametrize("accumulate", [1, 2])
def test_blocks_change_no_number(spec, accumulate, tmp_path, monkeypatch):
    own = changed(spec, accumulate=accumulate, images_per_gpu=1, epochs=2)
    train(own, tmp_path / "single")
    in_blocks(monkeypatch, 4)  # ten passes of an epoch: the last block is shorter
    train(own, tmp_path / "blocks")
    single, blocks = (
        pd.read_parquet(tmp_path / name / "train.parquet") for name in ("single", "blocks")
    )
    assert len(single) == 20 / accumulate
    pd.testing.assert_frame_equal(
        blocks.drop(columns=MEASURED), single.drop(columns=MEASURED), check_exact=True
    )
    assert (blocks["seconds"] > 0).all()
    assert_same_weights(tmp_path / "single", tmp_path / "blocks")


@pytest.mark.fault("loss that becomes NaN or infinite")
@pytest.mark.parametrize("value", ["nan", "inf"])
@pytest.mark.parametrize("passes", [1, 4, 20])
def test_a_loss_that_is_not_finite_is_found_in_its_block(
    spec, value, passes, tmp_path, monkeypatch
):
    in_blocks(monkeypatch, passes)
    train(faulty(spec, tmp_path, value), tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    told = rf"loss is {value} at iteration 3: loss_cls, with the loss of .*faulty[.]py:\d+"
    assert record["status"] == "diverged" and re.fullmatch(told, record["reason"])
    assert pd.read_parquet(tmp_path / "run" / "train.parquet")["iteration"].tolist() == [1, 2, 3]


def test_an_error_that_follows_from_a_diverged_loss_is_a_divergence(spec, tmp_path, monkeypatch):
    in_blocks(monkeypatch, 20)
    train(faulty(spec, tmp_path, "nan", 'raise ValueError("NaN")'), tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["status"] == "diverged"
    assert record["reason"].startswith("loss is nan at iteration 3")


def test_another_error_is_raised_and_the_rows_before_it_are_written(spec, tmp_path, monkeypatch):
    in_blocks(monkeypatch, 20)
    with pytest.raises(ValueError, match="another reason"):
        train(faulty(spec, tmp_path, "1", 'raise ValueError("another reason")'), tmp_path / "run")
    lines = (tmp_path / "run" / "work" / "train.jsonl").read_text().splitlines()
    assert [json.loads(line)["iteration"] for line in lines] == [1, 2, 3, 4]


def test_one_of_several_processes_names_the_loss_before_its_error(spec, tmp_path, monkeypatch):
    """The others cannot take part, so a process reads its own losses alone."""
    in_blocks(monkeypatch, 20)
    monkeypatch.setattr(recording, "process_count", lambda: 2)
    runner = build_runner(
        faulty(spec, tmp_path, "nan", 'raise ValueError("NaN")'), tmp_path / "work", set_up(spec)
    )
    with pytest.raises(ValueError, match="NaN"):
        runner.train()
    told = recording.record_hook(runner).cause_of_failure()
    assert told.startswith("loss is nan at iteration 3")


def test_hooks_do_not_wait_for_the_device_between_two_blocks(spec, tmp_path, monkeypatch):
    in_blocks(monkeypatch, 20)
    own = changed(spec, grad_clip=1.0)
    runner = build_runner(own, tmp_path, set_up(spec))
    watch, call_hook = Watch(), Runner.call_hook
    calls = []

    def watched(self, name, **arguments):
        if not name.endswith("train_iter"):
            return call_hook(self, name, **arguments)
        calls.append(name)
        with watch:
            return call_hook(self, name, **arguments)

    step = StepsOptimWrapper.step

    def watched_step(self, **options):  # scales the gradient, too
        calls.append("step")
        with watch:
            step(self, **options)

    monkeypatch.setattr(Runner, "call_hook", watched)
    monkeypatch.setattr(StepsOptimWrapper, "step", watched_step)
    runner.train()
    assert len(calls) == 30  # before and after ten passes, and ten times in the optimiser
    assert watch.callers == []


def test_the_log_has_a_line_of_means_at_regular_steps(spec, tmp_path):
    set_up(spec)
    runner = build_runner(spec, tmp_path, "cpu")
    lines = []
    runner.logger.info = lines.append
    runner.train()
    rows = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    found = [line for line in lines if "s/iteration" in str(line)]
    assert len(found) == 2
    mean = sum(row["loss"] for row in rows[4:8]) / 4
    assert found[1].startswith("epoch 1  iteration 8/10  lr 1.000e-03  ")
    assert f"  loss {mean:.4f}  " in found[1]
