"""Files are written completely or not at all, and errors name the file in one line."""

import errno
import hashlib
import json
import os
import subprocess
import sys

import pytest

from rankdet import files, whole_folders
from rankdet.errors import InputError, in_words
from rankdet.repository import ROOT


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), files.atomic(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_write_replaces_the_file_and_makes_its_folder(tmp_path):
    path = tmp_path / "new" / "a.txt"
    for text in ("one", "two"):
        files.write_text(path, text)
    assert path.read_text() == "two"
    assert names(path.parent) == ["a.txt"]


def test_a_record_is_read_back_and_nan_is_refused(tmp_path):
    path = tmp_path / "a.json"
    record = {"schema": "a/1", "σ": [1, None]}
    files.write_record(path, record)
    assert files.require_record(path, "a/1") == record
    with pytest.raises(ValueError, match="Out of range"):
        files.write_record(path, {"x": float("nan")})
    assert files.read_record(path) == (record, None)


@pytest.mark.fault("JSON record that is damaged")
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "a.json is missing"),
        ("{", "a.json cannot be read: Expecting"),
        ("[1]", "a.json is not a JSON object"),
        (b"\xff", "a.json cannot be read: byte 1 is not UTF-8"),
    ],
)
def test_a_damaged_record_is_one_line(tmp_path, content, problem):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    record, found = files.read_record(path)
    assert record == {}
    assert found.startswith(problem) and "\n" not in found
    with pytest.raises(
        InputError, match=r"a\.json: a\.json .*; if a job wrote this file, delete it"
    ):
        files.require_record(path)


def test_another_schema_is_named(tmp_path):
    path = tmp_path / "a.json"
    files.write_record(path, {"schema": "a/2"})
    with pytest.raises(InputError, match=r"schema is 'a/2', expected 'a/1'"):
        files.require_record(path, "a/1")


def test_bytes_give_their_checksum(tmp_path):
    digest = files.write_bytes(tmp_path / "a", b"content")
    assert digest == hashlib.sha256(b"content").hexdigest()
    assert (tmp_path / "a").read_bytes() == b"content"


def test_equal_values_give_equal_json(tmp_path):
    digests = {files.write_json(tmp_path / f"{i}.json", {"b": 1, "a": [0.1]}) for i in range(2)}
    assert len(digests) == 1
    assert json.loads((tmp_path / "0.json").read_text()) == {"b": 1, "a": [0.1]}
    with pytest.raises(InputError, match=r"x\.json: a number is NaN or infinite"):
        files.write_json(tmp_path / "x.json", [float("inf")])
    assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize(
    ("number", "message"),
    [(errno.ENOSPC, "no space left while writing out"), (errno.EACCES, "cannot write out: ")],
)
def test_errors_of_the_system_are_one_line(number, message):
    with pytest.raises(InputError, match=message), files.writing("out"):
        raise OSError(number, "Permission denied")


def test_a_folder_is_replaced_only_if_it_is_ours(tmp_path):
    folder = tmp_path / "report"
    for name in ("first", "second"):
        with whole_folders.replacing(folder) as part:
            (part / name).write_text(name)
    assert names(folder) == [whole_folders.MARKER, "second"]
    assert names(tmp_path) == ["report"]
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("years")
    with (
        pytest.raises(InputError, match="was not written by rankdet"),
        whole_folders.replacing(foreign),
    ):
        pass
    assert names(foreign) == ["thesis.txt"]


def test_a_link_to_a_folder_stays_and_its_target_is_replaced(tmp_path):
    target, link = tmp_path / "disk" / "target", tmp_path / "link"
    target.mkdir(parents=True)
    link.symlink_to("disk/target")
    for name in ("first", "second"):
        with whole_folders.replacing(link) as part:
            (part / name).write_text(name)
    assert link.is_symlink() and names(target) == [whole_folders.MARKER, "second"]
    assert names(tmp_path) == ["disk", "link"] and names(target.parent) == ["target"]
    (target / whole_folders.MARKER).unlink()
    with pytest.raises(InputError, match="was not written"), whole_folders.replacing(link):
        pass
    assert names(target) == ["second"]


def test_a_link_to_no_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    for name, target, message in (
        ("dead", "nowhere/x", "dead: is a link to nowhere/x, where no folder is"),
        ("loop", "loop", "loop: is a link to loop, where no folder is"),
        ("to-file", "file", "file: is a file; name a folder"),
    ):
        link = tmp_path / name
        link.symlink_to(target)
        for write in (whole_folders.replacing, whole_folders.swapped_in):
            with pytest.raises(InputError, match=message), write(link):
                pass
        assert link.is_symlink()
    assert names(tmp_path) == ["dead", "file", "loop", "to-file"]


def test_a_failure_keeps_the_old_folder(tmp_path):
    folder = tmp_path / "report"
    with whole_folders.replacing(folder) as part:
        (part / "page").write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_folders.replacing(folder) as part:
        (part / "page").write_text("half")
        raise KeyboardInterrupt
    assert (folder / "page").read_text() == "old"
    assert names(tmp_path) == ["report"]


def raised(function, *arguments):
    with pytest.raises(Exception) as error:
        function(*arguments)
    return error.value


def test_errors_of_python_are_said_in_words(tmp_path):
    path = tmp_path / "x"
    other = "its content has not the form of such a file"
    said = {
        "No such file or directory": raised(path.read_text),
        "Is a directory": raised(tmp_path.read_text),
        "byte 2 is not UTF-8": raised(b"a\xff".decode),
        "'a b' is missing": raised({}.__getitem__, "a b"),
        "Expecting value: line 1 column 1 (char 0)": raised(json.loads, "<p>"),
        "MemoryError": MemoryError(),
    }
    assert {in_words(error): error for error in said.values()} == said
    for error in (raised([].__getitem__, 0), raised(int, None), raised(json.loads, "[" * 100_000)):
        assert in_words(error) == other


def test_no_message_has_the_text_that_python_prints_for_an_error():
    """`error!r` shows `FileNotFoundError(2, ...)`; `errors.in_words` has the words."""
    shown = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sorted((ROOT / "rankdet").rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if "{error!r}" in line or "{exception!r}" in line
    ]
    assert shown == []


def test_yaml_errors_name_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.yaml"
    with pytest.raises(InputError, match=r"^a\.yaml: cannot be read: No such file"):
        files.read_yaml(path)
    path.write_text("a: [1")
    with pytest.raises(InputError, match=r"^a\.yaml: not valid YAML: ") as error:
        files.read_yaml(path)
    assert "\n" not in str(error.value)
    path.write_text("a: [1]")
    assert files.read_yaml(path) == {"a": [1]}


def test_paths_are_shown_relative_to_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    assert files.shown(tmp_path / "in" / "a" / "b.txt") == "a/b.txt"
    assert files.shown(tmp_path / "c.txt") == (tmp_path / "c.txt").as_posix()


@pytest.mark.fault("temporary file of a killed command")
def test_temporary_files_of_dead_processes_are_removed_and_those_of_others_kept(tmp_path):
    dead = 2**22 + 1  # larger than any process number
    theirs = [tmp_path / f".a.json.{number}" for number in (dead, os.getppid())]
    for path in theirs:
        path.write_text("half")
    files.write_record(tmp_path / "a.json", {})
    assert [path.exists() for path in theirs] == [False, True]


SWAP = """
import sys
from pathlib import Path
from rankdet.whole_folders import swapped_in
for _ in range(40):
    with swapped_in(Path(sys.argv[1])) as part:
        for number in range(20):
            (part / f"{number}").write_text(sys.argv[2])
"""


@pytest.mark.fault("three processes that replace one folder at once", tries=120)
def test_processes_that_write_one_folder_at_once_leave_a_whole_one(tmp_path):
    folder = tmp_path / "report"
    writers = [
        subprocess.Popen([sys.executable, "-c", SWAP, str(folder), name], cwd=ROOT)
        for name in "abc"
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    assert names(tmp_path) == ["report"]
    assert len(names(folder)) == 20
    assert len({path.read_text() for path in folder.iterdir()}) == 1


def test_a_folder_that_must_be_new_replaces_none(tmp_path):
    folder = tmp_path / "new"
    with whole_folders.swapped_in(folder, new=True) as part:
        (part / "first").touch()
    with pytest.raises(FileExistsError), whole_folders.swapped_in(folder, new=True) as part:
        (part / "second").touch()
    assert names(folder) == ["first"] and names(tmp_path) == ["new"]
