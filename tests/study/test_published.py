"""`gpus: as published`: a run has the GPUs and the images per GPU of its paper's release."""

import pytest

from rankdet.cli import main
from rankdet.errors import InputError
from rankdet.repository import CONFIG
from rankdet.study import batches, published
from rankdet.study.config.check import check_config
from rankdet.study.load import load_study
from rankdet.study.plan import Study

SIZE = {"image_size": 64, "iterations": 3}
STUDY = {
    "study": "tiny",
    "title": "A tiny study",
    "scale": "Nothing real",
    "preset": "small",
    "device": "cpu",
    "datasets": {"shapes": {"kind": "shapes"}},
    "runs_of_tables": {
        "datasets": {"coco": "shapes"},
        "schedules": {"alrp-500": {}, "rs-1x": {"gpus": 1, "batch_size": 6}},
    },
    "schedule": {**SIZE, "gpus": "as published"},
    "tables": ["alrp/table2"],
    "untrained": True,
}


def study(**changes):
    return Study(check_config({**STUDY, **changes}, "s.yaml"), "s.yaml")


def of_tables(**schedules):
    return {**STUDY["runs_of_tables"], "schedules": schedules}


def found(run):
    return tuple(run.schedule[key] for key in batches.OF_A_BATCH)


def trained(made):
    return [run for run in made.runs if not run.untrained]


def test_a_run_has_the_numbers_of_its_schedule():
    made = study()
    assert {run.schedule_name for run in trained(made)} == {"alrp-500"}
    assert {found(run) for run in trained(made)} == {(32, 4, 8, 1)}
    numbers = study(schedule={**SIZE, "gpus": 4, "images_per_gpu": 8})
    assert [run.hashes for run in trained(made)] == [run.hashes for run in trained(numbers)]
    assert not any(run.gpu_note for run in numbers.runs)
    notes = {run.gpu_note for run in trained(made)}
    assert notes == {
        "alrp-500: as published, 4 x 8 images; 8 images are ranked together, as in the release"
    }


def test_a_loss_with_other_gpus_has_its_own():
    made = study(tables=["rs/tableS8"], runs_of_tables=of_tables(**{"rs-1x": {}}))
    sizes = {run.loss_name: found(run) for run in trained(made)}
    assert sizes["rs"] == (16, 4, 4, 1)
    assert sizes["ce"] == (16, 8, 2, 1)


@pytest.mark.parametrize(("most", "sizes"), [(1, (32, 1, 8, 4)), (2, (32, 2, 8, 2))])
def test_fewer_gpus_keep_the_batch_and_what_is_ranked(most, sizes):
    made = study(max_gpus=most, schedule={**STUDY["schedule"], "rank_scope": "groups of 8"})
    assert {found(run) for run in trained(made)} == {sizes}
    (note,) = {run.gpu_note for run in trained(made)}
    assert note.startswith(f"alrp-500: as published, 4 x 8 images, {most} here: gpus {most}, ")
    assert "; 8 images are ranked together, as in the release; means over 4 GPUs" in note


def test_a_change_of_the_schedule_may_ask_too():
    tables = of_tables(**{"alrp-500": {"gpus": "as published"}})
    made = study(schedule={**SIZE, "batch_size": 6}, runs_of_tables=tables)
    assert {found(run) for run in trained(made)} == {(32, 4, 8, 1)}


def test_numbers_after_the_word_count():
    made = study(tables=["alrp/table2", "rs/tableS8"])
    by_name = {run.schedule_name: run for run in trained(made)}
    assert found(by_name["rs-1x"]) == (6, 1, 6, 1)
    assert by_name["rs-1x"].gpu_note == ""
    tables = of_tables(**{"alrp-500": {"gpus": 2}})
    half = trained(study(runs_of_tables=tables))[0]
    assert (found(half), half.gpu_note) == ((32, 2, 16, 1), "")


def test_the_papers_own_numbers_are_said_too():
    given = {"tables": ["rs/tableS8"], "figures": [], "schedule": {"gpus": "as published"}}
    given["schedule"]["batch_size"] = None
    made = load_study([CONFIG / "coco.yaml"], {**given, "max_gpus": 1}, with_data=False)
    notes = {run.loss_name: run.gpu_note for run in trained(made)}
    assert notes["rs"].startswith("rs-1x: as published, 4 x 4 images, 1 here: gpus 1, accumulate 4")


def test_a_run_without_a_papers_schedule_is_refused():
    told = r"^s.yaml: shapes/\S+: schedule: gpus: as published, but this run follows no paper's"
    with pytest.raises(InputError, match=told):
        study(runs_of_tables={"datasets": {"coco": "shapes"}})
    listed = [{"dataset": "shapes", "detectors": ["retinanet"], "losses": ["ap"]}]
    with pytest.raises(InputError, match=r"^s.yaml: runs\[0\]: shapes/retinanet/ap/seed1: sched"):
        study(runs=listed)
    listed[0]["schedule"] = {"gpus": 1, "images_per_gpu": 2}
    (run,) = (run for run in trained(study(runs=listed)) if run.group == 0)
    assert found(run) == (2, 1, 2, 1)


def test_a_schedule_without_numbers_is_refused(monkeypatch):
    entry = published.published_schedules()["alrp-500"].model_copy(
        update={"gpus": None, "images_per_gpu": None, "cases": []}
    )
    monkeypatch.setattr(published, "published_schedules", lambda: {"alrp-500": entry})
    told = r"workflows/schedules.yaml has no gpus and images_per_gpu for 'alrp-500'; give numbers"
    with pytest.raises(InputError, match=told):
        study()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"gpus": "as publishd"}, "found 'as publishd'; give a number from 1 to 64, or 'as publ"),
        ({"gpus": 0}, "found 0; give a number from 1 to 64, or 'as published'"),
        ({"gpus": True}, "found true; give a number"),
        (
            {"images_per_gpu": 2},
            "gpus: as published sets the whole batch, but images_per_gpu is given too; leave one",
        ),
        ({"batch_size": 2}, "gpus: as published sets the whole batch, but batch_size is given"),
    ],
)
def test_what_does_not_fit_is_one_line(change, told):
    with pytest.raises(InputError, match=rf"^s.yaml: schedule(\.gpus)?: {told}"):
        study(schedule={**STUDY["schedule"], **change})


def test_the_command_prints_what_it_chose(capsys):
    given = ["tables=[alrp/table2]", "figures=[]", "max_gpus=1"]
    given.append("schedule={gpus: as published, batch_size: null}")
    assert main(["plan", "--configfile", str(CONFIG / "coco.yaml"), "--config", *given]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "alrp-500: as published, 4 x 8 images, 1 here: gpus 1, accumulate 4" in out
