"""Charts that compare the losses of a detector, and their numbers."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rankdet.charts.svg import figure_svg
from rankdet.errors import InputError
from rankdet.evaluation.metrics.matches import Matches, read_matches
from rankdet.files import import_file
from rankdet.papers.comparison_charts import comparison_charts
from rankdet.papers.figure_kinds import FigureOfRuns, figure_kind
from rankdet.papers.folders import figure_kinds
from rankdet.repository import FIGURES
from rankdet.results.records import read_study
from tests.report.fake_study import HOSTILE_LOSS, SEVERAL_SEEDS, make_study

FIGURE_OF_CLASSES = import_file(FIGURES / "class_differences.py")
KINDS = {name: figure_kind(name) for name in figure_kinds()}
# The fake study has one dataset and no counts of negatives, which `across` kinds show.
OF_RUNS = [n for n, kind in KINDS.items() if isinstance(kind, FigureOfRuns) and not kind.across]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory):
    return read_study(make_study(tmp_path_factory.mktemp("comparison")))


@pytest.mark.parametrize("name", OF_RUNS)
def test_a_kind_compares_the_losses_of_a_detector(study, name: str) -> None:
    shown = at_schedules(study, ap="rate-x2+usual") if name == "ap_over_rates" else study
    charts = comparison_charts(shown, figure_kind(name), detector="retinanet")
    text = figure_svg(charts, name)
    assert charts and all(chart.alt for chart in charts)
    assert "nan" not in text.replace("nance", "") and HOSTILE_LOSS not in text
    assert "AP Loss" in text and "untrained" not in text


def test_both_seeds_are_in_one_curve(study) -> None:
    (curve,) = comparison_charts(study, figure_kind("precision_recall"), losses=["alrp"])[0].series
    assert curve.name == "aLRP Loss" and np.any(curve.high > curve.low)
    assert np.all((curve.low <= curve.y) & (curve.y <= curve.high))
    charts = comparison_charts(study, figure_kind("precision_recall"), losses=["ap", "focal"])
    assert [one.name for one in charts[0].series] == ["AP Loss", "Focal Loss"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"detector": "retinanett"}, "no detector 'retinanett'; did you mean 'retinanet'"),
        ({"losses": ["alpr"]}, "no loss 'alpr'; did you mean 'alrp'"),
        ({"dataset": "coco"}, "no dataset 'coco'"),
        ({"detector": "atss", "losses": ["alrp"]}, "no run can be drawn"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_line(study, options, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        comparison_charts(study, figure_kind("precision_recall"), **options)
    assert "\n" not in str(error.value)


def with_scores_in_tenths(matches: Matches) -> Matches:
    """Matches with ties; the second class has objects and no detection."""
    rows = matches.detections
    kept = rows[rows["category_id"] != matches.category_ids[1]].copy()
    kept["score"] = kept["score"].round(1)
    return replace(matches, detections=kept.reset_index(drop=True))


@pytest.mark.parametrize("change", [lambda matches: matches, with_scores_in_tenths])
def test_lrp_over_thresholds_is_that_of_the_detections_above(study, change) -> None:
    """At each threshold: counted again from the matches, class by class."""
    run = next(run for run in study.runs if run.full_loss == "ap" and run.detector == "retinanet")
    matches = change(read_matches(run.main.folder / "matches.parquet"))
    kind = import_file(FIGURES / "lrp_thresholds.py")
    found = kind.over_scores(matches)
    for threshold in (0.0, 0.3, 0.5, 0.7, 0.99):
        rows, shares = [], []
        for one in matches.per_class():
            kept = one.counted() & (one.score >= threshold)
            tp = int(one.true()[kept].sum())
            error = float((1 - one.iou[kept][one.true()[kept]]).sum()) / 0.5
            fp, fn = int(kept.sum()) - tp, one.positives() - tp
            rows.append(((error + fp + fn) / (tp + fp + fn), tp / one.positives()))
            shares += [tp / (tp + fp)] if tp + fp else []
        expected = np.mean(rows, axis=0)
        at = found.loc[threshold]
        assert (at["lrp"], at["recall"]) == pytest.approx((expected[0], expected[1]))
        assert at["precision"] == pytest.approx(np.mean(shares) if shares else np.nan, nan_ok=True)


def test_class_differences_have_welchs_interval() -> None:
    kind = import_file(FIGURES / "class_differences.py")
    base = [{"cat": 10.0, "dog": 5.0}, {"cat": 12.0, "dog": 5.0}, {"cat": 14.0, "dog": None}]
    other = [{"cat": 20.0, "dog": 9.0}, {"cat": 21.0, "dog": 9.0}]
    found = kind.differences(base, other)
    welch = stats.ttest_ind([20, 21], [10, 12, 14], equal_var=False).confidence_interval(0.95)
    assert found["cat"][0] == pytest.approx(8.5)
    assert found["cat"][1] == pytest.approx((welch.high - welch.low) / 2)
    assert np.isnan(found["dog"]).all()
    (chart,) = kind.charts({"A": base, "B": other})
    assert chart.rows == ("cat", "dog") and chart.series[0].x[0] == pytest.approx(8.5)
    (heat,) = kind.charts({"A": base, **dict.fromkeys("BCDE", other)})
    assert heat.columns == tuple("BCDE") and heat.cells == ((8.5,) * 4, (None,) * 4)


def test_means_of_results_leave_out_seeds_that_have_barely_learned(tmp_path) -> None:
    """As in the tables: a mean that has them says nothing about a loss."""
    seeds = read_study(make_study(tmp_path, runs=SEVERAL_SEEDS))
    focal = [r for r in seeds.runs if r.full_loss == "focal" and r.status != "untrained"]
    learned = [run for run in focal if run.learned]
    assert 1 < len(learned) < len(focal)
    bins, _ = comparison_charts(seeds, figure_kind("sparsity"), losses=["ap", "focal"])
    shown = next(one for one in bins.series if one.name == "Focal Loss")
    for at, value in enumerate(shown.x):
        own = [run.main.sparsity[at].get("AP") for run in learned]
        expected = np.nan if None in own else 100 * np.mean(own)
        assert value == pytest.approx(expected, nan_ok=True)
    assert np.isfinite(shown.x).any()
    (classes,) = comparison_charts(seeds, figure_kind("class_differences"), losses=["ap", "focal"])
    (dots,) = classes.series
    kind = figure_kind("class_differences")
    ap = [kind.read(run) for run in seeds.runs if run.full_loss == "ap" and not run.untrained]
    found = FIGURE_OF_CLASSES.differences(ap, [kind.read(run) for run in learned])
    means = {name: value for name, (value, _) in found.items()}
    assert dict(zip(classes.rows, dots.x, strict=True)) == pytest.approx(means)
    course = figure_kind("gradient_balance")
    assert course.drawn(focal) == focal  # how trainings go: all of them
    assert kind.drawn(focal) == learned and kind.drawn([focal[-1]]) == [focal[-1]]


@pytest.mark.parametrize(
    "name", [name for name in OF_RUNS if KINDS[name].file == "matches.parquet"]
)
def test_data_without_objects_draw_nothing_and_say_so(study, name: str) -> None:
    run = next(run for run in study.runs if run.full_loss == "ap" and run.detector == "retinanet")
    whole = read_matches(run.main.folder / "matches.parquet")
    kind = figure_kind(name)
    for matches in (whole.of_images([]), without_objects(whole)):
        charts = kind.charts({"A": [matches]})
        assert figure_svg(charts, name)
        assert not any("nan" in chart.alt.lower() for chart in charts)


def without_objects(matches: Matches) -> Matches:
    """Matches of annotations that have no object, so every detection is a false alarm."""
    rows = matches.detections.assign(annotation=-1, iou=np.nan, best_iou=0.0)
    bits = {n: np.zeros(len(rows), np.uint16) for n in rows if n.startswith(("true_", "ignored_"))}
    return replace(matches, detections=rows.assign(**bits), ground_truth=matches.ground_truth[:0])


def test_distributions_have_all_detections(study) -> None:
    (chart,) = comparison_charts(study, figure_kind("score_iou"), losses=["ap"])
    (dots,) = chart.series
    assert dots.x_shares.sum() == pytest.approx(1) and dots.y_shares.sum() == pytest.approx(1)
    assert dots.y.min() >= 0.5
    violins, _ = comparison_charts(study, figure_kind("score_violins"), losses=["ap", "focal"])
    assert violins.rows == ("Focal Loss", "AP Loss") or violins.rows == ("AP Loss", "Focal Loss")
    assert [one.x_shares.sum() for one in violins.series] == pytest.approx([1, 1])


def at_schedules(study, **schedules: str):
    """The study with the runs of some losses at a named schedule, and again at the usual one."""
    found = []
    for run in study.runs:
        name = schedules.get(run.full_loss)
        found += [run] if name is None or name.endswith("+usual") else []
        if name is not None:
            planned = run.planned.model_copy(update={"schedule": name.removesuffix("+usual")})
            found.append(replace(run, planned=planned))
    return replace(study, runs=tuple(found))


def test_named_schedules_are_drawn_only_where_there_is_no_usual_one(study) -> None:
    more = at_schedules(study, ap="rate-x2+usual", focal="long")
    charts = comparison_charts(more, figure_kind("precision_recall"), losses=["ap", "focal"])
    assert [one.name for one in charts[0].series] == ["AP Loss, default", "Focal Loss, long"]
    (rates,) = comparison_charts(more, figure_kind("ap_over_rates"), losses=["ap"])
    (curve,) = rates.series  # one curve for all rates
    assert curve.name == "AP Loss" and curve.x.tolist() == [1, 2]
    assert comparison_charts(study, figure_kind("ap_over_rates")) == []  # one rate


def test_a_study_without_results_says_so(study) -> None:
    empty = replace(study, runs=())
    with pytest.raises(InputError, match="run the study first"):
        comparison_charts(empty, figure_kind("calibration"))


@pytest.mark.parametrize("kind", ["learning_curves", "gradient_balance"])
def test_the_classification_loss_of_rs_is_the_sum_of_its_parts(study, tmp_path, kind) -> None:
    run = next(run for run in study.runs if run.full_loss == "ap" and run.detector == "retinanet")
    frame = pd.read_parquet(run.folder / "train.parquet")
    half = frame["loss_cls"] / 2
    parts = frame.drop(columns="loss_cls").assign(loss_rank=half, loss_sort=half)
    parts.to_parquet(tmp_path / "train.parquet", index=False)
    read = import_file(FIGURES / f"{kind}.py").read
    whole, summed = read(run), read(replace(run, folder=tmp_path))
    assert summed["loss_cls"].tolist() == pytest.approx(whole["loss_cls"].tolist())
