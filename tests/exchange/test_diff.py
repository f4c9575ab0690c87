"""`rankdet diff`: what differs between two studies."""

import shutil
from pathlib import Path
from statistics import fmean

import pytest

from rankdet import cli
from tests.exchange.studies import (
    BOTH,
    MERGE,
    change,
    other_data,
    other_settings,
    other_versions,
    values,
)


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


@pytest.mark.parametrize("side", ["a", "b"])
@pytest.mark.parametrize("name", ["leaderboard.csv", "new.csv", "shapes/atss/ap/seed1/run.json"])
def test_diff_writes_nothing_into_a_study(parts: Path, capsys, side, name) -> None:
    capsys.readouterr()
    out = f"results/{side}/{name}"
    assert cli.main(["diff", "a", "b", "--out", out]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{out}: is inside the folder of the study '{side}', where only its results" in line
