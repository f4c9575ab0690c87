"""Figures other than gradient curves: components, score distributions, toy examples."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rankdet.charts.svg import chart_svg
from rankdet.errors import InputError
from rankdet.evaluation.metrics.matches import read_matches
from rankdet.evaluation.metrics.normalised_scores import score_means, score_table
from rankdet.files import import_file
from rankdet.papers import folders
from rankdet.papers.figure_kinds import ComputedFigure, FigureOfRuns, figure_kind, no_values
from rankdet.papers.figures import make_figure
from rankdet.papers.folders import figure_kinds, spec_paths
from rankdet.papers.load import load_spec
from rankdet.papers.match import find_runs
from rankdet.papers.spec import RunRequest
from rankdet.repository import FIGURES, PAPERS
from rankdet.results.records import read_study
from tests.report.fake_study import make_study

SPECS = [path for path in spec_paths() if load_spec(path).kind == "figure"]
TOY = import_file(PAPERS / "alrp" / "toy_example.py")
RS = import_file(PAPERS / "rs" / "example.py")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory):
    return read_study(make_study(tmp_path_factory.mktemp("kinds")))


@pytest.mark.parametrize("path", SPECS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_figure_is_drawn_from_a_half_finished_study(study, path) -> None:
    figure = make_figure(study, load_spec(path))
    assert len(figure.drawings) == len(figure.table.blocks) >= 1
    for drawing, block in zip(figure.drawings, figure.table.blocks, strict=True):
        # One learning rate is nothing to compare.
        alone = figure.table.spec.figure == "ap_over_rates"
        assert bool(drawing.charts) != alone or all(row.reason for row in block.rows)
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
    file = import_file(FIGURES / "components.py")
    found = file.components(frame)
    assert list(found.index) == [2, 4]  # the last iteration of each epoch
    assert found["cls"].tolist() == pytest.approx([0.8, 0.4])
    assert found["loc"].tolist() == pytest.approx([0.15, 0.75])
    assert found["loss"].tolist() == pytest.approx([0.95, 1.15])
    summary = file.summary([frame, frame])
    assert summary["first_loc"] == pytest.approx(0.15) and summary["last_weight"] == 4
    without = file.summary([frame.assign(balance_weight=0.0)])
    assert without["first_loc"] is None and without["first_cls"] == pytest.approx(0.8)


def test_scores_are_normalised_within_image_and_class(study) -> None:
    (run,) = find_runs(study, "shapes", RunRequest("retinanet", "ap"))
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
    only = score_means([matches], floor=0.5)
    assert only["mean_iou"] > 0.5
    assert score_means([matches], floor=1.0) == dict.fromkeys(only)


def test_toy_curves_have_the_areas_of_figure_1() -> None:
    for threshold, curves in TOY.curves().items():
        for name, precision in curves.items():
            area = float(np.mean(precision[10::10]))
            assert area == pytest.approx(
                TOY.ap_table()[f"C & {name}"][f"AP{round(100 * threshold)}"]
            )
            assert all(np.diff(precision) <= 0)


def test_toy_boxes_have_the_printed_ious() -> None:
    for chart, ious in zip(figure_kind("toy_boxes").charts(TOY), TOY.IOUS.values(), strict=True):
        assert chart_svg(chart, "x").count("<rect") == 8
        pairs = zip(chart.boxes[::2], chart.boxes[1::2], strict=True)
        for (truth, box), iou in zip(pairs, ious, strict=True):
            shift, side = box.x - truth.x, truth.width
            assert (side - shift) / (side + shift) == pytest.approx(iou)
    assert TOY.iou_table()["C & R1"] == dict(
        zip(("a1", "a3", "a6", "a10"), TOY.IOUS["R1"], strict=True)
    )


def test_primary_terms_and_gradients_of_figure_s2() -> None:
    """By hand from equations S4, S7 and S16 for the example of Figure S1."""
    terms = RS.primary_term_table()
    assert list(terms["L_4j"].values()) == pytest.approx([0, 0.15, 0.2, 0.2, 0, 0, 0, 0])
    assert list(terms["L_6j"].values()) == pytest.approx([0, 0, 1 / 7, 1 / 7, 0, 1 / 7, 0, 0])
    gradient = list(terms["gradient"].values())
    expected = [0, 0.15, 0.2 + 1 / 7, 0.2 + 1 / 7, -0.55, 1 / 7, -3 / 7, 0]
    assert gradient == pytest.approx([g / 4 for g in expected])
    assert sum(gradient) == pytest.approx(0)


def test_a_computed_figure_does_not_depend_on_the_study(study) -> None:
    spec = load_spec(PAPERS / "alrp" / "figureA6.yaml")
    figure = make_figure(replace(study, runs=()), spec)
    assert (
        len(figure.drawings[0].charts) == 4
        and figure.table.blocks[0].rows[0].cells[0].published == 0.51
    )


def test_every_kind_is_used_and_has_a_docstring() -> None:
    used = {load_spec(path).figure for path in SPECS}
    without = {name for name in figure_kinds() if name not in used}
    for name in without:  # these compare the losses of a detector
        kind = figure_kind(name)
        assert isinstance(kind, FigureOfRuns) and kind.summary is no_values, name
    assert used and without and used <= set(figure_kinds())
    for name, path in figure_kinds().items():
        assert isinstance(figure_kind(name), FigureOfRuns | ComputedFigure)
        assert (import_file(path).__doc__ or "").strip(), name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", r"pie\.py: FIGURE is missing"),
        ("x = 1\ndef f(:\n", r"pie\.py:2: "),
        ("x = 1\n\nimport nothing_here\n", r"pie\.py:3: ModuleNotFoundError: No module named"),
        ("def f():\n    return {}['a']\n\nf()\n", r"pie\.py:2: KeyError: 'a'"),
    ],
)
def test_a_broken_kind_names_file_and_line(tmp_path, monkeypatch, text, message) -> None:
    (tmp_path / "pie.py").write_text(text)
    monkeypatch.setattr(folders, "FIGURES", tmp_path)
    with pytest.raises(InputError, match=message):
        figure_kind("pie")
    with pytest.raises(InputError, match="figure 'pi' is unknown; did you mean 'pie'"):
        figure_kind("pi")


def test_runs_older_than_the_plan_are_not_drawn(study) -> None:
    run = next(run for run in study.runs if run.status == "trained")
    reason = "older than the plan: the loss changed; run the study again"
    older = replace(run, status="stale", reason=reason)
    drawn = 0
    for name in figure_kinds():
        kind = figure_kind(name)
        if isinstance(kind, FigureOfRuns) and kind.unusable(run, None) is None:
            drawn += 1
            assert kind.unusable(older, None) == f"seed {run.seed}: {reason}"
    assert drawn > 5
