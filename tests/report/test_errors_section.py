"""Kinds of errors, confused classes, calibration and bounds on a run's page."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rankdet.evaluation.metrics.error_kinds import EVERY_KIND, HIT, IGNORED
from rankdet.evaluation.metrics.matches import read_matches
from rankdet.report import build_report
from rankdet.report.charts.quality import bounds_chart, calibration_chart
from rankdet.report.errors_section import error_view, rank_chart
from rankdet.results.layout import SHOWN
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.records import RecordedStudy, read_study
from tests.report.fake_study import SWEPT
from tests.report.pages import Page

PAGE = f"runs/{SWEPT}.html"


@pytest.fixture()
def study(fake_plan: Path) -> RecordedStudy:
    return read_study(fake_plan)


@pytest.fixture()
def run(study: RecordedStudy) -> RecordedRun:
    return next(run for run in study.runs if run.key == SWEPT)


def view(study: RecordedStudy, run: RecordedRun, **changes):
    matches = read_matches(run.main.folder / "matches.parquet")
    return error_view(study, run.dataset, run.main, replace(matches, **changes))


def test_the_matrix_on_the_page_is_that_of_the_record(report: Path, run: RecordedRun) -> None:
    (table,) = [t for t in Page(report / PAGE).tables if t[0][1:2] == ["detected as"]][:1]
    rows = [[cell.split()[0] if cell else "" for cell in row[1:]] for row in table[2:]]
    per_class = run.main.record.per_class
    for i, one in enumerate(per_class.values()):
        of_class = sum(int(cell) for cell in rows[i])
        assert int(rows[i][i]) == pytest.approx(one["recall"] * of_class)
        detected = sum(int(row[i]) for row in rows)
        assert int(rows[i][i]) == pytest.approx((one["precision"] or 0) * detected)
    assert [row[0] for row in table[2:]][-1] == "no object"


def test_many_classes_are_a_list_of_pairs(
    study: RecordedStudy, run: RecordedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = view(study, run)
    monkeypatch.setattr("rankdet.report.errors_section.MAX_CLASSES", 2)
    many = view(study, run)
    assert few.rows and not many.rows and not many.names
    wanted = sorted(
        (cell.count for i, row in enumerate(few.rows[:-1]) for j, cell in enumerate(row[:-1])
         if i != j and cell.count),
        reverse=True,
    )  # fmt: skip
    assert [pair.count for pair in many.pairs] == wanted


def test_what_is_missing_is_said(
    study: RecordedStudy, run: RecordedRun, tmp_path: Path, fake_plan: Path
) -> None:
    assert "masks" in view(study, run, iou_type="segm").problem
    shutil.copytree(fake_plan.parents[1], tmp_path / "results")
    folder = tmp_path / "results" / fake_plan.parent.name
    (folder / SWEPT / "detections.json").write_text("[{}]")
    (folder / SWEPT / SHOWN).unlink()
    page = Page(build_report(folder / "plan.json", tmp_path / "html").parent / PAGE)
    assert "confused classes are not shown: detections.json: detections cannot be read" in page.text


def test_shares_over_the_rank_count_each_detection_once(
    study: RecordedStudy, run: RecordedRun
) -> None:
    matches = read_matches(run.main.folder / "matches.parquet")
    chart = view(study, run).chart
    assert chart is not None
    total = np.sum([one.y for one in chart.series], axis=0)
    assert total == pytest.approx(100)
    hits = next(one for one in chart.series if one.name == HIT)
    true = (matches.detections["true_all"] & 1 == 1).sum()
    counted = (matches.detections["ignored_all"] & 1 == 0).sum()
    assert hits.x[-1] == counted
    assert hits.y[-1] == pytest.approx(100 * true / counted)


def test_without_detections_there_is_no_curve(run: RecordedRun) -> None:
    matches = read_matches(run.main.folder / "matches.parquet")
    assert rank_chart(matches, np.full(len(matches.detections), EVERY_KIND.index(IGNORED))) is None


def test_curves_of_calibration_and_bounds_are_those_of_the_record(run: RecordedRun) -> None:
    record = json.loads((run.folder / "metrics.json").read_text())
    bounds = bounds_chart(record)
    assert bounds is not None
    drawn = {one.name: one.y.tolist() for one in bounds.series}
    assert drawn["this run"][5] == pytest.approx(100 * record["metrics"]["AP75"])
    assert drawn["best ranking"][5] == pytest.approx(100 * record["bounds"]["upper"]["AP75"])
    assert drawn["worst ranking"][9] == pytest.approx(100 * record["bounds"]["lower"]["AP95"])
    chart = calibration_chart(record)
    assert chart is not None
    bins = [one for one in record["calibration"]["bins"] if one["detections"]]
    assert chart.series[0].y.tolist() == [one["precision"] for one in bins]
    hit = next(i for i, one in enumerate(bins) if one["iou"])
    assert chart.series[1].y[hit] == pytest.approx(bins[hit]["precision"] * bins[hit]["iou"])
    assert calibration_chart({}) is None and bounds_chart({"metrics": record["metrics"]}) is None


def test_the_speed_of_inference_and_the_other_seeds_are_shown(
    report: Path, run: RecordedRun
) -> None:
    milliseconds = 1000 * run.main.speed.seconds_per_image
    assert (
        f"images/s was measured with the usual test: {milliseconds:.1f} ms per image"
        in Page(report / PAGE).text
    )
    page = Page(report / "runs/shapes/retinanet/alrp/seed1.html")
    assert "Seeds of this loss: 1, 2" in page.text and "seed2.html" in page.links()
