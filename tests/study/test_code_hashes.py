"""Hashes of our own code are kept until any of its files is edited, and are never wrong."""

import shutil

import pytest

from rankdet.repository import CODE
from rankdet.study import hashes
from rankdet.study.code.code_hashes import CodeHashes


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The folder of the kept hashes, empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "rankdet" / "code"


@pytest.fixture
def code(tmp_path):
    """A folder with two files."""
    root = tmp_path / "code"
    root.mkdir()
    (root / "a.py").write_text("A = 1\n")
    (root / "b.py").write_text("B = 2\n")
    return root


def start(code, made):
    """Returns the text of a new process that asks for it; notes whether it was made."""
    hashes_of_code = CodeHashes(lambda: code.rglob("*.py"), code)

    def make():
        made.append(1)
        return (code / "a.py").read_text() if (code / "a.py").exists() else "no file"

    return hashes_of_code.get("step", make)


def test_a_hash_is_made_once(code):
    made = []
    assert start(code, made) == start(code, made) == "A = 1\n"
    assert len(made) == 1


@pytest.mark.parametrize(
    "edit",
    [
        lambda code: (code / "b.py").write_text("B = 3\n"),
        lambda code: (code / "c.py").write_text(""),
        lambda code: (code / "b.py").rename(code / "d.py"),
        lambda code: (code / "b.py").unlink(),
        # Same bytes in a row, in other files.
        lambda code: [
            (code / name).write_text(text)
            for name, text in (("a.py", "A = 1\nB"), ("b.py", " = 2\n"))
        ],
    ],
    ids=["edited", "new", "renamed", "removed", "moved lines"],
)
def test_any_edit_makes_it_again(code, edit):
    made = []
    start(code, made)
    edit(code)
    assert start(code, made) == (code / "a.py").read_text()
    assert len(made) == 2


def test_an_old_state_of_the_code_is_found_again(code):
    made = []
    start(code, made)
    (code / "a.py").write_text("A = 9\n")
    assert start(code, made) == "A = 9\n"
    (code / "a.py").write_text("A = 1\n")
    assert start(code, made) == "A = 1\n"
    assert len(made) == 2


@pytest.mark.parametrize("damage", [b"", b"{}", b"\x00" * 50], ids=["empty", "JSON", "zeros"])
def test_a_damaged_file_only_costs_time(code, cache, damage):
    made = []
    start(code, made)
    (file,) = cache.iterdir()
    file.write_bytes(damage)
    assert start(code, made) == "A = 1\n"
    assert len(made) == 2
    assert start(code, made) == "A = 1\n"
    assert len(made) == 2


def test_a_folder_that_cannot_be_made_only_costs_time(code, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    made = []
    assert start(code, made) == start(code, made) == "A = 1\n"
    assert len(made) == 2


def test_the_lock_of_an_editor_is_no_trouble(code):
    (code / ".#a.py").symlink_to("user@host.1234")
    assert start(code, []) == "A = 1\n"


def test_what_cannot_be_made_is_not_kept(code):
    def make():
        raise ValueError("no hash")

    with pytest.raises(ValueError, match="no hash"):
        CodeHashes(lambda: code.rglob("*.py"), code).get("step", make)
    assert start(code, []) == "A = 1\n"


def test_an_edit_while_a_hash_is_made_is_not_kept(code):
    def make():
        (code / "a.py").write_text("A = 7\n")
        return (code / "a.py").read_text()

    assert CodeHashes(lambda: code.rglob("*.py"), code).get("step", make) == "A = 7\n"
    (code / "a.py").write_text("A = 1\n")
    assert start(code, []) == "A = 1\n"


def test_old_files_are_removed(code, cache):
    for number in range(40):
        (code / "a.py").write_text(f"A = {number}\n")
        start(code, [])
    assert len(list(cache.iterdir())) == 16
    made = []
    start(code, made)
    assert not made  # the newest is there


def test_kept_hashes_equal_those_of_a_copy_which_are_never_kept(tmp_path):
    left_out = shutil.ignore_patterns("__pycache__", "html", "example", "_share")
    for name in ("rankdet", "reports", "workflows"):
        shutil.copytree(CODE / name, tmp_path / "copy" / name, ignore=left_out)
    detector = {"family": "dense-anchor", "head": "RetinaHead"}

    def every(root):
        steps = {step: hashes.step_hash(step, root) for step in hashes.STEPS}
        return steps, hashes.model_code_files("train", detector, root)

    assert every(CODE) == every(tmp_path / "copy")
