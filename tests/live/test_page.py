"""The page of progress in each state of a study."""

import re

import pytest

from rankdet.live.page import ProgressPage, ReportState
from rankdet.results.status import FAILED
from rankdet.study.progress import ProgressReader
from tests.study.running import evaluate, fail, finish_training, train
from tests.study.tiny import study

KEYS = [f"shapes/{d}/{loss}/seed1" for d in ("retinanet", "atss") for loss in ("ap", "alrp+iou")]


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    schedule = {"image_size": 64, "batch_size": 2, "iterations": 92}
    return study(schedule=schedule, untrained=False, title="A <b>study</b>")


@pytest.fixture
def folders(tmp_path):
    return [tmp_path / "results/tiny" / key for key in KEYS]


def page(made, report=None, pages=lambda _: ""):
    progress = ProgressReader(made).read()
    return ProgressPage(made.config, pages).render(progress, report or ReportState()).decode()


def counts(text):
    found = re.findall(r"<strong>(\d+)</strong> ([^<]+)<", text)
    return {state: int(number) for number, state in found}


def test_before_the_first_run(made):
    text = page(made)
    assert counts(text)["to come"] == 4 and "No training runs now." in text
    assert "it is built as soon as the study has a plan" in text
    assert "End not known yet." in text
    assert "A &lt;b&gt;study&lt;/b&gt;" in text and "<b>study" not in text


def test_every_state_is_shown(made, folders):
    train(folders[0], 60)
    fail(folders[1], "loss.py:3: <no> gradient")
    finish_training(folders[2])
    finish_training(folders[3])
    evaluate(folders[3])
    text = page(made, ReportState(when=1e9, current=True), lambda key: f"report/{key}.html")
    assert counts(text) == {
        **{"done": 1, "training": 1, "trained, not evaluated yet": 1},
        **{"to come": 0, FAILED: 1},
    }
    assert "60 of 92 iterations, loss 0.083, 0.50 s per iteration, 0:16 left" in text
    assert "Trainings end about" in text
    assert re.search(r'<svg class="plot".*Training loss of .* up to iteration 60', text)
    assert "failed: loss.py:3: &lt;no&gt; gradient" in text
    assert f'<a href="report/{KEYS[3]}.html">' in text and "trained, AP 25.0" in text
    assert '<a href="report/">Report</a>, built at' in text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (ReportState(building=True), "it is being built"),
        (ReportState(1e9, current=True, building=True), "a newer one is being built"),
        (ReportState(1e9), "records have changed since"),
        (ReportState(1e9, gone=True), "The plan of the study is gone"),
        (ReportState(1e9, problem="plan.json: <cut>"), "failed: plan.json: &lt;cut&gt;"),
    ],
)
def test_the_state_of_the_report_is_told(made, state, words):
    assert words in page(made, state)


def test_when_all_is_done_no_end_is_estimated(made, folders):
    for folder in folders:
        finish_training(folder)
        evaluate(folder)
    text = page(made)
    assert counts(text)["done"] == 4 and "nd about" not in text and "not known" not in text


def test_the_policy_allows_the_one_script_of_the_page(made):
    policy = ProgressPage(made.config).policy
    assert re.search(r"script-src 'sha256-[\w+/=]+';", policy)
    assert "frame-ancestors 'none'" in policy and "'unsafe-eval'" not in policy
