"""Rows in the paper's terms, in a study that takes its runs from its tables."""

from dataclasses import replace

import pytest

from rankdet.papers.hyperparameters import counts, hyperparameter_counts
from rankdet.papers.load import load_spec
from rankdet.papers.match import find_runs, rows_on, why_missing
from rankdet.papers.published import read_published
from rankdet.papers.spec import RunRequest
from rankdet.papers.table import make_table
from rankdet.papers.values import metric_value, problem
from rankdet.repository import PAPERS, ROOT
from rankdet.results.records import read_study
from rankdet.study.cards import load_loss
from rankdet.study.hyperparameters import hyperparameters, of_two_stages
from rankdet.study.tables import load_specs
from tests.report.fake_study import as_planned, make_study, with_plan


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory):
    return read_study(make_study(tmp_path_factory.mktemp("request")))


def with_papers(study, **papers):
    return with_plan(study, papers=papers)


def test_a_schedule_with_separate_runs_is_not_replaced_by_another(study) -> None:
    request = RunRequest("retinanet", "ap", schedule="alrp-500")
    assert len(find_runs(study, "shapes", request)) == 1  # the study has one schedule for all
    apart = with_papers(study, datasets={"coco": "shapes"}, schedules=["alrp-500"])
    assert find_runs(apart, "shapes", request) == []
    runs = tuple(as_planned(r, schedule="alrp-500") if r.loss == "ap" else r for r in study.runs)
    assert len(find_runs(replace(apart, runs=runs), "shapes", request)) == 1
    assert find_runs(replace(apart, runs=runs), "shapes", RunRequest("retinanet", "ap")) == []


def test_a_row_on_other_data_never_shows_a_run_of_the_same_model(study) -> None:
    request = RunRequest("retinanet", "ap", dataset="lvis")
    assert len(find_runs(study, "shapes", request)) == 1  # the study lists its runs in its config
    only = with_papers(study, datasets={"coco": "shapes"})
    assert find_runs(only, "shapes", request) == []
    assert len(find_runs(only, "shapes", RunRequest("retinanet", "ap", dataset="coco"))) == 1


def test_another_backbone_is_another_run(study) -> None:
    assert find_runs(study, "shapes", RunRequest("retinanet", "ap", backbone="r101")) == []


def test_rows_are_on_the_data_to_which_theirs_is_mapped(study) -> None:
    spec = load_spec(PAPERS / "rs" / "tableS7.yaml")
    assert len(rows_on(study, spec, "shapes")) == 4  # without a mapping of data: all rows
    both = with_papers(study, datasets={"coco": "shapes", "lvis": "long"})
    assert [row.key for row in rows_on(both, spec, "long")] == ["LVIS None None"]
    assert [row.key for row in rows_on(both, spec, "shapes")][-1] == "COCO None None"
    only = with_papers(study, datasets={"coco": "shapes"})
    assert len(rows_on(only, spec, "shapes")) == 4  # grey, with the reason
    minitrain = load_spec(PAPERS / "alrp-rebuttal" / "tableA4.yaml")
    assert len(rows_on(only, minitrain, "shapes")) == 1


def test_why_a_run_is_missing(study) -> None:
    request = RunRequest("fcos", "ap")
    mapped = with_papers(study, missing=[{**vars(request), "reason": "no small preset"}])
    assert why_missing(mapped, request) == "no small preset"
    assert why_missing(mapped, RunRequest("fcos", "alrp")) == "not in this study"


@pytest.mark.parametrize(
    ("view", "message"),
    [
        ("multi-scale test", "multi-scale test: not among this run's tests"),
        ("score>=0.40", "score_thresholds for this run have no 0.4"),
        ("objects 5-6", "without a bin of 5-6 objects"),
        ("masks", "no masks"),
    ],
)
def test_a_missing_view_has_a_reason(study, view, message) -> None:
    (run,) = find_runs(study, "shapes", RunRequest("retinanet", "focal"))
    assert message in problem(run, view)


def test_views_of_a_run(study) -> None:
    (run,) = find_runs(study, "shapes", RunRequest("retinanet", "ap"))
    bins = {b.low: b for b in run.main.sparsity}
    assert problem(run, "objects 0-3") is None
    assert metric_value(run, "AP", "objects 0-3") == bins[0].get("AP")
    assert metric_value(run, "AP", "objects 21+") == (bins[21].get("AP") if 21 in bins else None)
    low, high = (metric_value(run, "AP", view) for view in ("lower", "upper"))
    assert low <= metric_value(run, "AP") <= high
    planned = as_planned(run, settings={"image_size": 128})
    assert metric_value(planned, "schedule.image_size") == 128
    assert metric_value(run, "speed.images_per_second") == 23.0


def test_cells_whose_view_is_missing_are_grey(study) -> None:
    spec = load_spec(PAPERS / "alrp-rebuttal" / "tableA1.yaml")
    rows = tuple(
        replace(r, run={**r.run, "detector": "retinanet", "loss": "ap"}) for r in spec.rows
    )
    (block,) = make_table(study, replace(spec, rows=rows)).blocks
    assert [w.epoch for w in replace(spec, rows=rows).requests] == ["50", "75", ""]
    early, late = block.rows[0].cells[0], block.rows[0].cells[-1]
    assert early.ours is None
    assert early.reason == "seed 1: its training keeps no epoch 50 of 100"
    assert late.ours is not None and late.reason is None


def test_hyperparameters_are_those_that_the_cards_declare(study) -> None:
    """Tables 1 and A.11 as printed, without the losses that we do not have."""
    specs = load_specs(["alrp/table1", "alrp/tableA11"], "tables", "test")
    declared = with_plan(study, hyperparameters=hyperparameters(specs.values()))
    for name, column in (("table1", "all"), ("tableA11", "classification")):
        found = hyperparameter_counts(declared, specs[f"alrp/{name}"])
        published = read_published(ROOT / "analysis/papers/alrp" / f"{name}.csv")
        assert len(found) >= 4
        for row, values in found.items():
            assert [values[column]] == list(published[row].values()), row
    assert hyperparameter_counts(None, specs["alrp/table1"]) == {}


def test_hyperparameters_of_two_stages_are_those_of_the_papers(study) -> None:
    """Section S3.3 as printed; aLRP Loss's own paper counts three (section 5.4)."""
    specs = load_specs(["rs/hyperparameters"], "tables", "test")
    declared = with_plan(study, hyperparameters=hyperparameters(specs.values()))
    found = hyperparameter_counts(declared, specs["rs/hyperparameters"])
    published = read_published(ROOT / "analysis/papers/rs/hyperparameters.csv")
    printed = {row: values["number"] for row, values in published.items()}
    ours = {row: values["all"] for row, values in found.items()}
    assert ours == {"GIoU Loss": 7, "Carafe FPN": 7, "aLRP Loss": 3, "RS Loss": 3}
    assert all(printed[row] in (count, None) for row, count in ours.items())


@pytest.mark.parametrize(
    ("loss", "more"),
    [
        ("rs+sampled", ["rpn positives", "rpn negatives", "rcnn positives", "rcnn negatives"]),
        ("rs+rcnn-sampled", ["rcnn positives", "rcnn negatives"]),
        ("ape", ["rpn box weight", "rcnn box weight", "rpn scale", "rpn max negatives"]),
        ("ce+unsampled", ["rpn box weight", "rcnn box weight"]),
        ("ce+smooth-l1", ["rpn positives", "rcnn negatives", "rcnn box beta"]),
    ],
)
def test_each_stage_counts_its_sampler_its_loss_and_its_weight(loss, more) -> None:
    name, _, variant = loss.partition("+")
    file = load_loss(name)
    names = of_two_stages(file, file.variant(variant))
    assert set(more) <= set(names) and len(set(names)) == len(names)
    assert "rpn weight" in names and ("rpn delta" in names) == (name == "rs")
    sampled = [n for n in names if n.endswith(("positives", "negatives")) and "max" not in n]
    assert len(sampled) == {"rs+sampled": 4, "rs+rcnn-sampled": 2, "ce+smooth-l1": 4}.get(loss, 0)


def test_counts() -> None:
    names = ["alpha", "gamma", "box weight", "box beta"]
    assert counts(names) == {"all": 4, "classification": 2, "box": 1}
    assert counts(names, of_box=True)["classification"] == 1
