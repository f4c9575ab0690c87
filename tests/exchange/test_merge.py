"""`rankdet merge`: two parts of a study become one."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rankdet import cli
from rankdet.files import read_record
from rankdet.repository import ROOT
from rankdet.results.records import read_study
from tests.exchange.studies import (
    BOTH,
    MERGE,
    change,
    other_data,
    other_settings,
    other_versions,
    values,
)


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


def other_results(parts: Path) -> None:
    change(parts / "b" / BOTH / "metrics.json", lambda one: one["metrics"].update(AP=0.123))


def other_scale(parts: Path) -> None:
    change(parts / "b/plan.json", lambda one: one["study"].update(preset="full"))


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


def test_a_plan_of_a_merge_is_whole(parts: Path) -> None:
    change(parts / "b/plan.json", lambda one: one.update(tables=[]))
    assert cli.main(MERGE) == 0
    plan = json.loads((parts / "c/plan.json").read_text())
    assert [one["id"] for one in plan["tables"]] == [
        one["id"] for one in json.loads((parts / "a/plan.json").read_text())["tables"]
    ]
    assert len({one["key"] for one in plan["runs"]}) == len(plan["runs"])


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
