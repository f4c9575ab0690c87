"""The report's section on the losses' cost."""

import csv
import json

import pytest

from rankdet.papers.published import read_published
from rankdet.report import build_report
from rankdet.report.cost import cost_of
from rankdet.repository import PAPERS
from rankdet.results.records import read_study
from tests.report.fake_study import make_study

ROWS = [
    ("retinanet", "RetinaNet", "focal", "Focal Loss", 60.0, 6.0),
    ("retinanet", "RetinaNet", "alrp", "aLRP Loss", 50.0, 5.4),
    ("retinanet", "RetinaNet", "alrp+iou", "aLRP Loss, IoU", 51.0, 6.6),
    ("atss", "ATSS", "alrp", "aLRP Loss", 20.0, 4.0),
]
RECORD = {
    "schema": "rankdet.cost/1",
    "settings": {"preset": "full", "image_size": 512, "batch_size": 1, "classes": 80, "rounds": 3,
                 "threads": 1},
    "rows": [
        {"detector": d, "loss": n, "titles": {"detector": dt, "loss": lt}, "loss_ms": ms,
         "iteration_s": s, "memory_mb": None, "loss_memory_mb": 52.4, "positives": 56,
         "logits": 2_618_880}
        for d, dt, n, lt, ms, s in ROWS
    ],
    "hardware": {"device": "cpu", "cpu": "A <fast> one", "cores": 2},
}  # fmt: skip
ON_GPU = {**RECORD, "hardware": {"device": "cuda", "cpu": "A <fast> one", "gpu": "A <fast> GPU"}}


@pytest.fixture()
def plan(tmp_path):
    path = make_study(tmp_path)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "cost": "results/fake/cost.json"}))
    (path.parent / "cost.json").write_text(json.dumps(RECORD))
    return path


@pytest.fixture()
def gpu_plan(plan):
    (plan.parent / "cost.json").write_text(json.dumps(ON_GPU))
    return plan


def test_ratios_are_to_the_detectors_first_loss_and_stand_beside_the_papers(gpu_plan):
    plan = gpu_plan
    lines = cost_of(read_study(plan)).lines
    assert [line.ratio for line in lines] == pytest.approx([1, 0.9, 1.1, 1])
    assert [line.published[0][0] for line in lines] == [0.28, 0.80, None, 0.53]
    assert lines[1].published[0][1] == pytest.approx(0.80 / 0.28)
    assert lines[2].published[0][1] is None


def test_every_paper_can_have_times(gpu_plan):
    plan = gpu_plan
    assert [times.paper.name for times in cost_of(read_study(plan)).papers] == ["alrp"]
    record = json.loads(json.dumps(ON_GPU))
    record["rows"][-1]["loss"] = "rs"
    path = plan.parent / "cost.json"
    path.write_text(json.dumps(record))
    cost = cost_of(read_study(plan))
    assert [times.paper.name for times in cost.papers] == ["alrp", "rs"]
    values = read_published(PAPERS / "rs" / "tableS9.csv")["ATSS"]
    assert cost.lines[-1].published == ((None, None), (values["RS Loss (sec)"], 1.0))
    page = build_report(plan, plan.parents[2] / "html").read_text()
    assert "RS Loss paper</th>" in page and "measured on the authors&#39; GPUs" in page


def test_the_page_and_its_csv_have_the_numbers(gpu_plan, tmp_path):
    page = build_report(gpu_plan, tmp_path / "html").read_text()
    section = page[page.index('id="cost"') : page.index('id="datasets"')]
    assert "(A &lt;fast&gt; GPU)" in section
    assert ">0.90</td>" in section
    assert ">2.86</td>" in section  # the paper's .80 s by its .28 s
    rows = list(csv.DictReader((tmp_path / "html" / "cost.csv").open()))
    assert [row["loss"] for row in rows] == [row[3] for row in ROWS]
    assert float(rows[1]["iteration_s"]) == 5.4
    assert float(rows[1]["share"]) == pytest.approx(100 * 0.05 / 5.4)
    assert rows[0]["memory_mb"] == "" and rows[0]["alrp published"] == "0.28"


def test_a_processor_is_not_compared_with_the_papers_gpus(plan, tmp_path):
    page = build_report(plan, tmp_path / "html").read_text()
    section = page[page.index('id="cost"') : page.index('id="datasets"')]
    assert "A &lt;fast&gt; one, 1 thread)" in section and "paper</th>" not in section
    assert "The papers measured their times on GPUs" in section
    # 20 ms of 4 s, and 60 ms of 6 s
    assert "the loss alone takes <b>0.5% to 1.0%</b> of the time" in section
    assert "alrp published" not in (tmp_path / "html" / "cost.csv").read_text()


@pytest.mark.parametrize("content", [None, "{", '{"schema": "rankdet.cost/9"}'])
def test_a_missing_or_unreadable_measurement_is_said(plan, tmp_path, content):
    path = plan.parent / "cost.json"
    path.unlink() if content is None else path.write_text(content)
    page = build_report(plan, tmp_path / "html").read_text()
    assert "Not measured: cost.json" in page


def test_a_study_that_does_not_ask_has_no_section(tmp_path):
    page = build_report(make_study(tmp_path), tmp_path / "html").read_text()
    assert 'id="cost"' not in page
