import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rankdet.charts.axis import linear_axis, log_axis, rate_label
from rankdet.charts.chart import Chart, Series
from rankdet.charts.colours import COLOURS
from rankdet.charts.points import thin
from rankdet.charts.svg import chart_svg, figure_svg
from rankdet.errors import InputError
from rankdet.papers.figures import FOR_PAPERS, build_figure, make_figure, with_other_losses
from rankdet.papers.load import load_spec
from rankdet.papers.match import find_runs
from rankdet.papers.spec import RunRequest
from rankdet.report.charts.training import training_charts, training_rates
from rankdet.repository import PAPERS
from rankdet.results.records import read_study
from rankdet.results.training_record import training_record
from tests.report.fake_study import HOSTILE_LOSS, as_planned, make_study, with_plan

FIGURE4 = PAPERS / "alrp" / "figure4.yaml"


@pytest.mark.parametrize(
    ("low", "high", "exact", "expected"),
    [
        (0, 1, True, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 300, True, [0, 100, 200, 300]),
        (0, 1.7, False, [0, 0.5, 1, 1.5, 2]),
        (0.5, 1, False, [0.5, 0.6, 0.7, 0.8, 0.9, 1]),
        (-0.3, 0.9, False, [-0.5, 0, 0.5, 1]),
        (2, 2, False, [2, 2.2, 2.4, 2.6, 2.8, 3]),
    ],
)
def test_linear_ticks(low: float, high: float, exact: bool, expected: list[float]) -> None:
    axis = linear_axis(low, high, None, exact)
    assert [value for value, _ in axis.ticks] == pytest.approx(expected)
    assert axis.low <= low and axis.high >= high
    assert axis.fraction(np.array([axis.low, axis.high])).tolist() == [0, 1]


def test_log_ticks() -> None:
    assert [v for v, _ in log_axis(0.5, 2, None).ticks] == [0.5, 1, 2]
    assert [v for v, _ in log_axis(0.2, 1100, None).ticks] == [1, 10, 100, 1000]
    axis = log_axis(0.01, 100, None)
    assert axis.fraction(np.array([1.0])) == pytest.approx(0.5)
    assert axis.fraction(np.array([0.0])) == 0  # values without a logarithm are at the lower end


def test_rate_labels_are_the_papers() -> None:
    assert [rate_label(v) for v in (0.2, 0.5, 1, 10, 1 / 4.269)] == [
        "1/5",
        "1/2",
        "1",
        "10",
        "1/4.27",
    ]


def test_thinning_keeps_the_mean() -> None:
    x = np.arange(1, 10_001, dtype=float)
    y = np.where(x % 7 == 0, np.nan, x**2)
    few_x, few_y = thin(x, y)
    assert len(few_x) == 300
    assert np.mean(few_y) == pytest.approx(np.nanmean(y), rel=0.01)
    assert thin(x[:600], x[:600])[0].tolist() == x[:600].tolist()


def test_charts_are_well_formed_and_escaped() -> None:
    x = np.array([1.0, 2.0, np.nan, 4.0])
    series = (
        Series(HOSTILE_LOSS, x, x, x - 1, x + 1),
        Series("dots & more", x[:2], x[:2], dots=True),
    )
    chart = Chart("a", 'says "<script>"', "x & y", "<y>", series)
    for text in (chart_svg(chart, "p q"), figure_svg([chart, chart], "t"), figure_svg([], "t")):
        ET.fromstring(text)
        assert "<script>" not in text and "<img" not in text and "nan" not in text
    assert chart_svg(chart, "p q") == chart_svg(chart, "p q")
    assert 'id="p-q-a"' in chart_svg(chart, "p q")
    assert HOSTILE_LOSS in chart.data()["series"].tolist()


def test_a_marked_curve_has_a_dot_at_every_value() -> None:
    x, y = np.array([0.0, 0.1, 0.4]), np.array([3.0, np.nan, 1.0])
    marked = chart_svg(Chart("a", "t", "x", "y", (Series("s", x, y, marked=True),)), "p")
    plain = chart_svg(Chart("a", "t", "x", "y", (Series("s", x, y),)), "p")
    assert marked.count("h0") == 2 and "h0" not in plain and "nan" not in marked


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_colours_have_contrast_on_light_and_dark() -> None:
    dark = luminance("#14171c")
    for colour in COLOURS:
        assert 1.05 / (luminance(colour) + 0.05) >= 3
        assert (luminance(colour) + 0.05) / (dark + 0.05) >= 3


def test_a_resumed_training_counts_each_iteration_once(tmp_path: Path) -> None:
    plan = make_study(tmp_path)
    (run,) = find_runs(read_study(plan), "shapes", RunRequest("retinanet", "ap"))
    path = run.folder / "train.parquet"
    frame = pd.read_parquet(path)
    again = frame[frame["iteration"] > 250].assign(loss=9.0)
    pd.concat([frame, again]).to_parquet(path, index=False)
    record = training_record(run)
    assert record["iteration"].tolist() == list(range(1, 301))
    assert (record["loss"][250:] == 9.0).all() and (record["loss"][:250] != 9.0).all()


def test_training_charts_show_what_varies(tmp_path: Path) -> None:
    frame = pd.DataFrame({"iteration": [1, 2], "loss": [2.0, 1.0], "loss_cls": [2.0, 1.0]})
    assert [c.name for c in training_charts(frame, training_rates(frame))] == ["losses"]
    frame = frame.assign(grad_pos=1.0, grad_neg=1.0, balance_weight=[50.0, 3.0], lr=0.1)
    assert [c.name for c in training_charts(frame, training_rates(frame))] == [
        "losses",
        "rate",
        "balance-weight",
    ]


def test_figure_files(tmp_path: Path) -> None:
    plan = make_study(tmp_path)
    build_figure(plan, FIGURE4, tmp_path / "out")
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == {"figure.svg", "figure.csv", "figure.json"}
    root = ET.fromstring((tmp_path / "out" / "figure.svg").read_text())
    assert "prefers-color-scheme" in ET.tostring(root, encoding="unicode")
    frame = pd.read_csv(tmp_path / "out" / "figure.csv")
    alrp = frame[(frame["chart"] == "rate") & (frame["series"] == "aLRP Loss")]
    assert len(alrp) == 300 and (alrp["value"] == 1).all()


def test_figures_for_papers(tmp_path: Path) -> None:
    plan = make_study(tmp_path)
    build_figure(plan, PAPERS / "alrp" / "figure1.yaml", tmp_path / "out", for_papers=True)
    names = {path.name for path in (tmp_path / "out" / FOR_PAPERS).iterdir()}
    assert names == {f"figure-{w}.{e}" for w in ("column", "page") for e in ("pdf", "svg", "png")}


def test_other_losses_stand_in_a_study_that_lists_its_runs(tmp_path: Path) -> None:
    study, spec = read_study(make_study(tmp_path)), load_spec(FIGURE4)
    rows = [row.key for row in with_other_losses(study, spec).rows]
    named = [row.key for row in spec.rows]
    assert rows[:3] == named
    assert set(rows[3:]) == {"ap", "alrp+iou+no-sb", "alrp+iou", HOSTILE_LOSS}  # none of ATSS
    of_tables = with_plan(study, papers={"datasets": {"coco": "shapes"}})
    assert [row.key for row in with_other_losses(of_tables, spec).rows] == named
    (run,) = find_runs(study, "shapes", RunRequest("retinanet", "ap"))
    deeper = replace(study, runs=(*study.runs, as_planned(run, backbone="r101")))
    assert len(with_other_losses(deeper, spec).rows) == len(rows)


def test_a_figure_of_nothing(tmp_path: Path) -> None:
    plan = make_study(tmp_path)
    for path in plan.parent.rglob("train.parquet"):
        path.unlink()
    build_figure(plan, FIGURE4, tmp_path / "out")
    svg = (tmp_path / "out" / "figure.svg").read_text()
    assert "There is nothing to draw" in svg and "Focal Loss: seed 1: its training record" in svg
    figure = make_figure(read_study(plan), load_spec(FIGURE4))
    reasons = [row.reason for row in figure.table.blocks[0].rows]
    assert "its training record does not have the gradient sums" in reasons[1]


def test_an_unknown_kind_of_figure(tmp_path: Path) -> None:
    spec = tmp_path / "s.yaml"
    spec.write_text("figure: gradient_balnce\ntitle: t\nrows: []\n")
    with pytest.raises(
        InputError, match="found 'gradient_balnce'; did you mean 'gradient_balance'"
    ):
        load_spec(spec)


def test_steps_are_not_drawn_as_slopes() -> None:
    x, y = np.array([2.0, 3.0, 5.0]), np.array([1.0, 1.0, 4.0])
    before = Series("s", x, y, steps="before").line()
    assert before[0].tolist() == [0, 3, 3, 5] and before[1].tolist() == [1, 1, 4, 4]
    middle = Series("s", x[:2], y[1:], steps="middle").line()
    assert middle[0].tolist() == [1.5, 2.5, 2.5, 3.5] and middle[1].tolist() == [1, 1, 4, 4]
    long = np.arange(1, 2001, dtype=float)
    rate = np.where(long <= 1000, 0.1, 0.01)
    thinned = Series("s", long, rate, steps="before").thinned()
    assert thinned.x.tolist() == [1000, 2000] and thinned.y.tolist() == [0.1, 0.01]


def test_each_series_has_its_panel_and_keeps_its_colour() -> None:
    x = np.array([0.0, 1.0])
    series = [Series(f"{loss}: {w}", x, x, panel=loss) for loss in "AB" for w in ("in", "out")]
    chart = Chart("a", "t", "x", "y", tuple(series))
    assert list(chart.panels) == ["A", "B"] and chart.legend == ["in", "out"]
    assert [chart.place(one) for one in series] == [0, 1, 0, 1]
    svg = chart_svg(chart, "p")
    assert svg.count(">in<") == 1 and svg.count(">A<") == 1 and svg.count(COLOURS[1]) == 3
    alone = Chart("a", "t", "x", "y", (Series("A", x, x, panel="A"), Series("B", x, x, panel="B")))
    assert chart_svg(alone, "p").count(">A<") == 1 and "stroke-dasharray" not in chart_svg(
        alone, "p"
    )
    assert len(Chart("a", "t", "x", "y", (series[0],)).panels) == 1


def test_the_legend_shows_dots_for_dots() -> None:
    x = np.array([0.0, 1.0])
    dots = tuple(Series(name, x, x, dots=True) for name in ("first", "second"))
    assert "h24" not in chart_svg(Chart("a", "t", "x", "y", dots), "p")
    assert chart_svg(Chart("a", "t", "x", "y", dots), "p").count("h9v9h-9z") == 3  # and the legend


def test_charts_with_rows() -> None:
    rows = ("cat", HOSTILE_LOSS)
    at = np.array([0.0, 1.0])
    values = np.array([1.0, -2.0])
    dots = Series("AP", values, at, values - 0.5, np.array([1.5, np.nan]), dots=True)
    chart = Chart("a", "t", "difference", "", (dots,), rows=rows)
    assert chart.x_range() == (-2.5, 1.5)
    heat = Chart("h", "t", "", "", (), rows=rows, columns=("A", "B"), cells=((1.0, None), (0, -4)))
    for one in (chart, heat):
        text = chart_svg(one, "p")
        ET.fromstring(text)
        assert "<img" not in text and "nan" not in text
        again = Chart.from_record(json.loads(json.dumps(one.record())))
        assert chart_svg(again, "p") == text
    assert chart_svg(heat, "p").count("<rect") == 3
