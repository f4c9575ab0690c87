"""The runs that a study's groups name: each once, with its backbone and its score thresholds."""

import pytest

from rankdet.errors import InputError
from rankdet.study import detectors
from rankdet.study.backbones import load_backbone
from tests.study.tiny import BASE, group, named, study, wildcards


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


def given(tmp_path, **changes):
    (tmp_path / "c.pth").touch()
    changes = {"detectors": ["atss"], "losses": ["ap"], **changes}
    return group(checkpoint=str(tmp_path / "c.pth"), **changes)


def test_a_given_checkpoint_is_a_run_that_is_not_trained(tmp_path):
    made = study(runs=[given(tmp_path)], untrained=False)
    (run,) = made.runs
    assert run.key == "shapes/atss/ap@given/seed1" and not run.trained
    place = {"dataset": "shapes", "detector": "atss", "loss": "ap@given", "seed": "1"}
    assert made.spec(place, 1)["checkpoint"].endswith("c.pth")
    assert "lr" not in run.schedule
    assert made.plan()["runs"][0]["checkpoint"].endswith("c.pth")


def test_one_file_is_one_run(tmp_path):
    with pytest.raises(InputError, match=r"a checkpoint gives one run, but losses has several"):
        study(runs=[given(tmp_path, losses=["ap", "alrp"])])
    with pytest.raises(InputError, match=r"planned twice"):
        study(runs=[group(detectors=["atss"], losses=["ap"]), given(tmp_path)])
    with pytest.raises(InputError, match=r"runs\[0\].checkpoint: no such file: .*d.pth"):
        study(runs=[{**given(tmp_path), "checkpoint": str(tmp_path / "d.pth")}])


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
        ({"tables": ["alrp/figure4"]}, r"tables\[0\]: alrp/figure4 is not one of the tables"),
    ],
)
def test_unknown_parts_name_the_known_ones(changes, told):
    with pytest.raises(InputError, match=told) as caught:
        study(**changes)
    assert str(caught.value).startswith("s.yaml: ")
    assert "\n" not in str(caught.value)


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
    assert key in [run.key for run in other.runs]
    assert {run.key: run.hashes for run in other.runs}.items() >= {
        run.key: run.hashes for run in plain.runs
    }.items()
    own, changed = (named(other, k) for k in ("shapes/retinanet/ap/seed1", key))
    assert own.hashes["config"] != changed.hashes["config"]
    assert own.hashes["loss"] == changed.hashes["loss"]
    spec = other.spec(wildcards(changed), 1)
    assert spec["detector"] == "retinanet"
    assert spec["detector_spec"]["small"]["backbone"]["depth"] == 34
    assert spec["detector_spec"]["small"]["backbone"]["init_cfg"] is None
    assert spec["detector_spec"]["small"]["neck"]["out_channels"] == 64
    entry = next(entry for entry in other.plan()["runs"] if entry["key"] == key)
    assert (entry["backbone"], entry["titles"]["detector"]) == ("r101", "RetinaNet, R-101")
    assert other.run({"dataset": "shapes", "detector": "retinanet@r101", "loss": "ap", "seed": 1})
    assert named(other, "shapes/retinanet@r101/untrained/seed1").untrained


def test_an_unknown_backbone_is_one_line():
    with pytest.raises(InputError, match=r"runs\[0\].backbone: unknown backbone 'r10'; did you me"):
        study(runs=[group(backbone="r10")])


def test_a_neck_stands_beside_a_backbone_or_alone():
    runs = [group(detectors=["retinanet"], backbone=name) for name in ("carafe", "r101-dcn+carafe")]
    made = study(runs=runs, untrained=False)
    alone, both = (
        named(made, f"shapes/retinanet@{name}/ap/seed1") for name in ("carafe", "r101-dcn+carafe")
    )
    necks = [run.model.detector_spec["small"]["neck"] for run in (alone, both)]
    assert [neck["type"] for neck in necks] == ["FPN_CARAFE"] * 2
    assert [neck["in_channels"] for neck in necks] == [[32, 64, 128, 256]] * 2
    depths = [run.model.detector_spec["small"]["backbone"]["depth"] for run in (alone, both)]
    assert depths == [18, 50]
    assert both.model.detector_spec["title"] == "RetinaNet, R-101-DCN, CARAFE"
    assert alone.hashes["config"] != both.hashes["config"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("r101+caraf", r"runs\[0\].backbone: unknown backbone 'caraf'; did you mean 'carafe'"),
        ("r101+x101", "'r101\\+x101' names two that replace the backbone; leave one"),
        ("carafe+carafe", "names two that replace the neck; leave one"),
    ],
)
def test_backbones_that_do_not_go_together_are_one_line(name, told):
    with pytest.raises(InputError, match=told) as caught:
        study(runs=[group(backbone=name)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- r101", "give a mapping of names to backbones"),
        ("r: [", "not valid YAML"),
        ("r: {small: {backbone: {}}}", "r: title: missing"),
        ("r: {title: R, small: 18}", r"r\.small: neither backbone nor neck"),
        ("r: {title: R, small: null}", r"r\.small: neither backbone nor neck"),
        ("r: {title: R, full: {backbone: 50}}", r"r\.full: neither backbone nor neck"),
    ],
)
def test_a_faulty_file_of_backbones_is_one_line(tmp_path, text, told):
    path = tmp_path / "backbones.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=f"backbones.yaml: {told}"):
        load_backbone("r", "small", path)


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
        f"results/tiny/{run.key}/speed.json",  # the small preset keeps every score anyway
        f"results/tiny/{run.key}/at-0.4/speed.json",
    ]
    assert swept.spec(wildcards(run, threshold="0.0001"), 1)["test"]["score_threshold"] == 1e-4
    assert len({run.test_hash(threshold=t) for t in (None, "0.05", "0.0001")}) == 3
    entry = next(e for e in swept.plan()["runs"] if e["key"] == run.key)
    assert entry["score_thresholds"] == [0.05, 1e-4]
    assert study().sweeps() == []
    with pytest.raises(InputError, match="score_thresholds: a value is listed twice"):
        study(runs=[group(score_thresholds=[0.1, 0.1])])


def test_a_named_schedule_trains_a_loss_once_more():
    usual, again = (
        group(detectors=["retinanet"], losses=["ap"]),
        group(
            detectors=["retinanet"],
            losses=["ap"],
            schedule_name="rate-x2",
            schedule={"lr_factor": 2.0},
        ),
    )
    first, second = study(runs=[usual, again], untrained=False).runs
    assert second.key == "shapes/retinanet/ap@rate-x2/seed1"
    assert second.schedule["lr"] == 2 * first.schedule["lr"]
    assert "lr_factor" not in second.schedule
    assert first.hashes != second.hashes


@pytest.mark.parametrize("name", ["given", "alrp-500"])
def test_a_schedule_cannot_have_the_name_of_another(name):
    with pytest.raises(InputError, match=rf"runs\[0\].schedule_name: '{name}' is the name of"):
        study(runs=[group(schedule_name=name)])


def test_a_named_schedule_has_no_published_gpus():
    with pytest.raises(InputError, match=r"schedule_name 'mine' is not the schedule of a paper"):
        study(runs=[group(schedule_name="mine", schedule={"gpus": "as published"})])


def test_a_group_can_keep_epochs():
    made = study(runs=[group(keep_epochs=["50-of-100", "25-of-100"])])
    assert {run.untrained: len(run.kept_epochs) for run in made.runs} == {True: 0, False: 2}
    trained = [run for run in made.runs if run.trained]
    assert [kept.name for kept in trained[0].kept_epochs] == ["25-of-100", "50-of-100"]
    assert len(made.kept_epochs()) == 2 * len(trained)
    with pytest.raises(InputError, match=r"keep_epochs: 100-of-100 is not before the end"):
        study(runs=[group(keep_epochs=["100-of-100"])])
    with pytest.raises(InputError, match=r"keep_epochs"):
        study(runs=[group(keep_epochs=["half"])])


def test_epochs_of_a_group_leave_the_other_seeds_as_they_are():
    keeps = group(detectors=["foveabox"], losses=["alrp"], keep_epochs=["50-of-100"])
    others = {**keeps, "seeds": [2, 3]} | {"keep_epochs": []}
    table = ["alrp-rebuttal/tableA1"]  # shows epochs 50 and 75
    made = study(runs=[keeps, others], untrained=False, tables=table)
    kept = {run.seed: [k.name for k in run.kept_epochs] for run in made.runs}
    assert kept == {1: ["50-of-100"], 2: [], 3: []}
    made = study(runs=[others], untrained=False, tables=table)
    kept = {run.seed: [k.name for k in run.kept_epochs] for run in made.runs}
    assert kept == {seed: ["50-of-100", "75-of-100"] for seed in (2, 3)}
