"""How far a study is, from the files of its runs, and when its trainings end."""

import json
from pathlib import Path

import pytest

from rankdet.results.status import FAILED
from rankdet.study import progress
from rankdet.study.progress import DONE, TO_COME, TRAINED, TRAINING
from tests.study.running import evaluate, fail, finish_training, train
from tests.study.tiny import study

SCHEDULE = {"image_size": 64, "batch_size": 2, "iterations": 92}  # two epochs
KEYS = [f"shapes/{d}/{loss}/seed1" for d in ("retinanet", "atss") for loss in ("ap", "alrp+iou")]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def made():
    return study(schedule=SCHEDULE, untrained=False)


def folder(key):
    return Path("results/tiny") / key


def states(found):
    return {one.run.key: one.state for one in found.runs}


def test_each_run_has_its_state_and_reason(made):
    reader = progress.ProgressReader(made)
    assert set(states(reader.read()).values()) == {TO_COME}
    train(folder(KEYS[0]), 40)
    train(folder(KEYS[1]), 7, process=2**22 + 1)  # no such process: it was stopped
    fail(folder(KEYS[2]), "out of memory")
    finish_training(folder(KEYS[3]))
    found = reader.read()
    assert states(found) == dict(zip(KEYS, (TRAINING, TO_COME, FAILED, TRAINED), strict=True))
    assert [one.text for one in found.of(FAILED)] == ["failed: out of memory"]
    assert found.of(TO_COME)[0].text == "started, at iteration 7"
    evaluate(folder(KEYS[3]))
    found = reader.read()
    assert [one.text for one in found.of(DONE)] == ["trained, AP 25.0"]


def test_a_failed_run_that_is_tried_again_is_training(made):
    fail(folder(KEYS[0]), "out of memory")
    train(folder(KEYS[0]), 3)
    assert states(progress.ProgressReader(made).read())[KEYS[0]] == TRAINING


def test_the_end_is_estimated_from_the_paces_of_runs_like_them(made):
    reader = progress.ProgressReader(made)
    train(folder(KEYS[0]), 40, seconds=0.5)
    found = reader.read()
    now = found.of(TRAINING)[0].training
    assert (now.look.iteration, now.total, now.left) == (40, 92, 26.0)
    assert found.left is None  # nothing is known of ATSS
    train(folder(KEYS[2]), 10, seconds=2.0)
    # 26 s and 164 s are left, 46 s and 184 s to come, two at a time
    assert reader.read().left == (26 + 164 + 46 + 184) / 2
    for key in KEYS:
        finish_training(folder(key))
    assert reader.read().left == 0


def test_a_running_training_says_itself_how_long_it_is(made):
    """Before it starts nobody knows how often `oversample` repeats an image."""
    train(folder(KEYS[0]), 40, seconds=0.5)
    course = {"schedule": {"iterations": 92}, "epoch_length": 60, "rest": "a hash"}
    (folder(KEYS[0]) / "work" / "state.json").write_text(json.dumps({"course": course}))
    now = progress.ProgressReader(made).read().of(TRAINING)[0].training
    assert (now.total, now.left) == (120, 40.0)


@pytest.mark.parametrize(
    ("running", "to_come", "expected"),
    [
        ([], [], 0),
        ([10], [], 10),
        ([10, 2], [], 10),  # the longest
        ([10, 10], [10, 10], 20),
        ([], [5, 5], 10),  # nothing runs: one after the other
        ([10, None], [], None),
        ([10], [None], None),
    ],
)
def test_seconds_to_the_end(running, to_come, expected):
    assert progress.seconds_to_end(running, to_come) == expected


def test_only_a_changed_record_changes_the_mark_of_the_records(made):
    reader = progress.ProgressReader(made)
    train(folder(KEYS[0]), 3)
    marks = [reader.read().records]
    train(folder(KEYS[0]), 30)  # a training that goes on changes no report
    assert reader.read().records == marks[0]
    for change in (
        lambda: finish_training(folder(KEYS[0])),
        lambda: evaluate(folder(KEYS[0])),
        lambda: evaluate(folder(KEYS[0]), 0.125),
        lambda: fail(folder(KEYS[1]), "no memory"),
        lambda: Path("results/tiny/plan.json").touch(),
        lambda: (folder(KEYS[0]) / "metrics.json").unlink(),
    ):
        change()
        marks.append(reader.read().records)
    assert len(set(marks)) == len(marks)


@pytest.mark.parametrize(("seconds", "text"), [(8.9, "0:08"), (760, "12:40"), (11105, "3:05:05")])
def test_durations(seconds, text):
    assert progress.clock(seconds) == text


def test_the_day_of_a_far_end_is_named():
    assert progress.ending(None) == "end not known yet"
    assert len(progress.ending(3 * 86400).split()) == 7  # trainings end about Mon 30 Nov 14:32
