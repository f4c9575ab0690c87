"""The lines of the progress view, while jobs of a small study begin, end and fail."""

from pathlib import Path

import pytest

from rankdet.jobs import view
from tests.study.running import train
from tests.study.tiny import study

SCHEDULE = {"image_size": 64, "batch_size": 2, "iterations": 100}
RUNS = {
    key: {"dataset": "shapes", "detector": detector, "loss": loss, "seed": "1"}
    for detector in ("retinanet", "atss")
    for loss in ("ap", "alrp+iou")
    for key in [f"shapes/{detector}/{loss}/seed1"]
}


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """The view of a study of four runs; none has begun."""
    monkeypatch.chdir(tmp_path)
    made = view.WorkflowView(study(schedule=SCHEDULE, untrained=False), colours=False)
    jobs = {0: view.planned_job("data", {"dataset": "shapes"})}
    for number, wildcards in enumerate(RUNS.values(), start=1):
        jobs[number] = view.planned_job("train", wildcards)
        jobs[number + 4] = view.planned_job("evaluate", wildcards)
    made.plan(jobs)
    return made, jobs


@pytest.mark.parametrize(
    ("rule", "wildcards", "label", "trains"),
    [
        ("train", {}, "train shapes/atss/ap/seed3", True),
        ("train_keeping_50_of_100", {}, "train shapes/atss/ap/seed3", True),
        ("predict", {}, "predict shapes/atss/ap/seed3", False),
        ("predict_on", {"split": "train"}, "predict shapes/atss/ap/seed3 on train", False),
        ("evaluate_at", {"threshold": "0.3"}, "evaluate shapes/atss/ap/seed3 at 0.3", False),
    ],
)
def test_a_job_has_the_label_of_its_own_line(rule, wildcards, label, trains):
    run = {"dataset": "shapes", "detector": "atss", "loss": "ap", "seed": "3"}
    found = view.planned_job(rule, {**run, **wildcards})
    assert (found.label, found.trains, found.run) == (label, trains, "shapes/atss/ap/seed3")


def test_jobs_without_a_run_and_of_an_untrained_detector():
    assert view.planned_job("table", {"paper": "alrp", "table": "table2"}).label == (
        "table alrp/table2"
    )
    found = view.planned_job("untrained", {"dataset": "shapes", "detector": "atss", "seed": "1"})
    assert found.run == "shapes/atss/untrained/seed1"


def test_the_first_line_counts_runs_and_jobs(shown):
    made, jobs = shown
    assert "0 of 4 runs done, 0 running, 4 to come, job 0 of 9" in made.lines(200)[0]
    made.started(0, jobs[0])
    made.ended(0)
    made.started(1, jobs[1])
    made.started(2, jobs[2])
    assert "0 of 4 runs done, 2 running, 2 to come, job 1 of 9" in made.lines(200)[0]
    made.ended(1)
    made.started(5, jobs[5])
    made.ended(5)
    made.ended(2, failed=True)
    first = made.lines(200)[0]
    assert "1 of 4 runs done, 0 running, 2 to come, 1 failed, job 4 of 9" in first
    made.started(2, jobs[2])  # tried again
    assert "1 of 4 runs done, 1 running, 2 to come, job 3 of 9" in made.lines(200)[0]
    assert made.summary() == "3 of 9 jobs done, 0:00"


def test_a_training_has_its_iterations_loss_pace_and_end(shown):
    made, jobs = shown
    for number in range(1, 5):
        made.started(number, jobs[number])
    keys = list(RUNS)
    train(Path("results/tiny") / keys[0], 20, seconds=0.5)
    lines = made.lines(200)
    assert lines[1].split() == [
        *("train", keys[0], "20/138", "loss", "0.250"),
        *("0.50", "s/iteration", "0:59", "left"),  # 3 whole epochs of 46 iterations
    ]
    assert lines[4].split()[-2:] == ["so", "far"]  # no iteration yet
    assert "end not known yet" in lines[0]
    train(Path("results/tiny") / keys[2], 90, seconds=1.0)
    assert "trainings end about" in made.lines(200)[0]


def test_no_line_is_longer_than_the_terminal_and_many_jobs_are_counted(shown):
    made, jobs = shown
    for number in range(20):
        made.started(100 + number, jobs[1 + number % 4])
    lines = made.lines(30)
    assert {len(line) <= 30 for line in lines} == {True}
    assert len(lines) == view.SHOWN + 2 and lines[-1] == "  and 12 more"


def test_the_bar_has_colours_only_if_asked(shown):
    made, _ = shown
    made.ended(1)
    assert made.lines(200)[0].startswith("━━─")
    made.colours = True
    line = made.lines(60)[0]
    assert line.startswith("\x1b[32m━━\x1b[0m\x1b[2m─") and line.count("─") == 18
    made.ended(2, failed=True)
    assert made.lines(200)[0].startswith("\x1b[31m━")
