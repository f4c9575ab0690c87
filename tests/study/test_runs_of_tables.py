"""Runs that a study takes from its tables: the papers' data and schedules in the study's terms."""

import pytest
import yaml

from rankdet.errors import InputError
from rankdet.papers.folders import spec_names, spec_paths
from rankdet.papers.load import load_spec
from rankdet.papers.spec import RunRequest
from rankdet.repository import PAPERS, ROOT, SCHEDULES
from rankdet.study.config.check import check_config
from rankdet.study.estimate import iterations
from rankdet.study.plan import Study
from rankdet.study.published import published_schedules
from rankdet.study.runs_of_tables import runs_of_tables
from tests.study.tiny import wildcards

BASE = {
    "study": "tiny",
    "title": "A tiny study",
    "scale": "Nothing real",
    "preset": "small",
    "datasets": {"shapes": {"kind": "shapes"}, "quarter": {"kind": "shapes", "seed": 2}},
    "runs_of_tables": {"datasets": {"coco": "shapes"}},
    "schedule": {"image_size": 64, "batch_size": 2, "iterations": 3},
    "tables": ["alrp/table2"],
    "untrained": False,
}


def study(**changes):
    return Study(check_config({**BASE, **changes}, "s.yaml"), "s.yaml")


def of_tables(**changes):
    return {**BASE["runs_of_tables"], **changes}


def test_a_tables_rows_are_run_once():
    keys = [run.key for run in study(tables=["alrp/table2", "alrp/table5"]).runs]
    assert keys == [
        "shapes/retinanet/ap/seed1",
        "shapes/retinanet/alrp+iou+no-sb/seed1",
        "shapes/retinanet/alrp+iou/seed1",
        "shapes/retinanet/alrp/seed1",
        "shapes/atss/alrp/seed1",
    ]


def test_listed_runs_count_instead_of_their_equals():
    listed = {
        "dataset": "shapes",
        "detectors": ["retinanet"],
        "losses": ["alrp+no-sb+iou"],
        "schedule": {"iterations": 7},
    }
    made = study(runs=[listed])
    assert made.runs[0].key == "shapes/retinanet/alrp+no-sb+iou/seed1"
    assert len(made.runs) == 5 and made.runs[0].schedule["iterations"] == 7


def test_seeds():
    assert len(study(runs_of_tables=of_tables(seeds=[1, 2])).runs) == 10


def test_a_table_waits_for_runs_on_its_own_data_alone():
    both = of_tables(datasets={"coco": "shapes", "minitrain": "quarter"})
    made = study(tables=["alrp/table6", "alrp-rebuttal/tableA2"], runs_of_tables=both)
    keys = {name: [run.key for run in made.runs_of(spec)] for name, spec in made.tables.items()}
    assert "shapes/atss/alrp/seed1" in keys["alrp/table6"]
    assert {key.split("/")[0] for key in keys["alrp/table6"]} == {"shapes"}
    assert keys["alrp-rebuttal/tableA2"] == [
        "quarter/atss/focal+centerness/seed1",
        "quarter/atss/alrp/seed1",
    ]


def test_a_schedule_with_runs_of_its_own_has_its_own_folder():
    made = study(runs_of_tables=of_tables(schedules={"alrp-500": {"iterations": 9}}))
    keys = [run.key for run in made.runs]
    assert keys[0] == "shapes/retinanet/ap@alrp-500/seed1"
    assert made.runs[0].schedule["iterations"] == 9
    where = {"dataset": "shapes", "detector": "retinanet", "loss": "ap@alrp-500", "seed": "1"}
    assert made.run(where) is made.runs[0]
    assert made.plan()["runs"][0]["schedule"] == "alrp-500"
    assert made.records("alrp/table2")[0].endswith("retinanet/ap@alrp-500/seed1/metrics.json")


def test_a_schedule_that_is_not_told_apart_is_the_studys_own():
    made = study(runs_of_tables=of_tables(schedules={"rs-1x": {"iterations": 9}}))
    assert made.runs[0].key == "shapes/retinanet/ap/seed1"
    assert made.runs[0].schedule["iterations"] == 3


def test_the_papers_own_schedules():
    made = study(preset="full", runs_of_tables=of_tables(schedules="papers"))
    schedule = made.runs[0].schedule
    assert made.runs[0].schedule_name == "alrp-500"
    assert (schedule["epochs"], schedule["image_size"], schedule["lr"]) == (100, 512, 0.002)


def test_full_rates_are_scaled_with_the_batch():
    base = {"image_size": 64, "iterations": 3}
    rates = [
        made.runs[0].schedule["lr"]
        for made in (study(preset="full", schedule={**base, "batch_size": b}) for b in (32, 16))
    ]
    assert rates == [0.002, 0.001]


def test_what_cannot_be_run_is_told_and_no_error():
    made = study(tables=["alrp/table2", "alrp-rebuttal/tableA4"])
    told = {entry["dataset"]: entry["reason"] for entry in made.plan()["papers"]["missing"]}
    assert told == {"minitrain": "this study maps no dataset to the paper's 'minitrain'"}
    both = of_tables(datasets={"coco": "shapes", "minitrain": "quarter"})
    made = study(tables=["alrp-rebuttal/tableA4"], runs_of_tables=both)
    assert {run.dataset for run in made.runs} <= {"quarter"}


def kept(made):
    """Loss with schedule to the names of the epochs that a run keeps."""
    return {r.key.split("/")[2]: [one.name for one in r.kept_epochs] for r in made.runs}


def test_epochs_on_the_way_are_kept_by_the_run_of_the_whole_schedule():
    made = study(tables=["alrp-rebuttal/tableA1"], schedule={**BASE["schedule"], "iterations": 80})
    epochs = ["50-of-100", "75-of-100"]
    assert kept(made) == {"focal+foveabox": epochs, "alrp": epochs}
    assert [iterations(made, run) for run in made.runs] == [92, 92]  # two epochs of 46
    places = ("", "epoch-50-of-100/", "epoch-75-of-100/")
    files = {f"results/tiny/{r.key}/{place}metrics.json" for r in made.runs for place in places}
    assert set(made.records("alrp-rebuttal/tableA1")) == files
    assert set(made.kept_epochs()) == {file for file in files if "/epoch-" in file}
    assert [run["kept_epochs"] for run in made.plan()["runs"]] == [epochs, epochs]
    spec = made.spec(wildcards(made.runs[0]), 1)
    assert spec["keep_epochs"] == epochs and "stop_after" not in spec["schedule"]
    plain = study(tables=["alrp-rebuttal/tableA1"], schedule={**BASE["schedule"], "iterations": 80})
    assert plain.runs[0].hashes == made.runs[0].hashes


def test_epochs_of_schedules_that_a_study_tells_apart_or_not():
    full = study(preset="full", tables=["rs/tableS2"], runs_of_tables=of_tables(schedules="papers"))
    heavy, standard = ["1-of-100"], ["1-of-12"]
    assert kept(full) == {
        "alrp@rs-heavy": heavy,
        "alrp@rs-1x": standard,
        "rs@rs-heavy": heavy,
        "rs@rs-1x": standard,
    }
    # One training for both schedules: the first epoch of 12 is not the first of 100.
    assert kept(study(tables=["rs/tableS2"])) == {"alrp": standard + heavy, "rs": standard + heavy}


def test_a_listed_run_keeps_the_epochs_that_a_table_shows():
    listed = {"dataset": "shapes", "detectors": ["foveabox"], "losses": ["alrp", "ap"]}
    made = study(runs=[listed], runs_of_tables=None, tables=["alrp-rebuttal/tableA1"])
    assert kept(made) == {"alrp": ["50-of-100", "75-of-100"], "ap": []}
    rules = {training.rule: training.files for training in made.trainings()}
    assert rules["train"] == () and len(rules) == 2
    assert rules["train_keeping_50_of_100_75_of_100"] == (
        "epoch-50-of-100/model.pth",
        "epoch-50-of-100/run.json",
        "epoch-75-of-100/model.pth",
        "epoch-75-of-100/run.json",
    )
    assert kept(study(runs=[listed], runs_of_tables=None)) == {"alrp": [], "ap": []}


def test_a_training_that_stops_before_an_epoch_of_a_table_is_one_line():
    listed = {"dataset": "shapes", "detectors": ["foveabox"], "losses": ["alrp"]}
    listed["schedule"] = {"stop_after": 0.6}
    told = "alrp/seed1: a table or figure shows epoch 75 of 100, but this training stops after 0.6"
    with pytest.raises(InputError, match=told):
        study(runs=[listed], runs_of_tables=None, tables=["alrp-rebuttal/tableA1"])


def test_a_given_checkpoint_has_no_epochs(tmp_path):
    (tmp_path / "a.pth").touch()
    listed = {"dataset": "shapes", "detectors": ["foveabox"], "losses": ["alrp"]}
    listed["checkpoint"] = str(tmp_path / "a.pth")
    made = study(runs=[listed], runs_of_tables=None, tables=["alrp-rebuttal/tableA1"])
    assert kept(made) == {"alrp@given": []} and not made.kept_epochs()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"runs_of_tables": of_tables(datasets={"coco": "shape"})},
            r"runs_of_tables.datasets.coco: found 'shape'; did you mean 'shapes'",
        ),
        (
            {"runs_of_tables": of_tables(schedules={"alrp-50": {}})},
            r"runs_of_tables.schedules: found 'alrp-50'; did you mean 'alrp-500'",
        ),
        ({"runs_of_tables": None}, "neither runs nor runs_of_tables is given"),
    ],
)
def test_what_is_wrong_is_one_line(changes, told):
    with pytest.raises(InputError, match=told):
        study(**changes)


def test_every_row_names_a_schedule_that_is_there():
    groups = yaml.safe_load((ROOT / "config/claims.yaml").read_text())["runs"]
    of_groups = {group["schedule_name"] for group in groups if "schedule_name" in group}
    known = {*published_schedules(), *of_groups}
    for name in spec_names():
        spec = load_spec(PAPERS / f"{name}.yaml")
        for request in spec.requests:
            assert isinstance(request, RunRequest)
            assert request.schedule in ("", *known), f"{name}: {request}"


def test_an_unknown_schedule_is_a_reason(tmp_path):
    row = {"row": "x", "run": {"detector": "atss", "loss": "ap", "schedule": "alrp-50"}}
    spec = {"title": "T", "columns": [{"metric": "AP"}], "rows": [row]}
    (tmp_path / "y.yaml").write_text(yaml.safe_dump(spec))
    found = runs_of_tables(check_config(BASE, "s.yaml"), [load_spec(tmp_path / "y.yaml")], "s.yaml")
    (reason,) = found.missing.values()
    assert reason == "schedule 'alrp-50' is not in workflows/schedules.yaml" and not found.runs


def test_every_schedule_is_somebodys():
    specs = [path.read_text() for path in spec_paths()]
    for name in yaml.safe_load(SCHEDULES.read_text()):
        assert any(f"schedule: {name}" in text for text in specs), name


def test_score_thresholds_that_a_table_shows_are_swept(tmp_path):
    rows = [
        {
            "row": str(t),
            "run": {"detector": "retinanet", "loss": "ap", "view": f"score>={t}"},
        }
        for t in (0.4, 0.05)
    ]
    rows.append({"row": "as it is", "run": {"detector": "retinanet", "loss": "focal"}})
    spec = {"title": "T", "columns": [{"metric": "AP"}], "rows": rows}
    (tmp_path / "y.yaml").write_text(yaml.safe_dump(spec))
    config = check_config(BASE, "s.yaml")
    found = runs_of_tables(config, [load_spec(tmp_path / "y.yaml")], "s.yaml")
    assert {run.loss: run.score_thresholds for run in found.runs} == {
        "ap": (0.05, 0.4),
        "focal": (),
    }
    paper = load_spec(PAPERS / "rs" / "tableS11.yaml").sweeps
    assert {request.loss for request in paper} == {"ce+l1", "rs"}
    assert all(len(thresholds) == 7 for thresholds in paper.values())


def test_multi_scale_tests_are_made_of_the_training_that_is_there_anyway():
    made = study(tables=["alrp/table6"])
    tested = {run.key: run for run in made.runs if run.test_variants}
    assert list(tested) == ["shapes/atss@x101-dcn/alrp/seed1"]
    key = next(iter(tested))
    assert sum(run.key.startswith("shapes/atss@x101-dcn/alrp/") for run in made.runs) == 1
    files = [f"results/tiny/{key}/{place}metrics.json" for place in ("", "test-multi-scale/")]
    assert set(files) <= set(made.records("alrp/table6"))
    scales = made.spec(wildcards(tested[key], test="multi-scale"), 1)["test"]
    assert (scales["multi_scale"], scales["flip"]) == ([32, 64, 96], True)
    full = study(preset="full", tables=["ape/table9"], runs_of_tables=of_tables(schedules="papers"))
    sizes = {
        run.loss: full.spec(wildcards(run, test="multi-scale"), 1)["test"]["multi_scale"]
        for run in full.runs
        if run.test_variants
    }
    assert sizes == {
        "ap": [[250, 416], [500, 833], [750, 1250]],
        "dr": [[400, 666], [800, 1333], [1200, 2000]],
    }
