"""Records that cannot be written, and pages that are made from records."""

import errno
import json

import pytest

from rankdet.cli import main
from rankdet.errors import InputError
from rankdet.gpu_check import record as records
from rankdet.gpu_check.check import Settings, run_check
from rankdet.gpu_check.record import GpuRecord
from rankdet.repository import ROOT
from rankdet.training.attempts import write_traceback
from tests.gpu_check.contexts import good, part

MEASURED = sorted((ROOT / "data/measured").glob("gpu-*.json"))
OLD = [path for path in MEASURED if '"schema": "rankdet.gpu-check/1"' in path.read_text()]


def full(*_, **__):
    raise OSError(errno.EFBIG, "File too large")


@pytest.fixture
def fills(monkeypatch):
    """A disk that is full after the first writing into a folder."""

    def disk(folder):
        write, times = GpuRecord.to_disk, []

        def to_disk(self, path):
            if path.is_relative_to(folder) and times:
                full()
            times.append(path)
            write(self, path)

        monkeypatch.setattr(GpuRecord, "to_disk", to_disk)

    return disk


@pytest.mark.fault("full disk during a check of a GPU")
def test_a_record_that_cannot_be_written_is_kept_elsewhere(tmp_path, fills, monkeypatch, capfd):
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setattr(records, "mkdtemp", lambda prefix: str(other))
    monkeypatch.setattr("rankdet.gpu_check.check.PARTS", {"good": part("good", good)})
    fills(tmp_path / "out")
    with pytest.raises(InputError, match=r"File too large\); the record is ") as caught:
        run_check(Settings(tmp_path / "out", 1, ("good",), "cpu", "tiny"))
    (kept,) = other.iterdir()
    told = str(caught.value)
    assert str(tmp_path / "out" / kept.name) in told and str(kept) in told and "--page" in told
    (found,) = GpuRecord.from_disk(kept).parts
    assert (found.status, [row["ms"] for row in found.rows]) == ("finished", [1.5, None])
    assert "cannot be written now (File too large)" in capfd.readouterr().out


@pytest.mark.fault("full disk during a check of a GPU")
def test_a_record_that_can_be_written_nowhere_is_printed(tmp_path, fills, monkeypatch, capfd):
    monkeypatch.setattr("rankdet.gpu_check.check.PARTS", {"good": part("good", good)})
    monkeypatch.setattr(records, "mkdtemp", full)
    fills(tmp_path)
    with pytest.raises(InputError, match="the line above is the record"):
        run_check(Settings(tmp_path / "out", 1, ("good",), "cpu", "tiny"))
    printed = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert GpuRecord.model_validate(printed).parts[0].rows[0]["ms"] == 1.5


def test_a_log_that_cannot_be_written_ends_no_work(tmp_path):
    (tmp_path / "file").touch()
    write_traceback(tmp_path / "file" / "check.log", "here")
    write_traceback(tmp_path / "check.log", "here")
    assert (tmp_path / "check.log").read_text().startswith("--- here")


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_committed_records_have_a_page(path, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("rankdet.gpu_check.plots.PLOTS", {})  # seconds; another test draws
    assert main(["bench", "gpu", "--page", str(path), "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"page: {tmp_path / path.stem}.md\n"
    assert (tmp_path / f"{path.stem}.md").read_text().startswith("# GPU check: NVIDIA H200\n")


def test_there_are_committed_records():
    assert len(OLD) > 5


def test_a_page_is_made_beside_its_record_with_plots(tmp_path):
    record = tmp_path / "mine.json"
    record.write_bytes(
        (ROOT / "data/measured/gpu-nvidia-h200-2026-11-27-iterations.json").read_bytes()
    )
    assert main(["bench", "gpu", "--page", str(record)]) == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"mine.json", "mine.md", "mine-iterations.png"}
    assert "(mine-iterations.png)" in (tmp_path / "mine.md").read_text()


SOUND = {
    "schema": "rankdet.gpu-check/1",
    **{"settings": {"minutes": 1}, "hardware": {"cpu": "c"}, "versions": {}, "started": "now"},
}
ENTRY = {"name": "losses", "title": "L", "status": "finished", "budget_s": 1, "seconds": 1}
WRONG = {
    "none": (None, "is missing"),
    "text": ("no JSON", "cannot be read"),
    "schema": ('{"schema": "rankdet.run/1"}', "has schema 'rankdet.run/1'"),
    "key": (json.dumps({**SOUND, "parts": [{**ENTRY, "rows": 3}]}), "is damaged: parts.0.rows"),
    "rows": (
        json.dumps({**SOUND, "parts": [{**ENTRY, "rows": [{"ms": 3}]}]}),
        "'status' is missing",
    ),
    "hardware": (json.dumps({**SOUND, "hardware": {}, "parts": []}), "'cpu' is missing"),
}


@pytest.mark.fault("file for `bench gpu --page` that is no record of a check")
@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_file_for_a_page_is_one_line(kind, tmp_path, capsys):
    text, told = WRONG[kind]
    path = tmp_path / "record.json"
    if text is not None:
        path.write_text(text)
    assert main(["bench", "gpu", "--page", str(path)]) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1 and "record.json" in error
    assert not (tmp_path / "record.md").exists()


def test_a_page_never_replaces_its_record(tmp_path, capsys):
    path = tmp_path / "record.md"
    path.write_text(json.dumps({**SOUND, "parts": []}))
    assert main(["bench", "gpu", "--page", str(path)]) == 2
    assert "would write over it" in capsys.readouterr().err
    assert main(["bench", "gpu", "--page", str(tmp_path)]) == 2
    assert "is a folder; name a record" in capsys.readouterr().err
