"""A run's page against its records: metrics, intervals, errors and the sweep of thresholds."""

import csv
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from rankdet.evaluation.metric import MASKS, RUN, SPARSITY, SWEEP, Metric
from rankdet.evaluation.registry import shown_in, values
from rankdet.report import build_report
from rankdet.report.formatting import count, number
from rankdet.report.run_metrics import ERRORS
from rankdet.report.variants_section import variant_lines
from rankdet.results.records import read_study
from tests.report.fake_study import SWEPT, THRESHOLDS, as_planned, make_study
from tests.report.pages import Page

PAGE = f"runs/{SWEPT}.html"
DIVERGED = "runs/shapes/retinanet/alrp+iou/seed1.html"


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def record(plan: Path, name: str) -> Any:
    return json.loads((plan.parent / SWEPT / name).read_text(encoding="utf-8"))


def facts(path: Path) -> list[tuple[str, str]]:
    """The metrics on a page as (name, text), split after split, boxes before masks."""
    text = path.read_text(encoding="utf-8")
    found = []
    for part in re.findall(r'<dl class="facts metrics">(.*?)</dl>', text, re.DOTALL):
        for name, value in re.findall(r"<dt[^>]*>(.*?)</dt><dd>(.*?)</dd>", part, re.DOTALL):
            plain = [unescape(re.sub(r"<[^>]*>", "", one)) for one in (name, value)]
            found.append((plain[0].rstrip(" ↑↓"), " ".join(plain[1].split())))
    return found


def shown(values: Mapping[str, Any], intervals: Mapping[str, Any], metric: Metric) -> str:
    text = number(metric.printed(values), metric.decimals)
    low, high = intervals["metrics"].get(metric.key) or (None, None)
    if low is None:
        return text
    low, high = (number(end * metric.scale, metric.decimals) for end in (low, high))
    mark = "≈ " if metric.key in intervals["approximate"] else ""
    return f"{text} {mark}[{low} to {high}]"


def test_metrics_and_intervals_equal_the_record_and_the_csv(report: Path, fake_plan: Path) -> None:
    boxes, train = record(fake_plan, "metrics.json"), record(fake_plan, "on-train/metrics.json")
    speeds = [record(fake_plan, "speed.json"), record(fake_plan, "on-train/speed.json")]
    records = [
        {**boxes, "speed": speeds[0]},
        boxes["segm"],
        {**train, "speed": speeds[1]},
    ]
    metrics = [[m for m in shown_in(RUN) if m.key in values(one)] for one in records]
    expected = [
        (metric.header, shown(values(one), one["intervals"], metric))
        for one, metrics_of_one in zip(records, metrics, strict=True)
        for metric in metrics_of_one
    ]
    assert facts(report / PAGE) == expected
    assert sum("[" in text for _, text in expected) > 30
    named = dict(expected)
    assert named["D-ECE"] == number(100 * train["calibration"]["D_ECE"])
    assert named["LaECE"] == number(100 * train["calibration"]["LaECE"])
    assert named["AP, worst ranking"] == number(100 * train["bounds"]["lower"]["AP"])
    assert named["AP, best ranking"] == number(100 * train["bounds"]["upper"]["AP"])
    assert named["images/s"] == number(speeds[1]["images_per_second"])
    assert "the 95% interval over images (1000 draws" in Page(report / PAGE).text
    lines = read_csv(report / "runs" / SWEPT / "metrics.csv")
    parts = [("val", "boxes"), ("val", "masks"), ("train", "boxes")]
    told = [part for part, found in zip(parts, metrics, strict=True) for _ in found]
    assert [(line["split"], line["of"]) for line in lines] == told
    every = [metric for found in metrics for metric in found]
    for line, (name, text), metric in zip(lines, expected, every, strict=True):
        value, low, high = (
            number(float(line[key]) if line[key] else None, metric.decimals)
            for key in ("value", "low", "high")
        )
        assert (line["metric"], line["name"]) == (metric.key, name)
        mark = "≈ " if line["approximate"] else ""
        assert text == (f"{value} {mark}[{low} to {high}]" if line["low"] else value)
    assert {line["metric"] for line in lines if line["approximate"]} >= {"AP50", "oLRP_FN"}


def test_objects_per_image_equal_the_record_and_the_csv(report: Path, fake_plan: Path) -> None:
    bins = record(fake_plan, "metrics.json")["sparsity"]
    head, *rows = Page(report / PAGE).table("Metrics by objects per image on val, boxes")
    lines = read_csv(report / "runs" / SWEPT / "sparsity.csv")
    lines = [line for line in lines if (line["split"], line["of"]) == ("val", "boxes")]
    metrics = shown_in(SPARSITY)
    assert [name.rstrip(" ↑↓") for name in head[3:]] == [m.header for m in metrics]
    assert [row[0] for row in rows] == ["0-3", "4-8", "9-20", "21+"]
    for row, line, one in zip(rows, lines, bins, strict=True):
        assert row[1:3] == [count(one["images"]), count(one["objects"])]
        assert row[3:] == [number(m.printed(one), m.decimals) for m in metrics]
        assert line["objects per image"] == row[0]
        assert [float(line[m.header]) if line[m.header] else None for m in metrics] == [
            m.printed(one) for m in metrics
        ]
    assert rows[0][3] != "–"


def test_errors_equal_the_record_and_the_csv(report: Path, fake_plan: Path) -> None:
    found = record(fake_plan, "metrics.json")["errors"]
    page = Page(report / PAGE)
    rows = page.table("Cost of each kind of error on val, boxes")[1:]
    lines = read_csv(report / "runs" / SWEPT / "errors.csv")
    lines = [line for line in lines if (line["split"], line["of"]) == ("val", "boxes")]
    assert [line["error"] for line in lines] == list(ERRORS)
    assert set(found["delta_ap"]) == set(ERRORS) and len(rows) == len(ERRORS)
    for row, line in zip(rows, lines, strict=True):
        kind = line["error"]
        title, meaning = ERRORS[kind]
        assert row[0] == f"{title} {kind}"
        assert row[1] == number(100 * found["delta_ap"][kind], 1, sign=True)
        assert row[2] == count(found["counts"].get(kind))
        assert row[3].lower() == meaning.lower() and row[3].endswith(".")
        assert float(line["AP50 gained"]) == pytest.approx(100 * found["delta_ap"][kind], abs=1e-6)
        assert line["count"] == str(found["counts"].get(kind, ""))
    assert f"The gain in AP50 (now {number(100 * found['ap_base'])})" in page.text
    assert found["ap_base"] == pytest.approx(record(fake_plan, "metrics.json")["metrics"]["AP50"])


def test_bars_are_as_long_as_the_gains(report: Path, fake_plan: Path) -> None:
    found = record(fake_plan, "metrics.json")["errors"]["delta_ap"]
    gains = [found[kind] for kind in ERRORS]
    text = (report / PAGE).read_text(encoding="utf-8")
    shares = [float(share) for share in re.findall(r"--share: ([0-9.]+)\"", text)][: len(gains)]
    assert shares == pytest.approx([max(g, 0) / max(gains) for g in gains], abs=5e-4)
    assert max(shares) == 1


def test_the_sweep_equals_its_record_and_its_csv(report: Path, fake_plan: Path) -> None:
    page = Page(report / PAGE)
    head, *rows = page.table("Metrics and speed at each score threshold")
    lines = read_csv(report / "runs" / SWEPT / "sweep.csv")
    found = record(fake_plan, "sweep.json")["rows"]
    assert [row[0] for row in rows] == [f"{threshold:g}" for threshold in THRESHOLDS]
    metrics = shown_in(SWEEP)
    masks = shown_in(MASKS) if "segm" in found[0] else ()
    assert [m.key for m in metrics[:4]] == ["AP", "AP50", "AP75", "AP90"]
    assert {"speed.images_per_second", "detections_per_image"} <= {m.key for m in metrics}
    names = [name.rstrip(" ↑↓") for name in head[1:]]
    assert names == [*(m.header for m in metrics), *(m.of_masks().header for m in masks)]
    for row, line, one in zip(rows, lines, found, strict=True):
        flat = {**one["metrics"], "detections_per_image": one["detections_per_image"]}
        flat["speed.images_per_second"] = one["speed"]["images_per_second"]
        expected = [number(m.printed(flat), m.decimals) for m in metrics]
        assert row[1 : len(metrics) + 1] == expected
        told = [float(v) if v else None for v in list(line.values())]
        assert [number(v) for v in told[1 : len(metrics) + 1]] == expected
        assert told[0] == one["score_threshold"]
    assert rows[-1][1] != rows[0][1]  # the highest threshold throws something away
    usual = record(fake_plan, "speed.json")["images_per_second"]
    assert f"with the {number(usual)} images/s of the usual test above" in page.text
    assert "Speeds at other score thresholds are from other jobs." in page.text
    charts = [a for tag, a in page.elements if a.get("id", "").startswith("sweep-")]
    assert [a["id"] for a in charts] == ["sweep-sweep-ap", "sweep-sweep-olrp"]
    assert "sweep.svg" in " ".join(page.links())


def test_only_a_run_that_is_swept_shows_a_sweep(report: Path) -> None:
    with_sweep = {path for path in report.rglob("*.html") if 'id="sweep"' in path.read_text()}
    assert with_sweep == {report / PAGE}


def test_a_diverged_run_has_neither_intervals_nor_errors(report: Path) -> None:
    text = Page(report / DIVERGED).text
    assert "interval over images" not in text and "Cost of errors" not in text
    folder = (report / DIVERGED).with_suffix("")
    assert {path.name for path in folder.iterdir()} == {"metrics.csv", "sparsity.csv"}
    lines = read_csv(folder / "metrics.csv")
    known = [line["metric"] for line in lines if line["value"] or line["low"]]
    assert set(known) == {"training.seconds_per_iteration"}


def test_a_sweep_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    plan = make_study(tmp_path)
    (plan.parent / SWEPT / "sweep.json").write_text('{"schema": "rankdet.sweep/9"}')
    index = build_report(plan, tmp_path / "html")
    assert "No sweep: sweep.json has schema 'rankdet.sweep/9'" in Page(index.parent / PAGE).text
    shutil.rmtree(plan.parent / SWEPT)
    index = build_report(plan, tmp_path / "html")
    assert "No sweep" not in Page(index.parent / PAGE).text


def test_a_test_variant_stands_beside_the_usual_test(fake_plan: Path, tmp_path: Path) -> None:
    folder = fake_plan.parent / SWEPT
    found = record(fake_plan, "metrics.json")
    study = read_study(fake_plan)
    run = next(run for run in study.runs if run.key == SWEPT)
    here = as_planned(replace(run, folder=tmp_path), test_variants=("lrp", "late"))
    (tmp_path / "test-lrp").mkdir()
    shutil.copy(folder / "metrics.json", tmp_path / "test-lrp" / "metrics.json")
    usual, variant, missing = variant_lines(here)
    assert (usual.name, variant.name, missing.name) == ("usual test", "lrp", "late")
    assert usual.values == variant.values
    assert usual.values[0] == pytest.approx(100 * found["metrics"]["AP"], abs=1e-6)
    assert missing.reason == "not evaluated yet"
    assert variant_lines(run) == ()


def test_the_page_says_what_training_left_out(fake_plan: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(fake_plan.parents[1], results)
    folder = results / fake_plan.parent.name
    manifest = json.loads((folder / "shapes/dataset.json").read_text())
    manifest["splits"]["train"]["left_out"] = {"dropped": 0, "below_1_px": 1234, "crowd": 2}
    (folder / "shapes/dataset.json").write_text(json.dumps(manifest))
    pages = build_report(folder / "plan.json", tmp_path / "html").parent / "runs/shapes/retinanet"
    told = "training does not use: with a width or height below 1 pixel (1,234), crowds (2)."
    assert told in Page(pages / "ap/seed1.html").text
    assert "training does not use" not in Page(pages / "untrained/seed1.html").text


def test_a_test_variant_has_all_its_metrics_on_the_page(fake_plan: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(fake_plan.parents[1], results)
    folder = results / fake_plan.parent.name
    plan = json.loads((folder / "plan.json").read_text())
    entry = next(one for one in plan["runs"] if one["key"] == SWEPT)
    entry["test_variants"] = ["big img", "late"]
    (folder / "plan.json").write_text(json.dumps(plan))
    found = {**record(fake_plan, "metrics.json"), "metrics": {"AP": 0.123, "AP50": 0.456}}
    (folder / SWEPT / "test-big img").mkdir()
    (folder / SWEPT / "test-big img/metrics.json").write_text(json.dumps(found))
    page = Page(build_report(folder / "plan.json", tmp_path / "html").parent / PAGE)
    anchors = [link[1:] for link in page.links() if link.startswith("#test-")]
    assert len(anchors) == 2 and set(anchors) <= set(page.ids())  # from the contents and the table
    assert "All metrics of test “big img” Boxes AP AP ↑12.3" in page.text
    assert "test “late”" not in page.text
