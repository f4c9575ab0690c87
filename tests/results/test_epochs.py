"""Epochs on the way of a training: which epoch of it they are, and what is known of them."""

import math
from dataclasses import replace
from fractions import Fraction

import pandas as pd
import pytest

from rankdet.results.epochs import KeptEpoch, at_epoch, not_kept, recorded, run_key
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.records import read_study
from rankdet.results.schemas.failure import FailureRecord
from rankdet.results.training_record import training_record
from rankdet.results.usable import unusable
from tests.report.fake_study import as_planned, keep_epoch, make_study

NAMES = ("1-of-12", "50-of-100")


def test_names_are_read_and_written() -> None:
    assert [KeptEpoch.parse(name).name for name in NAMES] == [*NAMES]
    assert KeptEpoch.parse("50-of-100").words == "epoch 50 of 100"
    for name in ("50", "0-of-12", "1-of-", "a-of-b", "1-of-12/x"):
        with pytest.raises(ValueError, match="is not the name of an epoch"):
            KeptEpoch.parse(name)


@pytest.mark.parametrize(
    ("name", "epochs", "own"),
    [
        ("50-of-100", 100, 50),
        ("50-of-100", 12, 6),
        ("50-of-100", 7, 4),
        ("75-of-100", 8, 6),
        ("1-of-100", 12, 1),
        ("1-of-12", 1, 1),
        ("1-of-3", 12, 4),
        ("99-of-100", 3, 3),
    ],
)
def test_the_epoch_of_a_shorter_training(name: str, epochs: int, own: int) -> None:
    assert KeptEpoch.parse(name).in_training(epochs) == own


def test_the_epoch_is_the_first_that_is_not_earlier() -> None:
    for length in (2, 7, 12, 100):
        for epoch in range(1, length):
            for epochs in (1, 3, 12, 36, 100):
                exact = math.ceil(Fraction(epoch, length) * epochs)
                assert KeptEpoch(of=length, epoch=epoch).in_training(epochs) == exact
                assert 1 <= exact <= epochs


@pytest.fixture
def run(tmp_path) -> RecordedRun:
    """A run that keeps two epochs, of which the first is evaluated."""
    study = read_study(make_study(tmp_path))
    (run,) = [r for r in study.runs if r.key == "shapes/retinanet/ap/seed1"]
    place = {"epoch": 1, "of": 12, "own_epoch": 2, "own_epochs": 13, "iteration": 48}
    keep_epoch(run, NAMES[0], place, 0.125)
    return as_planned(run, kept_epochs=NAMES)


def test_a_run_at_an_epoch_has_its_own_numbers(run: RecordedRun) -> None:
    early = at_epoch(run, "1-of-12")
    assert early.key == f"{run.key}/epoch-1-of-12" and run_key(early.key) == run.key
    assert (early.status, early.main.metrics["AP"]) == ("trained", 0.125)
    assert run.main.metrics["AP"] != 0.125
    assert (early.training.iterations, early.record.at_epoch.own_epoch) == (48, 2)
    assert unusable(early, None) is None
    rows = training_record(early)
    pd.testing.assert_frame_equal(rows, training_record(run).iloc[:48])


def test_an_epoch_without_weights_has_a_reason(run: RecordedRun) -> None:
    late = at_epoch(run, "50-of-100")
    assert late.status == "not evaluated" and not late.main.metrics
    assert late.main.reason == "epoch 50 of 100 was not kept; run the study again"
    assert at_epoch(run, "2-of-12").main.reason == "its training keeps no epoch 2 of 12"
    assert not_kept(run.folder, NAMES) == ["50-of-100"]
    assert not_kept(run.folder / "work", NAMES) == []


def test_numbers_of_an_earlier_training_are_not_shown_after_a_failed_one(run: RecordedRun) -> None:
    reason = "out of memory"
    failed = FailureRecord.of(status="failed", reason=reason, job=f"train {run.key}")
    early = at_epoch(replace(run, failure=failed, status="failed", reason=reason), NAMES[0])
    assert (early.status, early.main.reason) == ("failed", "failed: out of memory")
    assert not early.main.metrics


def test_a_key_finds_the_run_or_the_epoch(run: RecordedRun, tmp_path) -> None:
    study = read_study(tmp_path / "results/fake/plan.json")
    study = replace(study, runs=tuple(run if r.key == run.key else r for r in study.runs))
    assert recorded(study, run.key) is run
    assert recorded(study, f"{run.key}/epoch-1-of-12").main.metrics["AP"] == 0.125
    assert recorded(study, f"{run.key}/epoch-3-of-12") is None
    assert recorded(study, "shapes/retinanet/nothing/seed1") is None
