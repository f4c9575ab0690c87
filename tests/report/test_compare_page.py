"""Comparison pages: which images are chosen, and the same curves and numbers as elsewhere."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from rankdet.charts.svg import chart_svg
from rankdet.evaluation.metrics.matches import Matches, read_matches
from rankdet.evaluation.shown import limits_of_classes
from rankdet.papers.comparison_charts import comparison_charts
from rankdet.papers.figure_kinds import figure_kind
from rankdet.report.compare_charts import CURVES, Records, class_differences
from rankdet.report.compare_tables import SHOWN, against, make_line, texts
from rankdet.report.image_errors import choose_images, image_errors, object_counts, operating_rows
from rankdet.results.layout import MATCHES
from rankdet.results.records import RecordedStudy, read_study

COMPARE = "compare/shapes/retinanet.html"
LOSSES = ["ap", "alrp", "focal", "alrp+iou", "rs"]  # the reference, then by AP


@pytest.fixture(scope="module")
def study(seeds_plan: Path) -> RecordedStudy:
    return read_study(seeds_plan)


@pytest.fixture(scope="module")
def data(seeds: Path) -> dict:
    source = (seeds / COMPARE).read_text(encoding="utf-8")
    return json.loads(re.search(r'id="compare-data">(.*?)</script>', source).group(1))


@pytest.mark.parametrize("name", CURVES)
def test_curves_are_those_of_the_publication_figure(
    seeds: Path, study: RecordedStudy, data: dict, name: str
) -> None:
    losses = [data["losses"][at]["key"] for at in data["drawn"]]
    assert losses[0] == "ap" and sorted(losses) == sorted(LOSSES)
    source = (seeds / COMPARE).read_text(encoding="utf-8")
    charts = comparison_charts(study, figure_kind(name), "shapes", "retinanet", losses)
    found = [chart_svg(chart, f"compare-{name}") in source for chart in charts]
    assert found[0] and sum(found) == (1 if name == "gradient_balance" else len(charts))


def test_differences_to_any_reference_are_those_of_the_means(
    study: RecordedStudy, data: dict
) -> None:
    means = {}
    for loss in data["losses"]:
        runs = [r for r in study.runs if r.full_loss == loss["key"] and not r.untrained]
        counted = [r for r in runs if r.learned] or runs
        means[loss["key"]] = 100 * sum(r.main.metrics["AP"] for r in counted) / len(counted)
    keys = [loss["key"] for loss in data["losses"]]
    for at, reference in enumerate(keys):
        for line, key in enumerate(keys):
            cell = data["differences"][str(at)][line]
            if at == line:
                assert not any(cell)
                continue
            shown = float(cell[0][0].split(" ")[0].replace("−", "-"))
            assert shown == pytest.approx(means[key] - means[reference], abs=0.051)


def test_differences_by_class_are_those_of_the_means(study: RecordedStudy, data: dict) -> None:
    def mean(key: str, name: str) -> float:
        every = [r for r in study.runs if r.full_loss == key and not r.untrained]
        runs = [r for r in every if r.learned] or every
        values = [
            found["AP"]
            for r in runs
            for category, found in r.main.per_class.items()
            if r.main.class_names[category] == name
        ]
        assert len(values) == len(runs)
        return 100 * sum(values) / len(values)

    keys = [loss["key"] for loss in data["losses"]]
    weak = {r.full_loss for r in study.runs if not r.learned}
    assert {"focal", "rs"} <= weak  # one seed of the first, and every seed of the second
    assert len(data["classes"]["pairs"]) == 10
    for pair, cells in data["classes"]["pairs"].items():
        a, b = (keys[int(at)] for at in pair.split(","))
        for name, (value, low, high) in zip(data["classes"]["names"], cells, strict=True):
            assert value == pytest.approx(mean(b, name) - mean(a, name), abs=1e-3)
            assert low is None or low < value < high
            assert (low is None) == ("iou" in f"{a} {b}")  # one seed has no interval


def test_numbers_of_classes_are_rounded_once_for_page_and_script(study: RecordedStudy) -> None:
    """Else .24996 is .2 on the page, and the script that gets .25 writes .3."""
    runs = [run for run in study.runs if not run.untrained][:3]
    records = Records({run.key: [run] for run in runs}, {})
    found = class_differences(records)
    assert found
    for one in (one for classes in found.values() for one in classes.values()):
        for value in (one.value, one.low, one.high):
            assert value is None or value == round(value, 4) or abs(value) < 1e-4


def test_a_class_is_chosen_by_its_name_as_it_is(seeds: Path) -> None:
    """A browser takes the text of an option without double spaces, and finds no such class."""
    source = (seeds / COMPARE).read_text(encoding="utf-8")
    options = re.search(r'<select id="category">(.*?)</select>', source, re.DOTALL).group(1)
    found = re.findall(r'<option value="([^"]*)">(.*?)</option>', options)
    assert len(found) == options.count("<option") > 3
    names = {value for value, _ in found[1:]}
    assert set(re.findall(r'data-category="([^"]*)"', source)) <= names


def table(rows: list[tuple[int, int, float, float]], truths: list[int]) -> Matches:
    """Matches of one class: image, annotation (-1 without), IoU and score; image of each object."""
    found = pd.DataFrame(rows, columns=["image_id", "annotation", "iou", "score"])
    found = found.assign(category_id=1, detection=range(len(rows)), ignored_all=0)
    truth = pd.DataFrame({"image_id": truths, "ignored_all": False})
    return Matches(found, truth, pd.Index([1, 2, 3, 4]).to_numpy(), pd.Index([1]).to_numpy(), {})


def test_the_error_of_an_image_is_lrp() -> None:
    rows = [(1, 7, 0.9, 0.8), (1, -1, float("nan"), 0.7), (2, 8, 0.6, 0.6), (3, -1, 0.1, 0.1)]
    matches = table(rows, [1, 1, 2, 3])
    shown = operating_rows(matches.detections, {1: 0.5}, 10)
    assert shown["score"].tolist() == [0.8, 0.7, 0.6]
    errors = image_errors(matches, shown)
    # One hit (1 − .9) / .5, one false alarm, one miss of three; one hit; one miss; nothing at all.
    assert errors.tolist() == pytest.approx([(0.2 + 1 + 1) / 3, 0.8, 1.0, 0.0])
    assert object_counts(matches).tolist() == [2, 1, 1, 0]


def test_without_thresholds_the_best_of_each_image_count() -> None:
    rows = [(1, -1, 0.0, score / 10) for score in range(5)] + [(2, -1, 0.0, 0.05)]
    shown = operating_rows(table(rows, [1]).detections, {}, 2)
    assert sorted(shown["score"]) == [0.05, 0.3, 0.4]
    assert operating_rows(table(rows, [1]).detections, {2: 0.0}, 2).empty  # class 1 has none


def test_images_are_chosen_where_losses_differ_at_every_number_of_objects() -> None:
    ids = list(range(30))
    objects = pd.Series([i // 10 + 1 for i in ids], index=ids)  # 1, 2 and 3 objects
    good = pd.Series(0.1, index=ids)
    bad = good.copy()
    bad[[4, 14, 24]] = 0.9  # differ most
    bad[[5, 15, 25]] = 0.5
    for one in (good, bad):
        one[[7, 17, 27]] = 0.95  # hard for both
    chosen = choose_images([good, bad], objects)
    assert [one.image_id for one in chosen] == [4, 5, 14, 15, 24, 25, 7, 17, 27]
    assert [one.why for one in chosen] == ["differ"] * 6 + ["hardest"] * 3
    assert chosen[0].errors == (0.1, 0.9)
    perfect = choose_images([good * 0, good * 0], objects)
    assert [one.why for one in perfect] == ["differ"] * 6  # no image is hard


def test_errors_of_a_page_are_those_of_its_runs(study: RecordedStudy, data: dict) -> None:
    errors = []
    for at in data["drawn"]:
        runs = [r for r in study.runs if r.full_loss == data["losses"][at]["key"]]
        run = next((r for r in runs if r.learned), runs[0])
        matches = read_matches(run.folder / MATCHES)
        shown = operating_rows(matches.detections, limits_of_classes(run.main.per_class), 10)
        errors.append(image_errors(matches, shown))
    chosen = choose_images(errors, object_counts(matches))
    assert [list(one.errors) for one in chosen] == data["errors"] and len(chosen) > 5
    assert max(data["errors"][0]) > min(data["errors"][0])


def test_names_in_the_data_cannot_end_it(report: Path) -> None:
    source = (report / COMPARE).read_text(encoding="utf-8")
    text = re.search(r'id="compare-data">(.*?)</script>', source).group(1)
    assert "<" not in text
    names = [loss["name"] for loss in json.loads(text)["losses"]]
    assert "<img src=x onerror=alert(1)>" in names and len(names) == len(set(names))


def test_differences_in_times_and_calibration_are_no_verdicts(study: RecordedStudy) -> None:
    """Their seeds lie far apart, so a test would call them different."""
    lines = []
    for at, loss in enumerate(("ap", "alrp")):
        runs = [r for r in study.runs if r.full_loss == loss and not r.untrained]
        line = make_line(loss, runs)
        near = {m.key: [at + 0.001 * k for k in range(5)] for m in SHOWN}
        lines.append(replace(line, values=near))
    found = against(study, lines, 0)[1]
    assert found["AP"].significant and found["AP"].value == pytest.approx(1)
    calibration, time = found["D_ECE"], found["speed.images_per_second"]
    assert calibration.low > 0 and not calibration.significant
    assert time.low is None and time.p is None and time.value == pytest.approx(1)
    bold = {m.key for m, cell in zip(SHOWN, texts([found])[0], strict=True) if cell[1]}
    assert bold == {m.key for m in SHOWN} - {"D_ECE", "LaECE", "speed.images_per_second"}
