"""`rankdet merge` and `rankdet diff`: two parts of a study, and what differs between them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import pytest

from rankdet import cli
from rankdet.files import read_record
from rankdet.repository import ROOT
from rankdet.results.leaderboard import leaderboard
from rankdet.results.records import read_study
from tests.exchange.studies import change, copy_parts, make_parts

BOTH = "shapes/retinanet/ap/seed2"
MERGE = ["merge", "a", "b", "--out", "results/c"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("parts")
    make_parts(root)
    return root


@pytest.fixture
def parts(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy_parts(made, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results"


def values(name: str) -> dict[str, float]:
    entries = leaderboard(read_study(f"results/{name}/plan.json"))
    return {entry.key: entry.values["AP"] for entry in entries}


def test_a_merged_study_has_all_runs_with_their_numbers(parts: Path, capsys) -> None:
    assert cli.main(MERGE) == 0
    assert "3 runs of a, 3 of b, 2 that both have" in capsys.readouterr().out
    assert values("c") == {**values("b"), **values("a")}
    study = read_study("results/c/plan.json")
    assert study.name == "c" and len(study.runs) == 8
    assert all(run.planned.get("dir") == f"results/c/{run.key}" for run in study.runs)
    copied = parts / "c" / BOTH / "metrics.json"
    assert copied.stat().st_mtime_ns == (parts / "a" / BOTH / "metrics.json").stat().st_mtime_ns
    shutil.rmtree(parts / "a"), shutil.rmtree(parts / "b")
    assert cli.main(["report", "c", "--out", "report"]) == 0
    page = next(Path("report/runs").rglob("ap/seed3.html")).read_text()
    assert '<svg class="sample"' in page  # images and annotations came along


def test_a_banner_that_may_be_wrong_for_more_seeds_is_said(parts: Path, capsys) -> None:
    assert cli.main(MERGE) == 0
    told = capsys.readouterr().err
    assert "the report will say 'Smoke scale:" in told and "--scale TEXT" in told
    assert cli.main([*MERGE, "--title", "Whole", "--scale", "Three  seeds."]) == 0
    study = read_study("results/c/plan.json")
    assert (study.title, study.scale) == ("Whole", "Three seeds.")
    assert capsys.readouterr().err == ""


def test_a_merge_can_be_done_again_and_replaces_nothing_else(parts: Path, capsys) -> None:
    assert cli.main(MERGE) == 0
    assert cli.main(MERGE) == 0
    assert cli.main(["merge", "a", "b", "--out", "results/a"]) == 2
    assert "this command reads it" in capsys.readouterr().err
    assert cli.main(["merge", "a", "b", "--out", "results/a/c"]) == 2
    assert "results/a: is the folder of the study 'a'" in capsys.readouterr().err
    (parts / "mine").mkdir()
    (parts / "mine" / "thesis.tex").write_text("years of work")
    assert cli.main(["merge", "a", "b", "--out", "results/mine"]) == 2
    assert "has files that are not a merged study" in capsys.readouterr().err
    assert (parts / "mine" / "thesis.tex").read_text() == "years of work"


def test_the_finished_run_is_taken(parts: Path) -> None:
    (parts / "a" / BOTH / "metrics.json").unlink()
    assert cli.main(MERGE) == 0
    assert values("c")[BOTH] == values("b")[BOTH] is not None


def other_loss(parts: Path) -> None:
    record = parts / "b" / "shapes/retinanet/ap/seed3/run.json"
    change(record, lambda one: one["provenance"].update(loss_hash="f" * 12))


def other_code(parts: Path) -> None:
    record = parts / "b" / "shapes/retinanet/alrp/seed3/run.json"
    change(record, lambda one: one["provenance"].update(code_hash="f" * 12))


def other_data(parts: Path) -> None:
    change(parts / "b/shapes/dataset.json", lambda one: one.update(checksum="sha256:0"))


def other_versions(parts: Path) -> None:
    record = parts / "b" / "shapes/retinanet/focal/seed1/run.json"
    change(record, lambda one: one["provenance"]["versions"].update(torch="2.0.0"))


def other_results(parts: Path) -> None:
    change(parts / "b" / BOTH / "metrics.json", lambda one: one["metrics"].update(AP=0.123))


def other_scale(parts: Path) -> None:
    change(parts / "b/plan.json", lambda one: one["study"].update(preset="full"))


def other_settings(parts: Path) -> None:
    def edit(plan: dict) -> None:
        run = next(one for one in plan["runs"] if one["key"] == BOTH)
        run["settings"] = {"lr": 0.5}

    change(parts / "b/plan.json", edit)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (other_loss, "shapes/retinanet/ap: the loss differs between a and b (loss hash eeeeeeee"),
        (other_code, "shapes/retinanet/alrp: the code of the training differs between a and b"),
        (other_data, "dataset 'shapes': a and b have other images or annotations"),
        (other_versions, "torch is 2.13.0 in a and 2.0.0 in b (shapes/retinanet/focal/seed1)"),
        (other_results, f"{BOTH}: both have this run, with different results: AP on 'val' is"),
        (other_scale, "preset of the studies differs: 'small' in a, 'full' in b"),
        (other_settings, f"{BOTH}: settings differs: {{}} in a, {{'lr': 0.5}} in b"),
    ],
)
def test_parts_that_do_not_fit_are_refused_in_one_line(parts, capsys, edit, message) -> None:
    edit(parts)
    assert cli.main(MERGE) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1
    assert not (parts / "c").exists()


def test_versions_may_be_mixed_on_request(parts: Path) -> None:
    other_versions(parts)
    assert cli.main([*MERGE, "--mixed-versions"]) == 0
    assert "shapes/retinanet/focal/seed1" in values("c")


def diff(capsys, *arguments: str) -> list[str]:
    capsys.readouterr()
    assert cli.main(["diff", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_a_study_does_not_differ_from_itself(parts: Path, capsys) -> None:
    shutil.copytree(parts / "a", parts / "again")
    lines = diff(capsys, "a", "results/again")
    assert lines[0] == "config, data and code are the same"
    assert not any(line.startswith("differs") for line in lines)


def test_differences_of_configs_are_named(parts: Path, capsys) -> None:
    other_settings(parts), other_data(parts), other_versions(parts)
    record = parts / "b" / BOTH / "run.json"
    change(record, lambda one: one["provenance"].update(loss_hash="f" * 12))
    lines = diff(capsys, "a", "b")
    for text in ("schedule.lr: none → 0.5", "the loss: hash eeeeeeee → ffffffff"):
        (line,) = [line for line in lines if line.startswith(text)]
        assert BOTH in line
    assert any(line.startswith("dataset shapes: sha256:abab") for line in lines)
    assert "only in b: shapes/retinanet/ap/seed3, shapes/retinanet/alrp/seed3, " in "\n".join(lines)


def same_name(parts: Path, name: str = "mini") -> list[str]:
    """Both studies have one name, as after runs of one config on two machines."""
    for part in "ab":
        change(parts / part / "plan.json", lambda one: one["study"].update(name=name))
    return ["results/a", "results/b"]


def test_studies_of_the_same_name_are_told_apart(parts: Path, capsys) -> None:
    folders = same_name(parts)
    lines = diff(capsys, *folders)
    assert any(line.startswith("only in results/b: shapes/retinanet/ap/seed3") for line in lines)
    assert "mini" not in "\n".join(lines)
    other_data(parts)
    assert cli.main(["merge", "a", "results/b/plan.json", "--out", "results/c"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "dataset 'shapes': results/a and results/b have other images" in line


def made_of(parts: Path, study: str, key: str, files: dict[str, str], **hashes: str) -> None:
    record = parts / study / key / "run.json"
    made = {"settings": {"schedule.lr": 0.1}, "files": files}
    change(record, lambda one: one["provenance"].update(made_of=made, **hashes))


def test_code_is_compared_although_the_seeds_differ(parts: Path, capsys) -> None:
    """`alrp` has the seeds 1 and 2 in one study, and 3 in the other."""
    made_of(parts, "a", "shapes/retinanet/alrp/seed1", {"losses/alrp.py": "1", "train.py": "1"})
    new = {"losses/alrp.py": "2", "train.py": "1"}
    made_of(parts, "b", "shapes/retinanet/alrp/seed3", new, loss_hash="f" * 12)
    (line,) = [line for line in diff(capsys, "a", "b") if line.startswith("file: ")]
    assert line.startswith("file: losses/alrp.py  (") and "alrp/seed3" in line
    assert cli.main(MERGE) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "shapes/retinanet/alrp: the loss differs between a and b" in line
    assert "(loss hash eeeeeeee and ffffffff: losses/alrp.py)" in line


def test_code_is_compared_although_no_run_fits(parts: Path, capsys) -> None:
    """Other data: the loss of a detector, its training code and the evaluation are the same."""

    def other_runs(plan: dict) -> None:
        runs = [one for one in plan["runs"] if one["key"].endswith("/ap/seed3")]
        for one in runs:
            one["key"] = one["key"].replace("shapes/", "pets/")
            one["dataset"] = "pets"
            one["hashes"] = {"loss": "1" * 12, "code": "2" * 12, "evaluate": "3" * 12}
        plan["runs"] = runs

    def hashes(plan: dict) -> None:
        for one in plan["runs"]:
            one["hashes"] = {"evaluate": "4" * 12}

    change(parts / "b/plan.json", other_runs)
    change(parts / "a/plan.json", hashes)
    lines = diff(capsys, "a", "b")
    assert "the loss: hash eeeeeeee → 11111111  (ap on retinanet)" in lines
    assert any(line.startswith("the code of the training: hash ") for line in lines)
    assert "the code of evaluation: hash 44444444 → 33333333" in lines


def test_differences_of_numbers_need_seeds(parts: Path, capsys, tmp_path) -> None:
    """Three seeds on both sides, once with the same and once with lower AP."""
    assert cli.main(MERGE) == 0
    shutil.copytree(parts / "c", parts / "d")
    keys = [f"shapes/retinanet/ap/seed{seed}" for seed in (1, 2, 3)]
    before = fmean(values("c")[key] for key in keys)
    for key in keys:
        path = parts / "d" / key / "metrics.json"
        change(path, lambda one: one["metrics"].update(AP=one["metrics"]["AP"] - 0.2))
    change(parts / "d/plan.json", lambda one: one["study"].update(name="d"))
    lines = diff(capsys, "c", "d", "--out", "rows.csv")
    (line,) = [line for line in lines if line.startswith("differs beyond intervals: ")]
    assert f"shapes/retinanet/ap: {before:.1f} in c, {before - 20:.1f} in d; +20.0" in line
    assert any(line.startswith("agrees: shapes/retinanet/alrp") for line in lines)
    (single,) = [line for line in lines if line.startswith("equal values: ")]
    assert "focal: " in single
    assert "differs beyond intervals" in Path("rows.csv").read_text()


def test_one_seed_with_another_value_is_not_compared(parts: Path, capsys) -> None:
    """A study and its copy have equal values, until one of them is changed."""
    shutil.copytree(parts / "b", parts / "d")
    last = diff(capsys, "b", "d")[-1]
    assert "rows have equal values, seed by seed" in last and "not compared" not in last
    path = parts / "d/shapes/retinanet/focal/seed1/metrics.json"
    change(path, lambda one: one["metrics"].update(AP=one["metrics"]["AP"] - 1e-4))
    lines = diff(capsys, "b", "d")
    (line,) = [line for line in lines if "/focal: " in line]
    assert line.startswith("not compared: ") and "too few seeds (1 in " in line
    assert "2 with too few seeds for an interval have equal values, 1 are not" in lines[-1]


def test_studies_without_a_common_row(parts: Path, capsys) -> None:
    def move(plan: dict) -> None:
        plan["runs"] = [one for one in plan["runs"] if one["loss"] == "focal"]

    change(parts / "b/plan.json", move)
    assert any("no row in common" in line for line in diff(capsys, "a", "b"))


def test_a_plan_of_a_merge_is_whole(parts: Path) -> None:
    change(parts / "b/plan.json", lambda one: one.update(tables=[]))
    assert cli.main(MERGE) == 0
    plan = json.loads((parts / "c/plan.json").read_text())
    assert [one["id"] for one in plan["tables"]] == [
        one["id"] for one in json.loads((parts / "a/plan.json").read_text())["tables"]
    ]
    assert len({one["key"] for one in plan["runs"]}) == len(plan["runs"])


@pytest.mark.parametrize("side", ["a", "b"])
@pytest.mark.parametrize("name", ["leaderboard.csv", "new.csv", "shapes/atss/ap/seed1/run.json"])
def test_diff_writes_nothing_into_a_study(parts: Path, capsys, side, name) -> None:
    capsys.readouterr()
    out = f"results/{side}/{name}"
    assert cli.main(["diff", "a", "b", "--out", out]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{out}: is inside the folder of the study '{side}', where only its results" in line


def test_a_study_is_not_merged_with_itself(parts: Path, capsys) -> None:
    assert cli.main(["merge", "a", "a", "--out", "results/c"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("both parts are this study; name two studies")
    assert not (parts / "c").exists()


@pytest.mark.fault("a named pipe in the place of a record")
@pytest.mark.parametrize("name", ["metrics.json", "run.json", "speed.json"])
def test_a_pipe_is_not_waited_for(parts: Path, name: str, capsys) -> None:
    pipe = parts / "a" / BOTH / name
    pipe.unlink()
    os.mkfifo(pipe)
    assert cli.main(["merge", "a", "b", "--out", "results/c"]) in (0, 2)
    assert cli.main(["diff", "a", "b"]) in (0, 2)
    assert "Traceback" not in capsys.readouterr().err
    assert read_record(pipe) == ({}, f"{name} is a named pipe and not a file")


ENDING = """
import os, signal, sys
from rankdet import cli
from rankdet.exchange import {module}

def end(*arguments, **named):
    os.kill(os.getpid(), signal.SIGTERM)

{module}.{step} = end
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.fault("SIGTERM in the middle of an export, an import and a merge")
@pytest.mark.parametrize(
    ("module", "step", "words"),
    [
        ("export", "study_files", ["export", "a", "--out", "a.zip"]),
        ("merge", "_copy", MERGE),
        ("arrive", "_settle", ["import", "whole.zip", "--as", "new"]),
    ],
)
def test_a_command_that_is_terminated_leaves_nothing(
    parts: Path, module: str, step: str, words: list[str]
) -> None:
    assert cli.main(["export", "a", "--out", "whole.zip"]) == 0
    before = sorted(path for path in parts.parent.rglob("*") if "__pycache__" not in path.parts)
    code = ENDING.format(module=module, step=step)
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 143, done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path for path in parts.parent.rglob("*")) == before
