"""What the plan says about more epochs: goes on, or starts again, before anything starts."""

import json

import pytest

from rankdet import cli
from rankdet.results.course import Course, read_course
from rankdet.study.going_on import goes_on_from
from rankdet.study.made_of import made_of
from tests.study.tiny import BASE, group, named, study

KEY = "shapes/retinanet/ap/seed1"
PER_EPOCH = 48


def planned(epochs, **schedule):
    made = study(
        runs=[group()], schedule={"image_size": 64, "batch_size": 2, "epochs": epochs, **schedule}
    )
    return named(made, KEY)


def ended(folder, run, epoch):
    """Writes what is left of a training that has ended."""
    course = Course.of(run.schedule, PER_EPOCH)
    state = {
        "fingerprint": {**run.hashes, "seed": str(run.seed), "data": "d"},
        "resumed_from": [],
        "course": {
            "schedule": dict(course.schedule),
            "epoch_length": PER_EPOCH,
            "rest": run.rest_hash,
        },
    }
    (folder / "last").mkdir()
    (folder / "last/state.json").write_text(json.dumps(state))
    (folder / f"last/epoch_{epoch}.pth").touch()
    return folder


@pytest.mark.parametrize(
    ("shorter", "longer", "place"),
    [
        ({}, {}, (12, None)),
        ({"lr_steps": [0.5]}, {"lr_steps": [0.25, 0.75]}, (12, None)),
        ({"lr_steps": [0.5]}, {"lr_steps": [0.5]}, (12, "lr_steps: the rate fell after 288")),
        ({"lr_policy": "cosine"}, {"lr_policy": "cosine"}, (12, "with lr_policy: cosine")),
        ({}, {"momentum": 0.8}, None),
        ({}, {"lr": 0.5}, None),
    ],
)
def test_only_more_epochs_with_the_same_rates_go_on(tmp_path, shorter, longer, place):
    folder = ended(tmp_path, planned(12, **shorter), 12)
    found = goes_on_from(planned(24, **longer), folder)
    if place is None:
        assert found is None
    else:
        assert found[0] == place[0]
        assert found[1] is None if place[1] is None else found[1].startswith(place[1])


def test_a_run_that_has_no_state_starts_again(tmp_path):
    assert goes_on_from(planned(24), tmp_path) is None


def test_another_loss_or_seed_starts_again(tmp_path):
    folder = ended(tmp_path, planned(12), 12)
    state = json.loads((folder / "last/state.json").read_text())
    for key in ("loss", "code", "seed"):
        other = {**state, "fingerprint": {**state["fingerprint"], key: "other"}}
        (folder / "last/state.json").write_text(json.dumps(other))
        assert goes_on_from(planned(24), folder) is None


def test_the_workers_of_a_training_may_change(tmp_path):
    folder = ended(tmp_path, planned(12), 12)
    assert goes_on_from(planned(24, workers=2), folder) == (12, None)


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ({}, "will go on from epoch 12, because schedule.epochs (12, now 24) changed"),
        (
            {"lr_policy": "cosine"},
            "changed; cannot go on from epoch 12: with lr_policy: cosine every rate depends",
        ),
    ],
)
def test_the_plan_says_it(tmp_path, monkeypatch, capsys, schedule, words):
    run, folder = planned(12, **schedule), tmp_path / "results/tiny" / KEY
    folder.mkdir(parents=True)
    ended(folder, run, 12)
    made = {f"{part}_hash": value for part, value in run.hashes.items()} | {"made_of": made_of(run)}
    record = {"schema": "rankdet.run/1", "run": {}, "status": "trained", "provenance": made}
    (folder / "run.json").write_text(json.dumps(record))
    own = {"image_size": 64, "batch_size": 2, "epochs": 24, **schedule}
    text = json.dumps({**BASE, "runs": [group()], "tables": [], "schedule": own})
    (tmp_path / "tiny.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    assert cli.main(["plan", "--configfile", "tiny.yaml"]) == 0
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    "damaged",
    [
        {"epochs": "twelve"},
        {"epochs": float("inf")},
        {"epochs": [12]},
        {"epochs": 12, "warmup": "long"},
        {"epochs": 12, "lr_steps": 0.5},
        {"epochs": 12, "lr_steps": ["half"]},
        {"epochs": 12, "stop_after": "half"},
        {"iterations": {}},
        {"iterations": "all"},
    ],
)
@pytest.mark.fault("course in the state of a training that has another kind of value")
def test_a_damaged_course_is_none(tmp_path, damaged):
    """The training starts again, and `rankdet plan` and `rankdet watch` go on."""
    folder = ended(tmp_path, planned(12), 12)
    state = json.loads((folder / "last/state.json").read_text())
    assert read_course(state) is not None
    state["course"]["schedule"] = damaged
    assert read_course(state) is None
    (folder / "last/state.json").write_text(json.dumps(state))
    assert goes_on_from(planned(24), folder) is None
