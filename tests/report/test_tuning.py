"""The report says how each learning rate was chosen."""

from dataclasses import replace

import pytest

from rankdet.report import build_report
from rankdet.report.index_page import tuning_lines
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
