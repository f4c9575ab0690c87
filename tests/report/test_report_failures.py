"""Reports of failed, unfinished and damaged studies, and folders that are not replaced."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from rankdet.errors import InputError
from rankdet.report import build_report
from rankdet.results.layout import DETECTIONS, SHOWN
from tests.report.fake_study import SEVERAL_SEEDS, make_study
from tests.report.pages import Page

COMPARED = "compare/shapes/retinanet.html"


def test_failures_keep_their_place_and_say_why(report: Path) -> None:
    text = Page(report / "index.html").text
    for reason in (
        "out of memory at iteration 12: use a smaller batch_size",
        "the loss is not finite from iteration 41",
        "loss_cls stayed above 0.99 for 300 iterations",
        "not run yet",
        "trained, not evaluated yet",
    ):
        assert reason in text
    failed = Page(report / "runs" / "shapes" / "atss" / "focal" / "seed1.html")
    assert "out of memory at iteration 12" in failed.text


def test_a_plan_alone_gives_a_report(fake_plan: Path, tmp_path: Path) -> None:
    (tmp_path / "results" / "fake").mkdir(parents=True)
    plan = shutil.copy(fake_plan, tmp_path / "results" / "fake")
    page = Page(build_report(plan, tmp_path / "html"))
    assert "dataset.json is missing" in page.text
    assert page.text.count("not run yet") >= 11


def test_broken_records_are_said_not_raised(tmp_path: Path) -> None:
    plan = make_study(tmp_path)
    runs = plan.parent / "shapes" / "retinanet"
    (runs / "focal" / "seed1" / "metrics.json").write_text('{"schema": "rankdet.metr')
    (runs / "ap" / "seed1" / "matches.parquet").write_bytes(b"PAR1 cut off")
    (runs / "ap" / "seed1" / "train.parquet").write_bytes(b"")
    for name in (DETECTIONS, SHOWN):
        (runs / "alrp" / "seed1" / name).unlink()
    (runs / "alrp" / "seed2" / "metrics.json").write_text('{"schema": "rankdet.metrics/9"}')
    shutil.rmtree(plan.parent / "shapes" / "data" / "val")
    index = build_report(plan, tmp_path / "html")
    text = Page(index).text
    assert "metrics.json cannot be read" in text
    assert "has schema 'rankdet.metrics/9'" in text
    folder = index.parent / "runs" / "shapes" / "retinanet"
    assert "ap/seed1/matches.parquet is damaged; delete it" in Page(folder / "ap/seed1.html").text
    assert "detections.json: detections cannot be read" in Page(folder / "alrp/seed1.html").text


SEEDS = (
    ("retinanet", "focal", "", 1, "trained"),
    *(("retinanet", "ap", "", seed, "trained") for seed in (1, 2)),
)
AP_2 = "shapes/retinanet/ap/seed2"


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:3000])


def another_type(file: Path) -> None:
    table = pd.read_parquet(file)
    table["loss_cls" if "loss_cls" in table else "score"] = "text"
    table.to_parquet(file)


def overwritten(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[400:2400] = bytes(2000)
    file.write_bytes(content)


@pytest.mark.parametrize("harm", [cut, another_type, overwritten])
@pytest.mark.parametrize(
    ("name", "curve", "remedy"),
    [
        ("train.parquet", "learning_curves", "delete it and run.json"),
        ("matches.parquet", "precision_recall", "delete it and metrics.json"),
    ],
)
def test_a_damaged_file_of_one_seed_is_named_where_its_curve_is_missing(
    tmp_path: Path, name: str, curve: str, remedy: str, harm: Callable[[Path], None]
) -> None:
    plan = make_study(tmp_path, runs=SEEDS)
    whole: list[str] = []
    before = build_report(plan, tmp_path / "html", whole.append).parent
    assert whole == [] and "is not drawn" not in Page(before / COMPARED).text
    harm(plan.parent / AP_2 / name)
    for _ in range(2):  # also the second time, from the store
        told: list[str] = []
        report = build_report(plan, tmp_path / "html", told.append).parent
        (line,) = told
        assert line.startswith(f"{AP_2}/{name} is damaged; {remedy}, and run the study again")
        assert f"Not all is shown: {line}." in Page(report / f"runs/{AP_2}.html").text
        curves = (report / COMPARED).read_text().split(f'id="curves-{curve}"')[1]
        assert f"AP Loss, seed 2, is not drawn: {line}." in curves.split("<h3")[0]


def test_a_damaged_file_of_every_loss_is_named(tmp_path: Path) -> None:
    plan = make_study(tmp_path, runs=(SEEDS[0], SEEDS[2]))
    for file in plan.parent.glob("shapes/retinanet/*/*/train.parquet"):
        cut(file)
    text = Page(build_report(plan, tmp_path / "html").parent / COMPARED).text
    assert "Focal Loss is not drawn: shapes/retinanet/focal/seed1/train.parquet is damaged" in text
    assert f"AP Loss is not drawn: {AP_2}/train.parquet is damaged" in text


def test_a_folder_of_somebody_else_is_refused(fake_plan: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(InputError, match="has files that are not a report"):
        build_report(fake_plan, tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_a_report_is_written_where_a_link_leads(fake_plan: Path, tmp_path: Path) -> None:
    link, target = tmp_path / "html", tmp_path / "target"
    link.symlink_to(target)
    with pytest.raises(InputError, match=r"html: is a link to .*target, where no folder is"):
        build_report(fake_plan, link)
    target.mkdir()
    for _ in range(2):
        assert build_report(fake_plan, link) == link / "index.html"
    assert link.is_symlink() and (target / "index.html").is_file()
    (target / ".rankdet-report").unlink()
    with pytest.raises(InputError, match="has files that are not a report"):
        build_report(fake_plan, link)


@pytest.mark.parametrize("name", ["", "html", "shapes/deep/er"])
def test_a_report_is_not_written_into_a_study(fake_plan: Path, name: str) -> None:
    before = sorted(fake_plan.parent.rglob("*"))
    for out in (fake_plan.parent / name, fake_plan.parent.parent / "other" / ".." / "fake" / name):
        with pytest.raises(InputError, match="the folder of the study 'fake'"):
            build_report(fake_plan, out)
    assert sorted(fake_plan.parent.rglob("*")) == before


def test_a_new_report_replaces_the_old_one(fake_plan: Path, tmp_path: Path) -> None:
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / ".rankdet-report").write_text("")
    (tmp_path / "html" / "gone.html").write_text("a run that is no longer planned")
    build_report(fake_plan, tmp_path / "html")
    assert not (tmp_path / "html" / "gone.html").exists()
    assert (tmp_path / "html" / "index.html").exists()


def test_files_of_the_user_in_a_report_stay(tmp_path: Path) -> None:
    plan = make_study(tmp_path / "study")
    report = build_report(plan, tmp_path / "html").parent
    (report / "notes.txt").write_text("mine")
    (report / "talk").mkdir()
    (report / "talk" / "slide.md").write_text("one")
    (report / "papers-old").write_text("x")
    for _ in range(2):
        build_report(plan, report)
    assert (report / "notes.txt").read_text() == "mine"
    assert (report / "talk" / "slide.md").read_text() == "one"
    assert (report / "papers-old").exists() and (report / "index.html").exists()


def test_metrics_of_another_run_are_not_shown(tmp_path: Path) -> None:
    plan = make_study(tmp_path / "study", runs=SEVERAL_SEEDS)
    own, other = (plan.parent / f"shapes/retinanet/ap/seed{k}/metrics.json" for k in (1, 2))
    shutil.copy(other, own)
    told: list[str] = []
    build_report(plan, tmp_path / "report", told.append)
    reason = "metrics.json is of another run (seed 2, not 1); evaluate it again"
    assert f"shapes/retinanet/ap/seed1 has no numbers: {reason}" in told
    assert reason in Page(tmp_path / "report/runs/shapes/retinanet/ap/seed1.html").text


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("metrics.json", "metrics.json is a named pipe"),
        ("train.parquet", "train.parquet cannot be read: it is not a regular file"),
        ("matches.parquet", "matches.parquet cannot be read: it is not a regular file"),
    ],
)
def test_a_pipe_is_named_and_not_waited_for(tmp_path: Path, name: str, reason: str) -> None:
    plan = make_study(tmp_path / "study")
    file = plan.parent / "shapes/retinanet/ap/seed1" / name
    file.unlink()
    os.mkfifo(file)
    told: list[str] = []
    build_report(plan, tmp_path / "report", told.append)
    assert any(reason in line for line in told), told


def test_a_class_without_a_name_is_damage(tmp_path: Path) -> None:
    plan = make_study(tmp_path / "study")
    file = plan.parent / "shapes/retinanet/ap/seed1/metrics.json"
    record = json.loads(file.read_text())
    first = next(iter(record["classes"]))
    del record["classes"][first]
    file.write_text(json.dumps(record))
    told: list[str] = []
    build_report(plan, tmp_path / "report", told.append)
    assert any(f"classes: class {first} has no name" in line for line in told), told


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda runs: runs.append(runs[0]), " is planned twice"),
        (lambda runs: runs[0].update(key="../../evil/x/seed1"), "found ../../evil/x/seed1, needed"),
        (lambda runs: runs[0].update(seed="1"), "runs.0.seed: should be a valid integer"),
        (lambda runs: runs[0].update(seed=-1), "runs.0.seed: should be greater than or equal to 0"),
    ],
)
def test_a_plan_that_cannot_be_is_one_line(
    tmp_path: Path, change: Callable[[list[dict[str, object]]], None], problem: str
) -> None:
    plan = make_study(tmp_path / "study")
    content = json.loads(plan.read_text())
    change(content["runs"])
    plan.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"plan\.json is damaged") as error:
        build_report(plan, tmp_path / "report")
    assert problem in str(error.value)
