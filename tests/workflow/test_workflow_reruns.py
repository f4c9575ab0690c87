"""After an edit, only the files that it can change are made again."""

import os
import time

import pytest

HEAVY = ("data", "train", "untrained", "predict", "predict_on", "evaluate", "evaluate_on")


@pytest.fixture()
def finished(troubled):
    """The finished study; edits are undone afterwards."""
    box, _ = troubled
    files = ["tiny.yaml", "workflows/losses/alrp.py", "workflows/losses/ap.py"]
    kept = {name: ((box.root / name).read_bytes(), (box.root / name).stat()) for name in files}
    yield box
    for name, (content, stat) in kept.items():
        (box.root / name).write_bytes(content)
        os.utime(box.root / name, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def heavy(jobs):
    return sorted(job for job in jobs if job[0] in HEAVY)


def test_titles_and_comments_train_nothing(finished):
    time.sleep(0.01)
    finished.edit("tiny.yaml", "A tiny study", "Another title")
    finished.edit("tiny.yaml", "title: Shapes", "title: Forms")
    finished.edit("workflows/losses/alrp.py", "CARD = {", "# a comment\nCARD = {")
    finished.edit("workflows/losses/alrp.py", '"aLRP Loss"', '"Average LRP"')
    jobs = finished.planned()
    assert heavy(jobs) == []
    assert {"plan", "table", "report"} <= {rule for rule, _ in jobs}


def test_editing_a_loss_and_adding_one_make_exactly_their_runs(finished):
    finished.edit("workflows/losses/alrp.py", '"delta": 1.0', '"delta": 0.5')
    finished.edit("tiny.yaml", "alrp+no-sb]", "alrp+no-sb, ap+giou]")
    jobs = finished.planned()
    steps = ("evaluate", "evaluate_on", "predict", "predict_on", "train")
    expected = [(step, loss) for step in steps for loss in ("alrp+no-sb", "ap+giou")]
    assert heavy(jobs) == sorted(expected)
    assert {"leaderboard", "report"} <= {rule for rule, _ in jobs}


def test_a_rate_of_one_loss_makes_only_its_runs_again(finished):
    finished.edit("tiny.yaml", "iterations: 3", "iterations: 3, lr: {ap: 0.5}")
    assert {loss for _, loss in heavy(finished.planned())} == {"ap"}


def test_another_data_seed_makes_all_runs_on_that_data(finished):
    finished.edit("tiny.yaml", "seed: 1", "seed: 2")
    jobs = heavy(finished.planned())
    assert ("data", "") in jobs
    trained = {loss for rule, loss in jobs if rule == "train"}
    assert trained == {"focal", "ap", "alrp+no-sb"}
    assert [rule for rule, _ in jobs].count("untrained") == 1
