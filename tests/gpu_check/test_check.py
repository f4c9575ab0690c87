"""The check as a whole: its record, parts that fail or overrun, and the command."""

import json
import os
import time

import pytest

from rankdet.cli import main
from rankdet.errors import InputError
from rankdet.gpu_check import check as checks
from rankdet.gpu_check import record as records
from rankdet.gpu_check.check import Settings, run_check
from rankdet.gpu_check.record import GpuRecord
from tests.gpu_check.contexts import endless, failing, good, part


@pytest.fixture
def made(monkeypatch):
    found = {name: part(name, function) for name, function in PARTS.items()}
    monkeypatch.setattr(checks, "PARTS", found)
    monkeypatch.setattr(checks, "LAST", 0.0)
    monkeypatch.setattr(checks, "GRACE", 0.1)


PARTS = {"good": good, "failing": failing, "endless": endless, "late": good}


def settings(out, *parts, seconds=30.0):
    return Settings(out, seconds / 60, parts, "cpu", "tiny")


def test_a_failing_part_does_not_end_the_others(made, tmp_path, capfd):
    found, path = run_check(settings(tmp_path, "failing", "good"))
    assert [(part.name, part.status) for part in found.parts] == [
        ("failing", "failed"),
        ("good", "finished"),
    ]
    assert found.parts[0].reason == "RuntimeError: no such kernel"
    assert [row["ms"] for part in found.parts for row in part.rows] == [2.0, 1.5, None]
    assert "and more lines" in path.with_suffix(".log").read_text()
    assert "failed: RuntimeError: no such kernel" in capfd.readouterr().out
    assert GpuRecord.from_disk(path) == found


def test_a_part_that_overruns_is_cut_and_the_next_one_runs(made, tmp_path):
    start = time.monotonic()
    found, _ = run_check(settings(tmp_path, "endless", "good", seconds=3))
    assert time.monotonic() - start < 10
    assert [part.status for part in found.parts] == ["cut", "finished"]
    assert [row["ms"] for row in found.parts[0].rows] == [3.0]
    assert found.parts[0].seconds < 3 and found.parts[0].reason.startswith("stopped after")


def test_parts_share_the_time_and_get_what_others_leave(made, tmp_path):
    found, _ = run_check(settings(tmp_path, "good", "late", seconds=20))
    first, second = (part.budget_s for part in found.parts)
    assert first == pytest.approx(10, abs=1.5)
    assert second == pytest.approx(20, abs=3)


def test_without_time_a_part_is_not_reached(made, tmp_path, monkeypatch):
    monkeypatch.setattr(checks, "LAST", 100.0)
    found, _ = run_check(settings(tmp_path, "good", "late"))
    assert [(part.status, part.rows) for part in found.parts] == 2 * [("not reached", [])]
    assert [part.budget_s for part in found.parts] == [0, 0]


@pytest.mark.parametrize(
    ("states", "outcome"),
    [
        (["not reached", "not reached"], "not reached"),
        (["skipped", "not reached"], "not reached"),
        (["measured", "not reached"], "finished"),
        (["failed", "not reached"], "finished"),
        (["skipped"], "finished"),
        ([], "finished"),
    ],
)
def test_a_part_of_which_no_step_fitted_is_not_reached(states, outcome):
    assert records.outcome([{"status": state} for state in states])[0] == outcome


def test_the_record_is_on_disk_while_a_part_runs(made, tmp_path, monkeypatch):
    seen = []

    def look(context):
        yield {"loss": "ap", "status": "measured"}
        (path,) = tmp_path.glob("*.json")
        seen.append(json.loads(path.read_text()))
        yield {"loss": "alrp", "status": "measured"}

    monkeypatch.setattr(checks, "FLUSH", 0.0)
    monkeypatch.setattr(checks, "PARTS", {**checks.PARTS, "look": part("look", look)})
    run_check(settings(tmp_path, "good", "look"))
    done, running = seen[0]["parts"]
    assert (done["status"], running["status"]) == ("finished", "running")
    assert [row["loss"] for row in running["rows"]] == ["ap"]
    assert seen[0]["finished"] is None


@pytest.mark.fault("a benchmark whose terminal is gone")
def test_a_terminal_that_is_gone_does_not_end_the_check(made, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    terminal = os.dup(1)
    os.dup2(writer, 1)
    try:
        found, path = run_check(settings(tmp_path, "good", "late"))
    finally:
        os.dup2(terminal, 1)
        os.close(terminal)
        os.close(writer)
    assert [part.status for part in found.parts] == ["finished", "finished"]
    assert path.with_suffix(".md").is_file()


def test_records_of_one_day_do_not_replace_each_other(tmp_path):
    name = "NVIDIA H100 80GB HBM3"
    first = records.stem(tmp_path, name, "2026-11-26T10:00:00+00:00")
    assert first == "gpu-nvidia-h100-80gb-hbm3-2026-11-26"
    (tmp_path / f"{first}.json").touch()
    assert records.stem(tmp_path, name, "2026-11-26T11:00:00+00:00") == f"{first}-2"


@pytest.mark.parametrize(
    "change", [{"status": "done"}, {"rows": [1]}, {"seconds": "few"}, {"rows": None}]
)
def test_the_schema_refuses_other_values(change):
    entry = {"name": "a", "title": "A", "status": "finished", "budget_s": 1, "seconds": 1}
    values = {"settings": {}, "hardware": {}, "versions": {}, "started": "now"}
    assert GpuRecord.of(**values, parts=[{**entry, "rows": []}]).parts[0].name == "a"
    with pytest.raises(ValueError, match=next(iter(change))):
        GpuRecord.of(**values, parts=[{**entry, "rows": [], **change}])


def test_the_command_measures_real_parts(tmp_path, capfd):
    options = ["--device", "cpu", "--size", "tiny", "--minutes", "2", "--out", str(tmp_path)]
    assert main(["bench", "gpu", *options, "--parts", "losses"]) == 0
    out = capfd.readouterr().out
    assert "measured" in out.splitlines()[-3] and out.splitlines()[-2].startswith("losses")
    (path,) = tmp_path.glob("gpu-cpu-*.json")
    record = GpuRecord.from_disk(path)
    assert record.hardware["cpu"] and record.versions["torch"]
    assert record.settings["parts"] == ["losses"]
    assert path.with_name(f"{path.stem}-losses.png").stat().st_size > 10_000
    assert "| ap | 10 | 1000 | early |" in path.with_suffix(".md").read_text()


def test_spaces_between_parts_are_allowed(made, tmp_path, monkeypatch):
    monkeypatch.setattr("rankdet.gpu_check.parts.PARTS", checks.PARTS)
    options = ["--device", "cpu", "--minutes", "1", "--out", str(tmp_path)]
    assert main(["bench", "gpu", *options, "--parts", "late, good"]) == 0
    (path,) = tmp_path.glob("*.json")
    assert [part.name for part in GpuRecord.from_disk(path).parts] == ["late", "good"]


def test_a_check_that_measured_nothing_fails(made, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("rankdet.gpu_check.parts.PARTS", checks.PARTS)
    monkeypatch.setattr(checks, "LAST", 100.0)
    options = ["--device", "cpu", "--minutes", "1", "--out", str(tmp_path)]
    assert main(["bench", "gpu", *options, "--parts", "good"]) == 1
    assert capfd.readouterr().err.startswith("nothing was measured: give more --minutes")


def test_the_command_fails_if_a_part_does(made, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("rankdet.gpu_check.parts.PARTS", checks.PARTS)
    options = ["--device", "cpu", "--minutes", "1", "--out", str(tmp_path)]
    assert main(["bench", "gpu", *options, "--parts", "failing,good"]) == 1
    assert "failing failed: RuntimeError: no such kernel" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--parts", "loss"], "--parts 'loss': unknown part 'loss'; did you mean 'losses'"),
        (["--parts", ""], "--parts '': unknown part ''; known: correctness"),
        (["--parts", "losses,,loader"], "unknown part ''"),
        (["--parts", "losses, losses"], "losses is given twice; remove one"),
        (["--minutes", "0"], "--minutes 0: choose 0.2 or more"),
        (["--minutes", "inf"], "--minutes inf: choose at most 1440"),
        (["--minutes", "1e300"], "--minutes 1e+300: choose at most 1440"),
        (["--out", ""], "--out: is empty; name a folder"),
        (["--out", __file__], f"{__file__}: is a file; name a folder"),
        (["--minutes", "nan"], "--minutes nan"),
        (["--out", "/proc/none", "--parts", "losses"], "no file can be made in /proc"),
    ],
)
def test_wrong_arguments_are_one_line(arguments, told, capfd):
    assert main(["bench", "gpu", "--device", "cpu", *arguments]) == 2
    error = capfd.readouterr().err
    assert told in error and error.count("\n") == 1


def test_without_a_gpu_the_default_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match="torch finds no GPU here"):
        run_check(Settings(tmp_path / "none", 1, ("losses",), "cuda", "full"))
    assert not (tmp_path / "none").exists()
