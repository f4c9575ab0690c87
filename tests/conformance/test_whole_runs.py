"""A run of each detector and of each loss: stopped, resumed and evaluated."""

import json

import pytest

from rankdet.training import recording, train
from tests.conformance.every_pair import DETECTORS, LOSSES, QUICK_DETECTOR, objection, spec
from tests.whole_runs import assert_measured, assert_same_weights


class Stopped(Exception):
    """Stops a training as a kill does."""


def runs():
    """Returns each loss with one detector, and each detector with its first compatible loss."""
    found = [(QUICK_DETECTOR, loss) for loss in LOSSES if objection(QUICK_DETECTOR, loss) is None]
    for detector in DETECTORS:
        if detector != QUICK_DETECTOR:
            found += [next((detector, x) for x in LOSSES if objection(detector, x) is None)]
    return found


@pytest.fixture
def stop_after(monkeypatch):
    """Returns a function that makes trainings stop after an iteration; 0 means never."""
    whole = recording.RecordHook.after_train_iter

    def arrange(iteration):
        def stopping(self, runner, *arguments, **named):
            whole(self, runner, *arguments, **named)
            if runner.iter + 1 == iteration:
                raise Stopped

        monkeypatch.setattr(recording.RecordHook, "after_train_iter", stopping)

    return arrange


@pytest.mark.parametrize(("detector", "loss"), runs())
def test_run_from_start_to_metrics(detector, loss, tiny_shapes, stop_after, tmp_path):
    run = spec(detector, loss, tiny_shapes, {"checkpoint_every": 2, "warmup": 2})
    train(run, tmp_path / "whole")
    stop_after(3)
    with pytest.raises(Stopped):
        train(run, tmp_path / "resumed")
    stop_after(0)
    train(run, tmp_path / "resumed")
    record = json.loads((tmp_path / "resumed" / "run.json").read_text())
    assert record["training"]["resumed_from"] == [2]
    assert_same_weights(tmp_path / "whole", tmp_path / "resumed")
    assert_measured(run, tmp_path / "resumed")
