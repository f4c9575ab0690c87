"""The real studies plan, and how long they take is measured, or said to be unknown."""

import json
import os

import pytest

from rankdet.cli import main
from rankdet.commands import plan as plan_command
from rankdet.machine import processor_name
from rankdet.repository import CONFIG
from rankdet.study import estimate
from rankdet.study.config.check import check_config
from rankdet.study.load import load_study
from rankdet.study.plan import Study
from tests.study.tiny import named

FILES = (
    "instances_train2017",
    "instances_minitrain2017",
    "instances_val2017",
    "lvis_v1_train",
    "lvis_v1_val",
)
STUDY = {
    "study": "tiny",
    "title": "t",
    "scale": "s",
    "preset": "small",
    "device": "cpu",
    "datasets": {"shapes": {"kind": "shapes", "train_images": 40, "empty_fraction": 0.1}},
    "runs": [{"dataset": "shapes", "detectors": ["retinanet"], "losses": ["ap", "alrp"]}],
    "schedule": {"image_size": 64, "batch_size": 4, "epochs": 10},
    "tables": ["alrp/table2"],
}


@pytest.fixture
def coco(tmp_path):
    """A folder that looks like COCO's, with nothing in it: planning reads none of it."""
    for name in ("annotations", "train2017", "val2017"):
        (tmp_path / name).mkdir()
    for name in FILES:
        (tmp_path / f"annotations/{name}.json").touch()
    return tmp_path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # no records of earlier runs here


@pytest.mark.parametrize("name", ["coco", "minitrain"])
def test_the_real_studies_plan(name, coco):
    study = load_study([CONFIG / f"{name}.yaml"], {"data_root": str(coco), "device": "cuda"})
    assert study.config.preset == "full"
    trained = [run for run in study.runs if not run.untrained]
    assert len(trained) > 30
    reasons = {reason for reason in study.papers.missing.values() if "preset" in reason}
    assert not reasons  # every detector and backbone has a full preset
    found = estimate.estimates(study)
    assert found["all"].unknown == found["all"].runs == len(trained)
    assert found["all"].iterations > 1_000_000
    assert found["alrp/table2"].runs >= 5


@pytest.mark.parametrize("name", ["coco", "minitrain"])
def test_a_figure_waits_for_its_own_runs_alone(name, coco):
    given = {"data_root": str(coco)}
    records = load_study([CONFIG / f"{name}.yaml"], given).records("alrp/figure4")
    losses = [record.split("/")[4].partition("@")[0] for record in records]
    assert sorted(losses) == ["alrp", "ce", "focal"]
    # Ten runs of each, as config/coco.yaml says how.
    given |= {"tables": [], "figures": ["alrp/figure4"]}
    given["runs_of_tables"] = {"seeds": list(range(1, 11))}
    study = load_study([CONFIG / f"{name}.yaml"], given)
    assert len(study.records("alrp/figure4")) == 30
    assert estimate.estimates(study)["alrp/figure4"].runs == 30


def test_rows_are_trained_as_their_papers_say(coco):
    study = load_study([CONFIG / "coco.yaml"], {"data_root": str(coco)})
    key = "coco/atss@x101-dcn/alrp@alrp-800/seed1"
    run = named(study, key)
    schedule = run.schedule
    assert (schedule["image_size"], schedule["epochs"], schedule["batch_size"]) == (800, 100, 16)
    assert schedule["augmentation"] == "ssd"
    assert run.test["image_size"] == [800, 1333]
    assert estimate.iterations(study, run) == 100 * 7330  # 117,266 images, 16 at a time


def test_a_table_without_other_data_needs_none(coco):
    (coco / "annotations/lvis_v1_train.json").unlink()
    (coco / "annotations/instances_minitrain2017.json").unlink()
    given = {"data_root": str(coco), "tables": ["alrp/table6"], "figures": []}
    study = load_study([CONFIG / "coco.yaml"], given)
    assert study.datasets == ["coco"]


def record(folder, seconds, detector="retinanet", training=None, **hardware):
    path = folder / "results/old/shapes" / detector / "focal" / f"seed{seconds}" / "run.json"
    path.parent.mkdir(parents=True)
    here = {"device": "cpu", "cpu": processor_name(), "cores": os.cpu_count()}
    content = {
        "schema": "rankdet.run/1",
        "status": "trained",
        "run": {"detector": detector, "backbone": "", "preset": "small"},
        "training": {
            "seconds_per_iteration": seconds,
            "image_size": 64,
            "batch_size": 4,
            **(training or {}),
        },
        "provenance": {"hardware": {**here, **hardware}},
    }
    path.write_text(json.dumps(content))


def test_measured_iterations_make_hours(tmp_path):
    study = Study(check_config(STUDY, "s.yaml"), "s.yaml")
    assert estimate.estimates(study)["all"] == estimate.Estimate(2, 180, 0.0, 2)
    record(tmp_path, 3.0)
    record(tmp_path, 5.0)
    record(tmp_path, 13.0)  # the median counts
    record(tmp_path, 100.0, device="cuda:0")
    record(tmp_path, 200.0, cpu="another machine")
    record(tmp_path, 300.0, detector="atss")
    found = estimate.estimates(study)
    assert found["all"].iterations == 2 * 10 * 9  # 36 images with objects
    assert found["all"].hours == pytest.approx(180 * 5 / 3600)
    assert found["all"].unknown == 0


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ({"iterations": 10}, 2 * 9),  # whole epochs of 9 iterations, as in training
        ({"iterations": 2}, 9),
        ({"iterations": 27, "stop_after": 0.5}, 2 * 9),
        ({"epochs": 3}, 3 * 9),
        ({"epochs": 3, "stop_after": 0.1}, 9),
    ],
)
def test_a_training_takes_whole_epochs(schedule, expected):
    own = {"image_size": 64, "batch_size": 4, **schedule}
    study = Study(check_config({**STUDY, "schedule": own}, "s.yaml"), "s.yaml")
    assert {estimate.iterations(study, run) for run in study.runs if run.trained} == {expected}


def test_images_without_annotations_are_in_no_epoch(tmp_path):
    files = {name: {"images": "i", "annotations": "a.json"} for name in ("train", "val")}
    data = {"shapes": {"kind": "coco-folder", "splits": files}}
    study = Study(check_config({**STUDY, "datasets": data}, "s.yaml"), "s.yaml", with_data=False)
    assert estimate.images_of(study, "shapes") is None
    counts = {"annotations": "a.json", "images": "i", "n_images": 50}
    splits = {"train": {**counts, "n_in_epoch": 20}, "val": {**counts, "n_in_epoch": 20}}
    manifest = {"schema": "rankdet.dataset/1", "name": "shapes", "classes": [], "splits": splits}
    file = tmp_path / study.folder / "shapes" / "dataset.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(manifest))
    assert estimate.images_of(study, "shapes") == 20
    assert estimate.images_of(study, "shapes", "val") == 50
    assert {estimate.iterations(study, run) for run in study.runs if run.trained} == {10 * 5}


def test_a_pace_is_that_of_as_many_gpus_and_passes(tmp_path):
    values = {**STUDY, "schedule": {**STUDY["schedule"], "gpus": 2}}
    study = Study(check_config(values, "s.yaml"), "s.yaml")
    record(tmp_path, 3.0)
    record(tmp_path, 4.0, training={"gpus": 1, "accumulate": 2})
    record(tmp_path, 6.0, training={"gpus": 2, "precision": "bf16"})
    assert estimate.estimates(study)["all"].unknown == 2
    record(tmp_path, 5.0, training={"gpus": 2, "images_per_gpu": 2})
    assert estimate.estimates(study)["all"].hours == pytest.approx(180 * 5 / 3600)


def test_hours_count_each_gpu(tmp_path):
    values = {**STUDY, "schedule": {**STUDY["schedule"], "gpus": 2}, "device": "cuda"}
    study = Study(check_config(values | {"max_gpus": 2}, "s.yaml"), "s.yaml")
    record(tmp_path, 5.0, training={"gpus": 2}, device="cuda:0")
    assert estimate.estimates(study)["all"].hours == pytest.approx(2 * 180 * 5 / 3600)


def test_other_sizes_are_not_taken_for_the_same(tmp_path):
    record(tmp_path, 3.0)
    larger = {**STUDY, "schedule": {**STUDY["schedule"], "image_size": [64, 128]}}
    study = Study(check_config(larger, "s.yaml"), "s.yaml")
    assert estimate.estimates(study)["all"].unknown == 2


def test_the_cost_of_a_loss_counts_too(tmp_path):
    here = {"device": "cpu", "cpu": processor_name(), "cores": os.cpu_count()}
    titles = {"detector": "RetinaNet", "loss": "AP Loss"}
    row = {"detector": "retinanet", "loss": "ap", "titles": titles, "loss_ms": 1.0}
    cost = {
        "schema": "rankdet.cost/1",
        "settings": {"preset": "small", "image_size": 64, "batch_size": 4},
        "rows": [{**row, "iteration_s": 2.0}],
        "hardware": here,
    }
    (tmp_path / "results/bench").mkdir(parents=True)
    (tmp_path / "results/bench/cost.json").write_text(json.dumps(cost))
    study = Study(check_config(STUDY, "s.yaml"), "s.yaml")
    assert estimate.estimates(study)["all"].hours == pytest.approx(180 * 2 / 3600)
    assert estimate.unmeasured(study) == []


def test_the_command_says_what_is_not_measured(coco, capsys):
    given = ["--configfile", str(CONFIG / "minitrain.yaml"), "--config", f"data_root={coco}"]
    assert main(["plan", *given]) == 0
    out = capsys.readouterr().out
    assert "not measured here" in out
    assert "alrp/table2" in out


@pytest.mark.parametrize(
    ("schedule", "named"),
    [
        ({}, "--detector retinanet --preset small --image-size 64 --batch-size 4 --out"),
        ({"image_size": [64, 128]}, None),  # it measures squares, on one GPU
        ({"accumulate": 2}, None),
    ],
)
def test_the_command_that_measures_is_that_of_the_study(tmp_path, capsys, schedule, named):
    study = {**STUDY, "schedule": {**STUDY["schedule"], **schedule}}
    (tmp_path / "study.yaml").write_text(json.dumps(study))
    assert main(["plan", "--configfile", "study.yaml"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert ("bench iteration" in out) == bool(named)
    assert not named or named in out


def test_times_in_words():
    shown = [
        plan_command.time_of(estimate.Estimate(*values))
        for values in ((3, 9, 2.26, 0), (3, 9, 250.4, 1), (3, 9, 0.0, 3), (0, 0, 0.0, 0))
    ]
    assert shown == ["2.3 h", "250 h + 1 not measured", "not measured here", "0"]
    some = [plan_command.duration(seconds / 3600) for seconds in (4, 99.4, 99.6, 3600, 6000)]
    assert some == ["4 s", "99 s", "2 min", "60 min", "1.7 h"]
