"""`init_from`: the weights that trainings start from are a part of what they depend on."""

import pytest

from rankdet.errors import InputError
from rankdet.study.made_of import made_of
from tests.study.tiny import group, named, study, wildcards

AP = "shapes/retinanet/ap/seed1"
TUNED = "shapes/retinanet/ap@tuned/seed1"


def tuned(**changes):
    """A group that trains AP Loss once more."""
    own = {"detectors": ["retinanet"], "losses": ["ap"], "schedule_name": "tuned"}
    return group(**own, **changes)


def config_hash(made, key):
    return named(made, key).hashes["config"]


@pytest.fixture
def file(tmp_path):
    (tmp_path / "theirs.pth").write_bytes(b"weights")
    return tmp_path / "theirs.pth"


def test_the_content_of_the_file_counts_and_not_its_name(file, tmp_path):
    plain = config_hash(study(runs=[tuned()]), TUNED)
    first = study(runs=[tuned(init_from=str(file))])
    assert config_hash(first, TUNED) != plain
    (tmp_path / "copy.pth").write_bytes(file.read_bytes())
    copy = study(runs=[tuned(init_from=str(tmp_path / "copy.pth"))])
    assert config_hash(copy, TUNED) == config_hash(first, TUNED)
    file.write_bytes(b"other weights")
    later = study(runs=[tuned(init_from=str(file))])
    assert config_hash(later, TUNED) != config_hash(first, TUNED)
    settings = [made_of(named(made, TUNED))["settings"]["init_from"] for made in (first, later)]
    assert settings[0] != settings[1] and all(str(file) in text for text in settings)


def test_another_run_is_made_first_and_counts_by_what_it_is_made_of():
    made = study(runs=[group(), tuned(init_from=AP)])
    run = named(made, TUNED)
    model = f"results/tiny/{AP}/model.pth"
    assert made.first_model(wildcards(run)) == [model]
    assert made.spec(wildcards(run), threads=1)["init_from"] == model
    assert made.first_model(wildcards(named(made, AP))) == []
    slower = [group(schedule={"lr_factor": 0.5}), tuned(init_from=AP)]
    assert config_hash(study(runs=slower), TUNED) != config_hash(made, TUNED)


def test_a_study_has_weights_for_its_detectors_and_a_group_goes_without(file):
    runs = [group(seeds=[1, 2]), tuned(init_from="none")]
    made = study(runs=runs, init_from={"retinanet": str(file)})
    started = {run.key for run in made.runs if run.init_from}
    assert started == {
        f"shapes/retinanet/{loss}/seed{seed}" for loss in ("ap", "alrp+iou") for seed in (1, 2)
    }


def test_each_seed_starts_from_its_own_weights():
    runs = [group(seeds=[1, 2]), tuned(seeds=[1, 2], init_from="shapes/retinanet/ap/seed{seed}")]
    made = study(runs=runs)
    models = [made.first_model(wildcards(run)) for run in made.runs if run.init_from]
    assert models == [[f"results/tiny/shapes/retinanet/ap/seed{k}/model.pth"] for k in (1, 2)]
    hashes = {run.hashes["config"] for run in made.runs if run.init_from}
    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"init_from": "nowhere.pth"}, "neither a file nor the key of a run.*: nowhere.pth; put"),
        ({"init_from": "shapes/retinanet/ap/seed3"}, f"did you mean '{AP}'"),
        ({"init_from": TUNED}, "cannot start from its own end"),
        ({"init_from": "shapes/retinanet/untrained/seed1"}, "is not trained and keeps no weights"),
        ({"init_from": AP, "checkpoint": "x.pth"}, "both checkpoint and init_from are given"),
    ],
)
def test_what_cannot_work_is_one_line(changes, words):
    with pytest.raises(InputError, match=words) as error:
        study(runs=[group(), tuned(**changes)])
    assert "\n" not in str(error.value)


def test_two_runs_cannot_start_from_each_other():
    runs = [tuned(init_from="shapes/retinanet/ap@other/seed1")]
    runs.append({**tuned(init_from=TUNED), "schedule_name": "other"})
    with pytest.raises(InputError, match="cannot start from its own end"):
        study(runs=runs)


def test_weights_for_a_detector_without_runs_are_one_line(file):
    with pytest.raises(InputError, match=r"init_from\.retinanett: no run; did you mean"):
        study(init_from={"retinanett": str(file)})
