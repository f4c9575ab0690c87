"""`rankdet import study.zip`: a study from another machine has the same numbers."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

from rankdet import cli
from rankdet.results.leaderboard import leaderboard
from rankdet.results.records import read_study
from tests.exchange.archives import AP, rewritten


def test_an_imported_study_has_the_same_numbers(archive: Path, monkeypatch, capsys) -> None:
    before = leaderboard(read_study("results/fake/plan.json"))
    monkeypatch.chdir(archive.parent)
    assert cli.main(["import", str(archive)]) == 0
    assert "results/fake: " in capsys.readouterr().out
    assert leaderboard(read_study("results/fake/plan.json")) == before
    assert Path("results/fake/origin/config/fake.yaml").is_file()
    times = {path.stat().st_mtime_ns for path in Path("results/fake").rglob("*") if path.is_file()}
    assert len(times) == 1  # the order of unpacking does not count
    assert cli.main(["report", "fake", "--out", "report"]) == 0
    assert "aLRP Loss" in Path("report/index.html").read_text()


def test_an_import_may_have_another_name_and_replaces_nothing(archive, monkeypatch, capsys) -> None:
    monkeypatch.chdir(archive.parent)
    assert cli.main(["import", str(archive), "--as", "theirs"]) == 0
    assert read_study("results/theirs/plan.json").name == "theirs"
    assert cli.main(["import", str(archive), "--as", "theirs"]) == 2
    assert "there is a study of this name; give another with --as" in capsys.readouterr().err
    assert cli.main(["import", str(archive), "--as", "../theirs"]) == 2
    assert "name it with --as" in capsys.readouterr().err
    assert sorted(path.name for path in Path("results").iterdir()) == ["theirs"]


def test_damaged_runs_are_named_and_not_counted(archive: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(archive.parent)
    capsys.readouterr()
    assert cli.main(["import", str(archive), "--as", "whole"]) == 0
    whole = capsys.readouterr()
    with zipfile.ZipFile(archive) as content:
        metrics = json.loads(content.read(f"study/{AP}/metrics.json"))
    metrics["metrics"]["AP"] = "0.99"
    path = rewritten(archive, {f"study/{AP}/metrics.json": json.dumps(metrics).encode()})
    assert cli.main(["import", str(path), "--as", "edited"]) == 0
    edited = capsys.readouterr()
    counts = [int(one.out.split(": ")[1].split()[0]) for one in (whole, edited)]
    assert counts[1] == counts[0] - 1 and "of 11 runs with results" in edited.out
    note = f"note: {AP} has no numbers: "
    assert note not in whole.err and f"{note}trained, metrics.json is damaged" in edited.err
    assert cli.main(["export", "edited", "--out", "again.zip"]) == 0
    assert f"{note}trained, metrics.json is damaged" in capsys.readouterr().err


def test_of_two_imports_at_once_one_study_stays(archive: Path, monkeypatch) -> None:
    monkeypatch.chdir(archive.parent)
    line = [sys.executable, "-m", "rankdet", "import", str(archive), "--as", "theirs"]
    jobs = [subprocess.Popen(line, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    ends = [(job.communicate(timeout=300)[1], job.returncode) for job in jobs]
    assert sorted(code for _, code in ends) == [0, 2, 2]
    losers = [said for said, code in ends if code == 2]
    assert all("there is a study of this name; give another with --as" in said for said in losers)
    assert [path.name for path in Path("results").iterdir()] == ["theirs"]
    assert read_study("results/theirs/plan.json").runs


def test_places_with_code_do_not_travel(archive: Path, monkeypatch) -> None:
    with zipfile.ZipFile(archive) as content:
        plan = json.loads(content.read("study/plan.json"))
    plan["places"] = {"papers": ["/tmp/evil"]}
    path = rewritten(archive, {"study/plan.json": json.dumps(plan).encode()})
    monkeypatch.chdir(archive.parent)
    assert cli.main(["import", str(path)]) == 0
    assert read_study("results/fake/plan.json").plan.places is None


def test_options_of_detections_do_not_fit_a_study(archive: Path, capsys) -> None:
    assert cli.main(["import", str(archive), "--split", "val"]) == 2
    assert "--split: is for detections" in capsys.readouterr().err
