"""How a run is trained and tested: what is more particular wins, and what of it trains anew."""

import json
import re

import pytest

from rankdet.errors import InputError
from tests.study.tiny import BASE, group, named, study, wildcards


def lr(plan, key):
    return named(plan, key).schedule["lr"]


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
    schedule = plan.runs[-1].schedule
    assert schedule["epochs"] == 7
    assert "iterations" not in schedule


def test_test_settings_from_particular_to_general():
    changes = {"test": {"nms_iou": 0.6}, "runs": [group(test={"max_per_image": 9})]}
    plan = study(preset="full", **changes)
    run = named(plan, "shapes/retinanet/ap/seed1")
    assert run.test == {
        "score_threshold": 0.01,
        "nms_iou": 0.6,
        "max_per_image": 9,
    }


def test_small_form_keeps_every_score_unless_the_study_says_otherwise():
    key = "shapes/retinanet/ap/seed1"
    for changes, threshold in (({}, 0.0), ({"test": {"score_threshold": 0.2}}, 0.2)):
        plan = study(**changes)
        assert named(plan, key).test["score_threshold"] == threshold


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
    assert [run.hashes for run in plain.runs] == [run.hashes for run in other.runs]
    assert plain.data_hash("shapes") == other.data_hash("shapes")
    assert plain.plan_hash != other.plan_hash
    run = plain.runs[-1]
    assert run.test_hash() != other.runs[-1].test_hash()


def test_training_settings_count():
    plain, key = study(), "shapes/retinanet/ap/seed1"
    longer = study(schedule={**BASE["schedule"], "iterations": 4})
    assert named(plain, key).hashes["config"] != named(longer, key).hashes["config"]
    assert named(plain, key).hashes["loss"] == named(longer, key).hashes["loss"]
    assert (
        named(plain, key).hashes["loss"] != named(plain, f"{key[:17]}alrp+iou/seed1").hashes["loss"]
    )


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
    assert named(plain, key).hashes["config"] != named(other, key).hashes["config"]
    assert (
        json.loads(json.dumps(other.spec(wildcards(named(other, key)), 1)))["schedule"].items()
        >= change.items()
    )


def test_image_sizes_of_tests_retrain_nothing():
    plain, larger = study(), study(test={"image_size": [500, 833], "flip": True})
    run = plain.runs[-1]
    assert run.hashes == larger.runs[-1].hashes
    assert run.test_hash() != larger.runs[-1].test_hash()


@pytest.mark.parametrize(
    ("rates", "line"),
    [
        ({"alpr": 0.1}, "schedule.lr: unknown loss 'alpr'; did you mean 'alrp'?"),
        ({"alrp+iuo": 0.1}, "schedule.lr: loss 'alrp' has no variant 'iuo'"),
    ],
)
def test_a_rate_for_an_unknown_loss_is_one_line(rates, line):
    with pytest.raises(InputError, match=re.escape(line)):
        study(schedule={**BASE["schedule"], "lr": rates})


NEW_KEYS = {
    "optimizer": "adamw",
    "betas": [0.9, 0.99],
    "paramwise": {"custom_keys": {"backbone": {"lr_mult": 0.1}}, "norm_decay_mult": 0.0},
    "ema": 0.999,
}


def test_optimiser_keys_train_again_and_a_group_changes_single_factors():
    plain = study().runs[-1]
    assert not {"betas", "paramwise", "ema"} & plain.schedule.keys()
    schedule = {**BASE["schedule"], **NEW_KEYS}
    made = study(schedule=schedule).runs[-1]
    assert {key: made.schedule[key] for key in NEW_KEYS} == NEW_KEYS
    hashes = {plain.hashes["config"], made.hashes["config"]}
    for key in ("betas", "paramwise", "ema"):
        without = {name: value for name, value in schedule.items() if name != key}
        hashes.add(study(schedule=without).runs[-1].hashes["config"])
    assert len(hashes) == 5
    change = {"paramwise": {"custom_keys": {"backbone": {"lr_mult": 0.2}}}}
    own = study(schedule=schedule, runs=[group(schedule=change)]).runs[-1].schedule["paramwise"]
    assert own == {"custom_keys": {"backbone": {"lr_mult": 0.2}}, "norm_decay_mult": 0.0}


def test_betas_without_adamw_are_one_line():
    told = r"runs\[0\]: schedule.betas: SGD has no betas; add `optimizer: adamw`"
    with pytest.raises(InputError, match=told):
        study(schedule={**BASE["schedule"], "betas": [0.9, 0.99]})


def test_tracking_trains_nothing_again_and_needs_its_package(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: True)
    plain, tracked = study(), study(track="wandb")
    run, other = plain.runs[-1], tracked.runs[-1]
    assert run.hashes == other.hashes and run.test_hash() == other.test_hash()
    spec = tracked.run_spec(other)
    assert spec.pop("track") == "wandb" and spec == plain.run_spec(run)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"s\.yaml: track: mlflow is not installed here; .*pip"):
        study(track="mlflow")
