"""What jobs ask of a cluster follows from their run, its measured pace and its files."""

import json

import pytest

from rankdet.study.config.check import check_config
from rankdet.study.plan import Study
from rankdet.study.resources import DETECT, EVALUATE, EVALUATION, LONGEST, SMALL, JobNeeds

STUDY = {
    "study": "tiny",
    "title": "t",
    "scale": "s",
    "preset": "small",
    "device": "cpu",
    "datasets": {"shapes": {"kind": "shapes", "train_images": 40, "val_images": 10}},
    "runs": [{"dataset": "shapes", "detectors": ["retinanet"], "losses": ["ap"]}],
    "schedule": {"image_size": 64, "batch_size": 4, "iterations": 1000},
}
RUN = {"dataset": "shapes", "detector": "retinanet", "loss": "ap", "seed": "1"}
KEY = "shapes/retinanet/ap/seed1"


def needs(tmp_path, longest=LONGEST, **changes):
    given = {**STUDY, **changes}
    schedule = {**STUDY["schedule"], **changes.get("schedule", {})}
    study = Study(check_config({**given, "schedule": schedule}, "tiny.yaml"), "tiny.yaml", False)
    return JobNeeds(study, longest, tmp_path)


def measured(tmp_path, name, seconds, cpu="another machine"):
    """A record of a run with these seconds per iteration."""
    folder = tmp_path / name / "shapes" / "retinanet" / "ap" / "seed1"
    folder.mkdir(parents=True)
    record = {
        "schema": "rankdet.run/1",
        "status": "trained",
        "run": {"detector": "retinanet", "preset": "small", "dataset": "shapes", "loss": "ap"},
        "training": {"seconds_per_iteration": seconds, "image_size": 64, "batch_size": 4},
        "provenance": {"hardware": {"device": "cpu", "cpu": cpu, "cores": 3}},
    }
    (folder / "run.json").write_text(json.dumps(record))


def test_a_training_gets_its_measured_time_of_the_slowest_machine(tmp_path):
    assert needs(tmp_path).training_minutes(RUN) == LONGEST  # nothing was measured
    measured(tmp_path, "fast", 0.6)
    measured(tmp_path, "slow", 6.0)
    found = needs(tmp_path)
    assert found.training_minutes(RUN) == 10 + 1.5 * 100  # 1,000 iterations
    assert needs(tmp_path, longest=60).training_minutes(RUN) == 60  # it will be resumed
    other = needs(tmp_path, schedule={"image_size": 96})
    assert other.training_minutes(RUN) == LONGEST  # another size was not measured


def test_what_was_too_little_grows_for_that_run(tmp_path):
    found = needs(tmp_path)
    before = found.detection_minutes(RUN), found.evaluation_memory(RUN, ["absent"])
    found.longer[KEY] += 1
    found.larger[KEY] += 2
    assert found.detection_minutes(RUN) == 2 * before[0] == 2 * DETECT
    assert found.evaluation_minutes(RUN) == 2 * EVALUATE
    assert found.evaluation_memory(RUN, ["absent"]) == pytest.approx(3 * before[1], abs=3)


def test_an_evaluation_gets_memory_for_its_file(tmp_path):
    found, file = needs(tmp_path), tmp_path / "detections.json"
    expected = found.evaluation_memory(RUN, [str(file)])
    assert expected > EVALUATION  # the file is not there yet
    with file.open("wb") as sparse:
        sparse.truncate(100 * 2**20)
    assert found.evaluation_memory(RUN, [str(file)]) == EVALUATION + 1600 > expected


def test_a_training_gets_memory_for_its_processes_and_images(tmp_path):
    small = needs(tmp_path, schedule={"gpus": 2}).training_memory(RUN)
    assert small == 2 * SMALL
    full = {"preset": "full", "schedule": {"image_size": [800, 1333], "gpus": 1}}
    one = needs(tmp_path, **full).training_memory(RUN)
    assert one > needs(tmp_path, preset="full").training_memory(RUN) > SMALL
    loading = needs(tmp_path, threads=9, device="cuda", **full).training_memory(RUN)
    assert loading > one == needs(tmp_path, threads=9, device="cpu", **full).training_memory(RUN)
    full["schedule"] |= {"gpus": 4, "images_per_gpu": 4, "batch_size": 16}
    assert needs(tmp_path, **full).training_memory(RUN) == pytest.approx(4 * one, rel=0.01)
