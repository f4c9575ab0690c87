"""After a failure the finished dataset and the files of others are unchanged."""

import errno
import json
from pathlib import Path

import pytest

from rankdet import files
from rankdet.datasets import prepare
from rankdet.errors import InputError
from tests.datasets.pets import config, write


@pytest.mark.parametrize("name", ["train.json", "dataset.json"])
def test_a_full_disk_does_not_change_the_finished_dataset(good, tmp_path, monkeypatch, name):
    folder, data = good
    path = write(folder, data)
    out = tmp_path / "out"
    prepare("pets", config(folder, path), out)
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    original = Path.write_bytes

    def full(self, content):
        if name in self.name:
            original(self, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device", str(self))
        return original(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    data["annotations"].pop()
    path.write_text(json.dumps(data))
    with pytest.raises(
        InputError, match=f"no space left while writing .*{name}: free some"
    ) as caught:
        prepare("pets", config(folder, path), out)
    assert "\n" not in str(caught.value)
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before
    assert sorted(p.name for p in out.iterdir()) == ["data", "dataset.json"]


def test_a_foreign_data_folder_is_not_replaced(good, tmp_path):
    folder, data = good
    path = write(folder, data)
    (tmp_path / "out/data").mkdir(parents=True)
    (tmp_path / "out/data/thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="was not written by rankdet"):
        prepare("pets", config(folder, path), tmp_path / "out")
    assert (tmp_path / "out/data/thesis.tex").read_text() == "years of work"


def test_leftovers_of_a_killed_run_are_removed(good, tmp_path):
    folder, data = good
    left = tmp_path / "out/.data.new.4194304"  # above the largest process id of Linux
    left.mkdir(parents=True)
    (left / "train.json").write_text("half")
    prepare("pets", config(folder, write(folder, data)), tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["data", "dataset.json"]


def test_a_folder_that_cannot_be_written(good, tmp_path):
    folder, data = good
    (tmp_path / "out").write_text("a file")
    with pytest.raises(InputError, match=r"cannot write .*out") as caught:
        prepare("pets", config(folder, write(folder, data)), tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_nan_is_reported_before_it_is_written(tmp_path):
    with pytest.raises(InputError, match=r"x\.json: a number is NaN or infinite"):
        files.write_json(tmp_path / "x.json", {"segmentation": [[float("nan")]]})
    assert not list(tmp_path.iterdir())
