"""A run's page against its records: measures, intervals, errors and the sweep of thresholds."""

import csv
import json
import re
import shutil
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from rankdet.report import build_report
from rankdet.report.formatting import count, number
from rankdet.report.run_metrics import ERRORS, METRICS
from rankdet.report.sweep_section import OF_BOXES
from tests.report.fake_study import SWEPT, THRESHOLDS, make_study
from tests.report.pages import Page

PAGE = f"runs/{SWEPT}.html"
DIVERGED = "runs/shapes/retinanet/alrp+iou/seed1.html"


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def record(plan: Path, name: str) -> Any:
    return json.loads((plan.parent / SWEPT / name).read_text(encoding="utf-8"))


def facts(path: Path) -> list[tuple[str, str]]:
    """The measures on a page as (name, text), split after split, boxes before masks."""
    text = path.read_text(encoding="utf-8")
    found = []
    for part in re.findall(r'<dl class="facts metrics">(.*?)</dl>', text, re.DOTALL):
        for name, value in re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", part, re.DOTALL):
            plain = [unescape(re.sub(r"<[^>]*>", "", one)) for one in (name, value)]
            found.append((plain[0].rstrip(" ↑↓"), " ".join(plain[1].split())))
    return found


def shown(metrics: Mapping[str, Any], ends: Mapping[str, Any], column: Any) -> str:
    value = metrics[column.metric]
    text = number(None if value is None else value * column.scale, column.decimals)
    low, high = ends.get(column.metric) or (None, None)
    if low is None:
        return text
    low, high = (number(end * column.scale, column.decimals) for end in (low, high))
    return f"{text} [{low} to {high}]"


def test_measures_and_intervals_equal_the_record_and_the_csv(report: Path, fake_plan: Path) -> None:
    boxes, train = record(fake_plan, "metrics.json"), record(fake_plan, "on-train/metrics.json")
    expected = [
        (column.header, shown(one["metrics"], one["intervals"]["metrics"], column))
        for one in (boxes, boxes["segm"], train)
        for column in METRICS
    ]
    assert facts(report / PAGE) == expected
    assert sum("[" in text for _, text in expected) > 30
    assert "the 95% interval over images (200 draws" in Page(report / PAGE).text
    lines = read_csv(report / "runs" / SWEPT / "metrics.csv")
    assert [(line["split"], line["of"]) for line in lines[:: len(METRICS)]] == [
        ("val", "boxes"),
        ("val", "masks"),
        ("train", "boxes"),
    ]
    for line, (name, text), column in zip(lines, expected, METRICS * 3, strict=True):
        value, low, high = (
            number(float(line[key]) if line[key] else None, column.decimals)
            for key in ("value", "low", "high")
        )
        assert line["metric"] == name
        assert text == (f"{value} [{low} to {high}]" if line["low"] else value)


def test_errors_equal_the_record_and_the_csv(report: Path, fake_plan: Path) -> None:
    found = record(fake_plan, "metrics.json")["errors"]
    page = Page(report / PAGE)
    rows = page.table("What each kind of error costs on val, boxes")[1:]
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
    assert f"the AP50 of {number(100 * found['ap_base'])}," in page.text
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
    head, *rows = page.table("Measures and speed at each score threshold")
    lines = read_csv(report / "runs" / SWEPT / "sweep.csv")
    found = record(fake_plan, "sweep.json")["rows"]
    assert [row[0] for row in rows] == [f"{threshold:g}" for threshold in THRESHOLDS]
    assert head[-1] == "images/s ↑" or head[-1] == "images/s"
    for row, line, one in zip(rows, lines, found, strict=True):
        values = [one["detections_per_image"]]
        values += [one["metrics"][c.metric] for c in OF_BOXES]
        scaled = [None if v is None else 100 * v for v in values[1:]]
        speed = one["speed"]["images_per_second"]
        expected = [number(values[0]), *map(number, scaled), number(speed)]
        assert row[1:] == expected
        told = [float(v) if v else None for v in list(line.values())]
        assert [number(v) for v in told[1:]] == expected
        assert told[0] == one["score_threshold"]
    assert rows[-1][1] != rows[0][1]  # the highest threshold throws something away
    charts = [a for tag, a in page.elements if a.get("id", "").startswith("sweep-")]
    assert [a["id"] for a in charts] == ["sweep-sweep-ap", "sweep-sweep-olrp"]
    assert "sweep.svg" in " ".join(page.links())


def test_only_a_run_that_is_swept_shows_a_sweep(report: Path) -> None:
    with_sweep = {path for path in report.rglob("*.html") if 'id="sweep"' in path.read_text()}
    assert with_sweep == {report / PAGE}


def test_a_diverged_run_has_neither_intervals_nor_errors(report: Path) -> None:
    text = Page(report / DIVERGED).text
    assert "interval over images" not in text and "What errors cost" not in text
    folder = (report / DIVERGED).with_suffix("")
    assert {path.name for path in folder.iterdir()} == {"metrics.csv"}
    assert not any(line["value"] or line["low"] for line in read_csv(folder / "metrics.csv"))


def test_a_sweep_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    plan = make_study(tmp_path)
    (plan.parent / SWEPT / "sweep.json").write_text('{"schema": "rankdet.sweep/9"}')
    index = build_report(plan, tmp_path / "html")
    assert "No sweep: sweep.json is missing or cannot be read" in Page(index.parent / PAGE).text
    shutil.rmtree(plan.parent / SWEPT)
    index = build_report(plan, tmp_path / "html")
    assert "No sweep" not in Page(index.parent / PAGE).text
