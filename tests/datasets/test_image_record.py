"""Replaced images are noticed by size and time, and judged by their bytes."""

import json
import os
import shutil

import pytest
from PIL import Image

from rankdet.datasets import image_record, prepare
from rankdet.datasets.image_record import MISSING, RECORD, changed, keep_state, state
from tests.datasets.pets import config, write


@pytest.fixture
def data(good, tmp_path):
    """The `data/` of a prepared dataset whose two splits share their images."""
    folder, content = good
    path = write(folder, content)
    split = {"images": str(folder), "annotations": str(path)}
    prepare("pets", config(folder, path, val=split), tmp_path / "out")
    return tmp_path / "out/data"


def replace(path, color=(200, 1, 1)):
    """Writes another image of the same size under the same name."""
    before = path.stat()
    Image.new("RGB", Image.open(path).size, color).save(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


def test_nothing_has_changed(data):
    assert changed(data) == {} and state(data) == ("", [])


@pytest.mark.fault("image replaced under the same name")
def test_other_bytes_are_noticed(data, good):
    path = good[0] / "2.png"
    replace(path)
    found = changed(data)
    assert list(found) == [str(path)] and len(found[str(path)]) == 64
    assert state(data)[1] == [str(path)]
    assert changed(data, ["elsewhere"]) == {} and changed(data, [str(good[0])]) == found


def test_the_same_bytes_at_another_time_are_no_change(data, good):
    for path in good[0].iterdir():
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
        os.utime(path, (1, 1))
    assert changed(data) == {}


def test_a_missing_image_has_changed(data, good):
    (good[0] / "1.png").unlink()
    assert changed(data) == {str(good[0] / "1.png"): MISSING}
    shutil.rmtree(good[0])
    assert set(changed(data).values()) == {MISSING} and len(changed(data)) == 3
    assert state(data) == ("", [])  # runs are not made again while a drive is away


def test_the_state_is_kept_until_images_change_again(data, good):
    """Otherwise the plan after a data job would make the data again."""
    replace(good[0] / "2.png")
    planned, _ = state(data)
    assert planned == state(data)[0] != ""
    prepare("pets", config(good[0], good[0].parent / "annotations.json"), data.parent)
    keep_state(data, planned)
    assert state(data) == (planned, [])
    replace(good[0] / "2.png", (3, 3, 3))
    assert state(data)[0] not in ("", planned)


def test_the_record_is_of_the_bytes_that_were_read(data, good):
    import hashlib

    record = json.loads((data / RECORD).read_text())
    assert list(record) == [str(good[0])]
    for name, (size, time, sha256) in record[str(good[0])].items():
        path = good[0] / name
        assert (size, time) == (path.stat().st_size, path.stat().st_mtime_ns)
        assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.fault("damaged record of the images")
@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', '{"a": {"b": 1}}', "\xff"])
def test_a_damaged_record_counts_as_a_change(data, content):
    (data / RECORD).write_text(content, encoding="latin-1")
    assert state(data)[1] == [str(data / RECORD)]


def test_changed_files_in_words():
    assert image_record.described(["x/a.png"]) == "1 file (a.png)"
    assert image_record.described([f"x/{i}" for i in range(5000)]) == "5,000 files (0, 1, 2, ...)"


@pytest.mark.parametrize("damage", ["{", "[]", '{"a": 5}', '{"a": {"b": []}}', '{"a": {"b": [1]}}'])
def test_a_damaged_record_is_named(data, damage):
    (data / RECORD).write_text(damage)
    assert changed(data) == {str(data / RECORD): "cannot be read"}
