"""How a batch is shared by GPUs: what follows from what, and the one line where nothing does."""

import pytest

from rankdet.errors import InputError
from rankdet.study import batches
from rankdet.study.config.check import check_config
from tests.study.tiny import BASE, group, study

SIZE = {"image_size": 64, "iterations": 3}


def sizes(*numbers):
    return dict(zip(batches.OF_A_BATCH, numbers, strict=True))


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"batch_size": 32}, (32, 1, 32, 1)),
        ({"images_per_gpu": 8}, (8, 1, 8, 1)),
        ({"gpus": 4, "images_per_gpu": 8}, (32, 4, 8, 1)),
        ({"gpus": 4, "images_per_gpu": 4, "accumulate": 2}, (32, 4, 4, 2)),
        ({"batch_size": 32, "gpus": 4}, (32, 4, 8, 1)),
        ({"batch_size": 32, "images_per_gpu": 8}, (32, 1, 8, 4)),
        ({"batch_size": 32, "gpus": 2, "images_per_gpu": 8}, (32, 2, 8, 2)),
        ({"batch_size": 32, "gpus": 2, "accumulate": 4}, (32, 2, 4, 4)),
    ],
)
def test_what_is_left_out_follows(given, found):
    assert batches.shared(given) == sizes(*found)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "neither batch_size nor images_per_gpu is given; give one"),
        (
            {"batch_size": 32, "gpus": 3},
            "batch_size 32 is not gpus 3 x images_per_gpu 10 x accumulate 1; change one of them",
        ),
        ({"batch_size": 2, "gpus": 4}, "batch_size 2 is not gpus 4 x images_per_gpu 0"),
        ({"batch_size": 8, "images_per_gpu": 3}, "batch_size 8 is not gpus 1 x images_per_gpu 3"),
        ({"batch_size": 8, "gpus": 2, "images_per_gpu": 8}, "batch_size 8 is not gpus 2"),
    ],
)
def test_what_does_not_fit_is_one_line(given, told):
    with pytest.raises(ValueError, match=told):
        batches.shared(given)
    with pytest.raises(InputError, match=rf"^s.yaml: schedule: {told}"):
        check_config({**BASE, "schedule": {**SIZE, **given}}, "s.yaml")


def schedule(own, change=None, **changes):
    runs = [group(detectors=["retinanet"], losses=["ap"], schedule=change or {})]
    found = study(schedule={**SIZE, **own}, runs=runs, untrained=False, **changes)
    return found.runs[0].schedule


@pytest.mark.parametrize(
    ("own", "change", "found"),
    [
        ({"batch_size": 32}, {"gpus": 4}, (32, 4, 8, 1)),
        ({"batch_size": 32, "gpus": 4}, {"batch_size": 16}, (16, 4, 4, 1)),
        ({"images_per_gpu": 8, "gpus": 4}, {"gpus": 2}, (32, 2, 16, 1)),
        ({"images_per_gpu": 8, "gpus": 4}, {"images_per_gpu": 2}, (8, 4, 2, 1)),
        ({"images_per_gpu": 8, "gpus": 4}, {"gpus": 1, "images_per_gpu": 2}, (2, 1, 2, 1)),
        ({"images_per_gpu": 8, "gpus": 4}, {"gpus": 1, "accumulate": 4}, (32, 1, 8, 4)),
    ],
)
def test_a_group_changes_how_its_batch_is_shared(own, change, found):
    resolved = schedule(own, change, device="cpu")
    assert {key: resolved[key] for key in batches.OF_A_BATCH} == sizes(*found)


def test_a_batch_that_nobody_shares_is_as_it_was():
    assert not schedule({"batch_size": 4}, device="cpu").keys() & {"gpus", "accumulate"}


def test_the_rate_is_for_the_whole_batch():
    detector = {"preset": "full", "device": "cpu"}
    whole = schedule({"batch_size": 32}, **detector)["lr"]
    assert schedule({"images_per_gpu": 8, "gpus": 4}, **detector)["lr"] == whole
    assert schedule({"images_per_gpu": 8, "accumulate": 2}, **detector)["lr"] == whole / 2


@pytest.mark.parametrize(
    ("most", "found", "told"),
    [
        (4, (32, 4, 8, 1), ""),
        (
            1,
            (32, 1, 8, 4),
            "4 GPUs asked for, 1 here: gpus 1, accumulate 4; the batch stays 32; 8",
        ),
        (
            3,
            (32, 2, 8, 2),
            "4 GPUs asked for, 3 here: gpus 2, accumulate 2; the batch stays 32; 8",
        ),
    ],
)
def test_fewer_gpus_take_more_passes(most, found, told):
    asked = sizes(32, 4, 8, 1)
    fitted = batches.fitted(asked, most)
    assert fitted == sizes(*found)
    note = batches.gpu_note(asked, fitted, "gpu", most)
    assert note.startswith(told)
    assert bool(note) == bool(told)


@pytest.mark.parametrize(
    ("scope", "published", "told"),
    [
        ("gpu", "", "8 images are ranked together, as with 4 GPUs"),
        ("groups of 2", "", "2 images are ranked together, as with 4 GPUs"),
        ("batch", "", "16 images are ranked together, not 32 as with 4 GPUs"),
        ("image", "", "each image is ranked alone, as with 4 GPUs"),
        ("groups of 8", "rs-heavy", "8 images are ranked together, as in the release"),
        ("groups of 2", "rs-heavy", "2 images are ranked together, not 8 as in the release"),
        ("image", "rs-heavy", "each image is ranked alone, not 8 as in the release"),
    ],
)
def test_the_note_says_what_is_ranked_and_what_differs(scope, published, told):
    asked = sizes(32, 4, 8, 1)
    note = batches.gpu_note(asked, batches.fitted(asked, 2), scope, 2, published)
    parts = note.split("; ")
    assert parts[1:] == [
        "the batch stays 32",
        told,
        "means over 4 GPUs, such as the number of positives, are over 2",
    ]


def test_the_plan_fits_a_study_to_the_most_gpus():
    changes = {"schedule": {**SIZE, "images_per_gpu": 8, "gpus": 4}, "max_gpus": 1}
    found = study(**changes)
    trained = [run for run in found.runs if not run.untrained]
    assert all(run.gpus == 1 and run.schedule["accumulate"] == 4 for run in trained)
    assert all(run.gpu_note.startswith("4 GPUs asked for, 1 here") for run in trained)
    assert found.plan()["runs"][-1]["settings"]["accumulate"] == 4


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"precision": "fp16"}, "schedule: precision: fp16 needs a GPU; use bf16 or fp32"),
        ({"precision": "bf16"}, "schedule: precision: bf16 on a CPU needs an image_size of 128"),
        ({"sync_bn": True}, "schedule: sync_bn: true needs GPUs; leave it out"),
        ({"rank_scope": "groups of 3"}, "schedule: rank_scope: groups of 3, but a GPU has 4"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_starts(change, told):
    with pytest.raises(InputError, match=rf"^s.yaml: runs\[0\]: shapes/retinanet/ap/seed1: {told}"):
        schedule({"batch_size": 4, **change}, device="cpu")


@pytest.mark.parametrize("scope", ["gpus", "groups of 0", 3, "groups of"])
def test_an_unknown_scope_is_one_line(scope):
    with pytest.raises(InputError, match=r"schedule.rank_scope: found .*; it should be gpu, batch"):
        schedule({"batch_size": 4, "rank_scope": scope})


def test_threads_and_gpus_of_a_job_follow_the_run():
    changes = {"schedule": {**SIZE, "images_per_gpu": 2, "gpus": 3}, "threads": 2}
    place = {"dataset": "shapes", "detector": "retinanet", "loss": "ap", "seed": "1"}
    on_gpus = study(**changes, device="cuda", max_gpus=8)
    assert on_gpus.training_threads(place) == 6
    assert on_gpus.training_gpus(place) == 3
    assert study(**changes, device="cpu").training_gpus(place) == 0
