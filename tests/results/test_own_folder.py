"""The folder of this user outside the results: nobody else can take its place."""

import json
import os
import stat
import tempfile

import pytest

from rankdet.results import failures
from rankdet.results.layout import failure_file
from rankdet.results.own_folder import own_folder
from tests.planted import planted


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Returns the folder of XDG and that of temporary files, both empty."""
    runtime, temporary = tmp_path / "runtime", tmp_path / "tmp"
    runtime.mkdir(mode=0o700)
    temporary.mkdir()
    temporary.chmod(0o1777)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return runtime, temporary


def own_name(temporary):
    return temporary / f"rankdet-{os.getuid()}"


def test_it_is_below_the_runtime_folder_and_closed(places):
    runtime, temporary = places
    assert own_folder() == runtime / "rankdet" == own_folder()
    assert stat.S_IMODE((runtime / "rankdet").stat().st_mode) == 0o700
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("value", ["", "relative", "/no/such/folder"])
def test_without_a_runtime_folder_it_is_among_the_temporary_files(places, monkeypatch, value):
    monkeypatch.setenv("XDG_RUNTIME_DIR", value)
    assert own_folder() == own_name(places[1])


@pytest.mark.parametrize("kind", ["fifo", "link", "file", "folder"])
def test_a_planted_name_is_not_used(places, kind, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    target = places[0] / "elsewhere"
    target.mkdir()
    planted(own_name(places[1]), kind, target)
    assert own_folder() is None
    assert list(target.iterdir()) == []


def test_a_folder_of_another_user_is_not_used(places, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    another = os.getuid() + 1
    (places[1] / f"rankdet-{another}").mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: another)
    assert own_folder() is None


def test_a_parent_that_others_may_change_is_not_used(places, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    places[1].chmod(0o777)  # not sticky: another user can exchange the folder
    assert own_folder() is None


@pytest.mark.fault("pipe, link, file or folder in place of the folder of failures")
@pytest.mark.parametrize("kind", ["fifo", "link", "file", "folder"])
def test_a_failure_without_a_safe_place_is_lost_and_nothing_else_happens(
    places, tmp_path, monkeypatch, kind
):
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    victim = tmp_path / "victim"
    victim.mkdir()
    planted(own_name(places[1]), kind, victim)
    run = tmp_path / "run"
    run.write_text("a file where the folder should be: nothing can be written below it")
    failures.record_failure(run, "train run", "the disk is full")
    run.unlink()
    assert failures.failure(run) is None
    assert list(victim.iterdir()) == []


def test_a_failure_is_kept_in_the_own_folder_until_the_disk_takes_it(places, tmp_path):
    run = tmp_path / "run"
    run.write_text("a file where the folder should be")
    failures.record_failure(run, "train run", "the disk is full")
    assert [path.name[:8] for path in (places[0] / "rankdet").iterdir()] == ["failure-"]
    run.unlink()
    assert failures.failure(run).reason == "the disk is full"
    assert json.loads(failure_file(run).read_text())["job"] == "train run"
    assert list((places[0] / "rankdet").iterdir()) == []
