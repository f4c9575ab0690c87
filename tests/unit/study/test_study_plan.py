"""The plan: runs, their settings, and what is handed to training and to the report."""

import json

import pytest

from rankdet.errors import InputError
from workflows.study import data, detectors, settings
from workflows.study.config import check_config
from workflows.study.places import CONFIG
from workflows.study.plan import Study, load_study

BASE = {
    "study": "tiny",
    "title": "A tiny study",
    "scale": "Nothing real",
    "form": "small",
    "datasets": {"shapes": {"kind": "shapes", "title": "Shapes"}},
    "runs": [
        {"dataset": "shapes", "detectors": ["retinanet", "atss"], "losses": ["ap", "alrp+iou"]}
    ],
    "schedule": {"image_size": 64, "batch_size": 2, "iterations": 3},
    "tables": ["alrp/table2"],
}


def study(**changes):
    return Study(check_config({**BASE, **changes}, "s.yaml"), "s.yaml")


def group(**changes):
    return {**BASE["runs"][0], **changes}


def test_runs_are_every_combination_after_the_untrained_ones():
    keys = [run.key for run in study(splits=["val", "train"]).runs]
    assert keys == [
        "shapes/retinanet/untrained/seed1",
        "shapes/atss/untrained/seed1",
        "shapes/retinanet/ap/seed1",
        "shapes/retinanet/alrp+iou/seed1",
        "shapes/atss/ap/seed1",
        "shapes/atss/alrp+iou/seed1",
    ]


def test_a_figure_takes_in_other_losses_of_its_rows_models_alone():
    runs = [group(losses=["focal", "ap"]), group(detectors=["retinanet"], backbone="r101")]
    made = study(form="full", runs=runs, tables=[], figures=["alrp/figure4"])
    shown = {record.removeprefix("results/tiny/shapes/") for record in made.records("alrp/figure4")}
    assert shown == {f"retinanet/{loss}/seed1/metrics.json" for loss in ("focal", "ap")}


def test_untrained_models_can_be_left_out():
    assert not any(run.untrained for run in study(untrained=False).runs)


def test_same_run_in_two_groups_counts_once_unless_it_differs():
    again = group(detectors=["atss"], losses=["ap"])
    assert len(study(runs=[group(), again]).runs) == 6
    other = {**again, "schedule": {"iterations": 5}}
    with pytest.raises(InputError, match=r"s.yaml: runs\[1\]: shapes/atss/ap/seed1 is planned tw"):
        study(runs=[group(), other])
    with pytest.raises(InputError, match="planned twice"):
        study(runs=[group(losses=["alrp+iou+no-sb", "alrp+no-sb+iou"])])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"runs": [group(losses=["alpr"])]},
            r"runs\[0\].losses\[0\]: unknown loss 'alpr'; did you",
        ),
        ({"runs": [group(losses=["ap+gio"])]}, r"losses\[0\]: loss 'ap' has no variant 'gio'; did"),
        (
            {"runs": [group(detectors=["retina"])]},
            r"detectors\[0\]: unknown detector 'retina'; did",
        ),
        (
            {"tables": ["alrp/table3x"]},
            r"tables\[0\]: found 'alrp/table3x'; did you mean 'alrp/tab",
        ),
        ({"tables": ["alrp/figure4"]}, r"tables\[0\]: alrp/figure4 is a figure"),
    ],
)
def test_unknown_parts_name_the_known_ones(changes, told):
    with pytest.raises(InputError, match=told) as caught:
        study(**changes)
    assert str(caught.value).startswith("s.yaml: ")
    assert "\n" not in str(caught.value)


def lr(plan, key):
    return plan.schedule(plan._runs[key])["lr"]


def test_learning_rates_from_particular_to_general():
    ap, alrp = "shapes/retinanet/ap/seed1", "shapes/retinanet/alrp+iou/seed1"
    plan = study()
    assert lr(plan, ap) == 0.01  # the card's
    schedule = {**BASE["schedule"], "lr": {"alrp": 0.5, "ap+giou": 0.7}}
    assert (lr(study(schedule=schedule), alrp), lr(study(schedule=schedule), ap)) == (0.5, 0.01)
    schedule["lr"] = {"alrp": 0.5, "alrp+iou": 0.25}
    assert lr(study(schedule=schedule), alrp) == 0.25
    schedule["lr"] = 0.125
    changed = study(schedule=schedule, runs=[group(schedule={"lr": {"ap": 2.0}})])
    assert (lr(changed, ap), lr(changed, alrp)) == (2.0, 0.125)


def test_a_group_changes_the_length_of_its_runs():
    plan = study(runs=[group(schedule={"epochs": 7})])
    schedule = plan.schedule(plan.runs[-1])
    assert schedule["epochs"] == 7
    assert "iterations" not in schedule


def test_test_settings_from_particular_to_general():
    changes = {"test": {"nms_iou": 0.6}, "runs": [group(test={"max_per_image": 9})]}
    plan = study(form="full", **changes)
    run = plan._runs["shapes/retinanet/ap/seed1"]
    assert settings.test(plan.config, run) == {
        "score_threshold": 0.01,
        "nms_iou": 0.6,
        "max_per_image": 9,
    }


def test_small_form_keeps_every_score_unless_the_study_says_otherwise():
    key = "shapes/retinanet/ap/seed1"
    for changes, threshold in (({}, 0.0), ({"test": {"score_threshold": 0.2}}, 0.2)):
        plan = study(**changes)
        assert settings.test(plan.config, plan._runs[key])["score_threshold"] == threshold


def test_spec_is_complete_and_serialisable():
    plan = study()
    spec = json.loads(json.dumps(plan.spec(plan.runs[-1], threads=2)))
    assert (spec["loss"], spec["variant"], spec["seed"], spec["threads"]) == ("alrp", "iou", 1, 2)
    assert spec["manifest"] == "results/tiny/shapes/dataset.json"
    assert spec["card"]["box"] == {"type": "iou"}
    assert spec["detector_spec"]["name"] == "atss"
    assert spec["hashes"].keys() == {"config", "code", "loss"}
    assert spec["schedule"]["lr"] > 0


def test_titles_devices_and_paces_train_nothing():
    plain = study()
    other = study(
        title="Another",
        scale="Another",
        device="cpu",
        threads=2,
        schedule={**BASE["schedule"], "checkpoint_every": 7, "log_every": 3, "workers": 2},
        datasets={"shapes": {"kind": "shapes", "title": "Another"}},
        test={"nms_iou": 0.9},
    )
    assert [plain.hashes(run) for run in plain.runs] == [other.hashes(run) for run in other.runs]
    assert plain.data_hash("shapes") == other.data_hash("shapes")
    assert plain.plan_hash != other.plan_hash
    run = plain.runs[-1]
    assert plain.test_hash(run) != other.test_hash(other.runs[-1])


def test_training_settings_count():
    plain, key = study(), "shapes/retinanet/ap/seed1"
    longer = study(schedule={**BASE["schedule"], "iterations": 4})
    assert plain._hashes[key]["config"] != longer._hashes[key]["config"]
    assert plain._hashes[key]["loss"] == longer._hashes[key]["loss"]
    assert plain._hashes[key]["loss"] != plain._hashes["shapes/retinanet/alrp+iou/seed1"]["loss"]


@pytest.mark.parametrize(
    "change",
    [
        {"image_size": [64, 128]},
        {"multi_scale": [48, 64]},
        {"augmentation": "ssd"},
        {"keep_ratio": False},
        {"oversample": 0.001},
    ],
)
def test_what_happens_to_training_images_counts(change):
    plain, key = study(), "shapes/retinanet/ap/seed1"
    other = study(schedule={**BASE["schedule"], **change})
    assert plain._hashes[key]["config"] != other._hashes[key]["config"]
    assert (
        json.loads(json.dumps(other.spec(other._runs[key], 1)))["schedule"].items()
        >= change.items()
    )


def test_image_sizes_of_tests_retrain_nothing():
    plain, larger = study(), study(test={"image_size": [500, 833], "flip": True})
    run = plain.runs[-1]
    assert plain.hashes(run) == larger.hashes(run)
    assert plain.test_hash(run) != larger.test_hash(run)


def test_a_table_knows_its_runs():
    records = study().records("alrp/table2")
    assert records == [
        "results/tiny/shapes/retinanet/ap/seed1/metrics.json",
        "results/tiny/shapes/retinanet/alrp+iou/seed1/metrics.json",
    ]


def test_records_of_further_splits_stand_below_the_run():
    records = study(splits=["val", "train"], untrained=False).records()
    assert records[:2] == [
        "results/tiny/shapes/retinanet/ap/seed1/metrics.json",
        "results/tiny/shapes/retinanet/ap/seed1/on-train/metrics.json",
    ]


def own_data(root):
    splits = {"train": {"images": "images", "annotations": "train.json"}}
    return {
        "data_root": str(root),
        "splits": ["train"],
        "datasets": {"shapes": {"kind": "coco-folder", "title": "Own", "splits": splits}},
    }


def test_own_data_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(
        InputError, match=r"shapes.splits.train.images: no such folder: .*images; p"
    ):
        study(**own_data(tmp_path))
    (tmp_path / "images").mkdir()
    with pytest.raises(InputError, match=r"shapes.splits.train.annotations: no such file: .*json;"):
        study(**own_data(tmp_path))


def test_own_data_is_found_below_data_root(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "train.json").write_text("{}")
    plan = study(**own_data(tmp_path))
    files = {"images": f"{tmp_path}/images", "annotations": f"{tmp_path}/train.json"}
    assert data.prepare_config(plan.config, "shapes") == {"kind": "coco-folder", "train": files}
    assert plan.data_files("shapes") == [files["annotations"]]


def test_gpus_follow_the_device():
    assert study(device="cpu").gpus == 0
    assert study(device="cuda").gpus == 1


def test_later_config_files_and_overrides_win(tmp_path):
    (tmp_path / "more.yaml").write_text("schedule: {iterations: 7}\n")
    plan = load_study([CONFIG / "smoke.yaml", tmp_path / "more.yaml"], {"threads": 3})
    assert plan.config.schedule.iterations == 7
    assert plan.config.schedule.batch_size == 4
    assert plan.config.threads == 3


def test_the_default_study_is_the_one_that_was_promised():
    runs = [run for run in load_study([CONFIG / "smoke.yaml"]).runs if not run.untrained]
    assert {run.detector for run in runs} == {"retinanet", "atss"}
    losses = {run.loss for run in runs}
    assert {"focal", "ap", "alrp", "alrp+no-sb", "alrp+iou", "alrp+iou+no-sb"} == losses


def test_detectors_of_masks_want_data_with_masks(monkeypatch):
    spec = {**detectors.load_detector("retinanet", "small"), "masks": True}
    monkeypatch.setattr(detectors, "load_detector", lambda *_: spec)
    assert study(untrained=False).runs
    bare = {"shapes": {"kind": "shapes", "masks": False}}
    with pytest.raises(InputError, match=r"runs\[0\].detectors\[0\]: 'retinanet' needs masks"):
        study(datasets=bare)


def test_backbones_are_part_of_a_run_only_where_they_are_not_the_detectors_own():
    plain = study()
    other = study(runs=[*BASE["runs"], group(backbone="r101")])
    key = "shapes/retinanet@r101/ap/seed1"
    assert key in other._runs
    assert {run.key: other.hashes(run) for run in other.runs}.items() >= {
        run.key: plain.hashes(run) for run in plain.runs
    }.items()
    own, changed = (other._runs[k] for k in ("shapes/retinanet/ap/seed1", key))
    assert other.hashes(own)["config"] != other.hashes(changed)["config"]
    assert other.hashes(own)["loss"] == other.hashes(changed)["loss"]
    spec = other.spec(changed, 1)
    assert spec["detector"] == "retinanet"
    assert spec["detector_spec"]["small"]["backbone"]["depth"] == 34
    assert spec["detector_spec"]["small"]["backbone"]["init_cfg"] is None
    assert spec["detector_spec"]["small"]["neck"]["out_channels"] == 64
    entry = next(entry for entry in other.plan()["runs"] if entry["key"] == key)
    assert (entry["backbone"], entry["titles"]["detector"]) == ("r101", "RetinaNet, R-101")
    assert other.run({"dataset": "shapes", "detector": "retinanet@r101", "loss": "ap", "seed": 1})
    assert "shapes/retinanet@r101/untrained/seed1" in other._runs


def test_an_unknown_backbone_is_one_line():
    with pytest.raises(InputError, match=r"runs\[0\].backbone: unknown backbone 'r10'; did you me"):
        study(runs=[group(backbone="r10")])


def test_a_neck_stands_beside_a_backbone_or_alone():
    runs = [group(detectors=["retinanet"], backbone=name) for name in ("carafe", "r101-dcn+carafe")]
    made = study(runs=runs, untrained=False)
    alone, both = (
        made._runs[f"shapes/retinanet@{name}/ap/seed1"] for name in ("carafe", "r101-dcn+carafe")
    )
    necks = [made.detector(run)["small"]["neck"] for run in (alone, both)]
    assert [neck["type"] for neck in necks] == ["FPN_CARAFE"] * 2
    assert [neck["in_channels"] for neck in necks] == [[32, 64, 128, 256]] * 2
    depths = [made.detector(run)["small"]["backbone"]["depth"] for run in (alone, both)]
    assert depths == [18, 50]
    assert made.detector(both)["title"] == "RetinaNet, R-101-DCN, CARAFE"
    assert made.hashes(alone)["config"] != made.hashes(both)["config"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("r101+caraf", r"runs\[0\].backbone: unknown backbone 'caraf'; did you mean 'carafe'"),
        ("r101+x101", "'r101\\+x101' names two that take the place of the backbone; leave one"),
        ("carafe+carafe", "names two that take the place of the neck; leave one"),
    ],
)
def test_backbones_that_do_not_go_together_are_one_line(name, told):
    with pytest.raises(InputError, match=told) as caught:
        study(runs=[group(backbone=name)])
    assert "\n" not in str(caught.value)


def test_score_thresholds_are_runs_of_their_own():
    swept = study(runs=[group(losses=["ap"], detectors=["atss"], score_thresholds=[0.05, 1e-4])])
    (run,) = [run for run in swept.runs if not run.untrained]
    assert swept.sweeps() == [f"results/tiny/{run.key}/sweep.json"]
    names = {"dataset": "shapes", "detector": "atss", "loss": "ap", "seed": "1"}
    assert swept.sweep_files(names, "speed.json") == [
        f"results/tiny/{run.key}/at-0.05/speed.json",
        f"results/tiny/{run.key}/at-0.0001/speed.json",
    ]
    plain = study(runs=[group(losses=["ap"], detectors=["atss"], score_thresholds=[0.0, 0.4])])
    assert plain.sweep_files(names, "speed.json") == [
        f"results/tiny/{run.key}/speed.json",  # the small form keeps every score anyway
        f"results/tiny/{run.key}/at-0.4/speed.json",
    ]
    assert swept.spec(run, 1, "0.0001")["test"]["score_threshold"] == 1e-4
    hashes = {swept.test_hash(run, t) for t in (None, "0.05", "0.0001")}
    assert len(hashes) == 3
    entry = next(e for e in swept.plan()["runs"] if e["key"] == run.key)
    assert entry["score_thresholds"] == [0.05, 1e-4]
    assert study().sweeps() == []
    with pytest.raises(InputError, match="score_thresholds: one is named twice"):
        study(runs=[group(score_thresholds=[0.1, 0.1])])


def test_the_tour_takes_every_detector_by_its_standard_loss_and_by_a_ranking_loss():
    tour = load_study([CONFIG / "tour.yaml"])
    trained = [run for run in tour.runs if not run.untrained]
    taken = {run.detector for run in trained}
    lacking = set(detectors.detector_names()) - taken
    assert not lacking, f"config/tour.yaml: add {', '.join(sorted(lacking))} to its runs"
    for detector in taken:
        losses = {run.loss_name for run in trained if run.detector == detector}
        assert losses & {"focal", "ce", "qfl"}, detector
        assert losses & {"ap", "alrp", "rs", "ape"}, detector
