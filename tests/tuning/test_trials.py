"""The specs of trials come from the study: its schedule for a detector, each loss's own rate."""

import pytest

from rankdet.errors import InputError
from rankdet.tuning.trials import chosen_dataset, pairs
from tests.tuning.studies import SHAPES, STUDY, study

GROUP = {"dataset": "shapes", "detectors": ["retinanet"], "losses": ["focal"]}


def test_the_first_group_of_a_detector_changes_the_schedule_of_every_loss(tmp_path):
    named = {**GROUP, "schedule_name": "hot", "schedule": {"lr_factor": 8, "warmup": 1}}
    rates = {**GROUP, "schedule": {"lr": {"focal": 0.5}, "warmup": 3}, "seeds": [7]}
    made = pairs(
        study(tmp_path, runs=[named, rates]), "shapes", ["retinanet", "atss"], ["focal", "ap"]
    )
    assert [one.name for one in made] == [
        "retinanet focal", "retinanet ap", "atss focal", "atss ap",
    ]  # fmt: skip
    assert [one.rate for one in made] == [0.5, 0.01, 0.01, 0.01]  # the study's, the cards'
    assert [one.run.schedule["warmup"] for one in made] == [3, 3, 2, 2]
    assert {(one.spec["seed"], one.spec["threads"]) for one in made} == {(1001, 1)}


def test_the_length_is_in_epochs_of_the_held_out_data(tmp_path):
    (one,) = pairs(study(tmp_path), "shapes", ["retinanet"], ["focal"])
    assert (one.per_epoch(9), one.epochs(9), one.epochs(3)) == (3, 2, 4)  # 4 iterations of 4 images
    epochs = {"image_size": 128, "batch_size": 4, "epochs": 5}
    (other,) = pairs(study(tmp_path, schedule=epochs), "shapes", ["retinanet"], ["focal"])
    assert other.epochs(9) == 5


def test_a_study_with_several_datasets_needs_a_choice(tmp_path):
    two = study(tmp_path, datasets={**STUDY["datasets"], "more": {**SHAPES, "seed": 2}})
    assert chosen_dataset(two.config, "more", "s.yaml") == "more"
    with pytest.raises(InputError, match=r"s\.yaml has several datasets; .*: more, shapes"):
        chosen_dataset(two.config, None, "s.yaml")
