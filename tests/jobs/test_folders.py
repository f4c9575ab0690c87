"""Folders that Snakemake needs outside of the clone are checked before it starts."""

import errno
import tempfile

import pytest

from rankdet.cli import main
from rankdet.jobs.folders import folder_problems


@pytest.fixture
def folders(monkeypatch, tmp_path):
    for name in ("TMPDIR", "HOME"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    return tmp_path


def test_folders_that_can_be_written_are_no_problem_and_stay_empty(folders):
    assert list(folder_problems()) == []
    assert not any(path.is_file() for path in folders.rglob("*"))


@pytest.mark.parametrize("name", ["TMPDIR", "HOME"])
def test_a_folder_that_cannot_be_is_named_with_what_to_do(folders, monkeypatch, name):
    monkeypatch.setenv(name, "/dev/null/x")
    ((problem, remedy),) = folder_problems()
    assert "/dev/null/x" in problem and problem.endswith("Not a directory")
    assert f"set {name}" in remedy


def test_make_smoke_says_it_before_snakemake_starts(folders, monkeypatch, capsys):
    """Snakemake itself ends with a traceback before it reads the Snakefile."""
    monkeypatch.setenv("HOME", "/dev/null/x")
    assert main(["plan", "--check"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: Snakemake's cache cannot be written")


def test_another_cache_replaces_the_one_in_an_impossible_home(folders, monkeypatch):
    monkeypatch.setenv("HOME", "/dev/null/x")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folders / "not" / "there" / "yet"))
    assert list(folder_problems()) == []


@pytest.mark.fault("full disk for temporary files")
def test_a_full_disk_is_called_that(folders, monkeypatch):
    def full(**_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", full)
    told = [problem for problem, _ in folder_problems()]
    assert len(told) == 2 and all(one.endswith(": no space left") for one in told)
