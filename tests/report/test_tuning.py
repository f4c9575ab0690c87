"""The report says how each learning rate was chosen."""

from dataclasses import replace

import pytest

from rankdet.report import build_report
from rankdet.report.learning_rates import rate_words, rates, tuning_lines
from rankdet.results.records import read_study
from tests.report.fake_study import as_planned, make_study
from tests.report.pages import Page

TUNED = "rate 0.02: best of 5, 1,500 iterations, held-out <shapes>"
PLAIN = "rate not tuned"


@pytest.fixture
def planned(tmp_path):
    """Returns the fake study with how the rate of each run was chosen."""
    study = read_study(make_study(tmp_path))

    def plan(words):
        return replace(study, runs=tuple(as_planned(r, tuning=words(r)) for r in study.runs))

    return plan


def test_losses_that_were_tuned_alike_are_named_together(planned):
    study = planned(lambda r: "" if r.untrained else TUNED if r.loss == "ap" else PLAIN)
    lines = {line["words"]: line["losses"] for line in tuning_lines(study)}
    assert lines[TUNED] == "AP Loss"
    assert lines[PLAIN].split(", ")[0] == "Focal Loss" and "AP Loss," not in lines[PLAIN]
    assert lines[PLAIN].count("aLRP Loss (iou)") == 1
    assert tuning_lines(planned(lambda r: PLAIN)) == [{"losses": "all losses", "words": PLAIN}]
    assert tuning_lines(planned(lambda r: "")) == []


def test_a_loss_with_two_ways_is_named_with_its_detectors(planned):
    study = planned(lambda r: TUNED if (r.loss, r.detector) == ("ap", "atss") else PLAIN)
    lines = {line["words"]: line["losses"] for line in tuning_lines(study)}
    assert lines[TUNED] == "AP Loss with ATSS"
    assert "AP Loss with RetinaNet" in lines[PLAIN] and "Focal Loss with" not in lines[PLAIN]


def test_pages_show_it(tmp_path):
    path = make_study(tmp_path)
    text = path.read_text()
    start = text.index('"loss": "ap"')
    path.write_text(f'{text[:start]}"tuning": "rate 0.02: best of 5, <b>", {text[start:]}')
    folder = build_report(path, tmp_path / "html").parent
    run = Page(folder / "runs/shapes/retinanet/ap/seed1.html")
    assert "Learning rate 0.02: best of 5, <b>." in " ".join(" ".join(run.words).split())
    front = Page(folder / "index.html")
    assert "AP Loss: rate 0.02: best of 5, <b>." in " ".join(" ".join(front.words).split())
    other = (folder / "runs/shapes/retinanet/focal/seed1.html").read_text()
    assert "Learning rate" not in other


def with_rates(study, rate, words):
    """The study with rates by loss and detector, and how they were chosen."""
    runs = (
        r if r.untrained else as_planned(r, tuning=words(r), settings={**r.settings, "lr": rate(r)})
        for r in study.runs
    )
    return replace(study, runs=tuple(runs))


def test_rates_and_searches_are_said(tmp_path):
    study = with_rates(
        read_study(make_study(tmp_path)),
        lambda r: 0.02 if r.loss == "ap" else 0.001 if r.detector == "atss" else 0.04,
        lambda r: TUNED if r.loss == "ap" else "rate set by the study",
    )
    lines = {line["losses"].split(",")[0]: line["words"] for line in tuning_lines(study)}
    assert lines["AP Loss"] == TUNED  # it names its rate
    unsearched = "set by the study; no search for it is recorded"
    assert lines["Focal Loss"] == f"rate 0.001 to 0.04, {unsearched}"
    table = [(one.loss, one.detector, one.rate) for one in rates(study)]
    assert len(set(table)) == len(table)
    assert ("AP Loss", "RetinaNet", 0.02) in table and ("aLRP Loss", "ATSS", 0.001) in table
    run = next(r for r in study.runs if r.loss == "focal")
    assert rate_words(run) == "rate 0.04, set by the study; no search for it is recorded"
    assert rate_words(next(r for r in study.runs if r.loss == "ap")) == TUNED
    assert not any(one.loss == "untrained" for one in rates(study))


def test_the_rate_that_was_used_comes_before_that_of_a_search(tmp_path):
    words = "rate not tuned; the best of 5 was 0.02 (held-out shapes)"
    study = with_rates(read_study(make_study(tmp_path)), lambda r: 0.01, lambda r: words)
    used = "rate 0.01, not tuned; the best of 5 was 0.02 (held-out shapes)"
    assert [line["words"] for line in tuning_lines(study)] == [used]
    assert rate_words(next(r for r in study.runs if r.loss == "focal")) == used


def test_the_files_that_a_run_page_names_for_all_runs_are_in_the_report(report):
    path = report / "runs/shapes/retinanet/ap/seed1.html"
    (link,) = [href for href in Page(path).links() if href.endswith("leaderboard.csv")]
    assert (path.parent / link).is_file()
    assert "results/fake/leaderboard.csv" not in path.read_text()
