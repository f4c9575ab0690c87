"""The papers' figures that are not curves of gradients: components, score distributions, toys."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rankdet.charts.svg import chart_svg
from rankdet.evaluation.metrics.matches import read_matches
from rankdet.papers.figures import make_figure
from rankdet.papers.figures_components import component_summary, components
from rankdet.papers.figures_scores import score_summary, score_table
from rankdet.papers.figures_toy import toy_boxes
from rankdet.papers.load import load_spec
from rankdet.papers.match import find_runs
from rankdet.papers.spec import Wanted
from rankdet.papers.toy_examples import IOUS, rs_primary_terms, toy_ap, toy_ious, toy_pr
from rankdet.repository import PAPERS
from rankdet.results.records import load_study
from tests.report.fake_study import make_study

FIGURES = sorted(path for path in PAPERS.glob("*/*.yaml") if load_spec(path).kind == "figure")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory):
    return load_study(make_study(tmp_path_factory.mktemp("kinds")))


@pytest.mark.parametrize("path", FIGURES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_figure_is_drawn_from_a_half_finished_study(study, path) -> None:
    figure = make_figure(study, load_spec(path))
    assert len(figure.drawings) == len(figure.table.blocks) >= 1
    for drawing, block in zip(figure.drawings, figure.table.blocks, strict=True):
        assert drawing.charts or all(row.reason for row in block.rows)
        for chart in drawing.charts:
            assert chart.alt and chart_svg(chart, "x").startswith("<svg")


def test_components_are_before_the_weight() -> None:
    frame = pd.DataFrame(
        {
            "iteration": [1, 2, 3, 4],
            "epoch": [1, 1, 2, 2],
            "loss_cls": [0.9, 0.7, 0.5, 0.3],
            "loss_bbox": [5.0, 10.0, 2.0, 4.0],
            "balance_weight": [50.0, 50.0, 4.0, 4.0],
        }
    )
    found = components(frame)
    assert list(found.index) == [2, 4]  # the last iteration of each epoch
    assert found["cls"].tolist() == pytest.approx([0.8, 0.4])
    assert found["loc"].tolist() == pytest.approx([0.15, 0.75])
    assert found["loss"].tolist() == pytest.approx([0.95, 1.15])
    summary = component_summary([frame, frame])
    assert summary["first_loc"] == pytest.approx(0.15) and summary["last_weight"] == 4
    without = component_summary([frame.assign(balance_weight=0.0)])
    assert without["first_loc"] is None and without["first_cls"] == pytest.approx(0.8)


def test_scores_are_normalised_within_image_and_class(study) -> None:
    (run,) = find_runs(study, "shapes", Wanted("retinanet", "ap"))
    matches = read_matches(run.main.folder / "matches.parquet")
    table = score_table(matches)
    rows = matches.detections
    assert len(table) == (rows["best_iou"] > 0).sum()
    oracle = []
    for _, group in rows.groupby(["image_id", "category_id"]):
        for name in ("score", "best_iou"):
            span = group[name].max() - group[name].min()
            scaled = (group[name] - group[name].min()) / span if span > 0 else group[name] * 0 + 1
            oracle += [(index, name, v) for index, v in scaled.items()]
    expected = pd.DataFrame(oracle, columns=["at", "name", "v"]).pivot_table(
        index="at", columns="name", values="v"
    )[rows["best_iou"] > 0]
    assert np.allclose(table["score_normalised"], expected["score"])
    assert np.allclose(table["iou_normalised"], expected["best_iou"])
    only = score_summary([matches], floor=0.5)
    assert only["mean_iou"] > 0.5
    assert score_summary([matches], floor=1.0) == dict.fromkeys(only)


def test_toy_curves_have_the_areas_of_figure_1() -> None:
    for threshold, curves in toy_pr().items():
        for name, precision in curves.items():
            area = float(np.mean(precision[10::10]))
            assert area == pytest.approx(toy_ap()[f"C & {name}"][f"AP{round(100 * threshold)}"])
            assert all(np.diff(precision) <= 0)


def test_toy_boxes_have_the_ious_that_stand_below_them() -> None:
    for chart, ious in zip(toy_boxes(), IOUS.values(), strict=True):
        assert chart_svg(chart, "x").count("<rect") == 8
        pairs = zip(chart.boxes[::2], chart.boxes[1::2], strict=True)
        for (truth, box), iou in zip(pairs, ious, strict=True):
            shift, side = box.x - truth.x, truth.width
            assert (side - shift) / (side + shift) == pytest.approx(iou)
    assert toy_ious()["C & R1"] == dict(zip(("a1", "a3", "a6", "a10"), IOUS["R1"], strict=True))


def test_primary_terms_and_gradients_of_figure_s2() -> None:
    """By hand from equations S4, S7 and S16 for the example of Figure S1."""
    terms = rs_primary_terms()
    assert list(terms["L_4j"].values()) == pytest.approx([0, 0.15, 0.2, 0.2, 0, 0, 0, 0])
    assert list(terms["L_6j"].values()) == pytest.approx([0, 0, 1 / 7, 1 / 7, 0, 1 / 7, 0, 0])
    gradient = list(terms["gradient"].values())
    expected = [0, 0.15, 0.2 + 1 / 7, 0.2 + 1 / 7, -0.55, 1 / 7, -3 / 7, 0]
    assert gradient == pytest.approx([g / 4 for g in expected])
    assert sum(gradient) == pytest.approx(0)


def test_a_figure_without_training_needs_no_study_of_its_own(study) -> None:
    spec = load_spec(PAPERS / "alrp" / "figureA6.yaml")
    figure = make_figure(replace(study, runs=()), spec)
    assert (
        len(figure.drawings[0].charts) == 4
        and figure.table.blocks[0].rows[0].cells[0].published == 0.51
    )
