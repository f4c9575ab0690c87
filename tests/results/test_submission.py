"""The zip of a run's detections: its names and its content are what COCO's server takes."""

import json
import re
import zipfile

import pytest

from rankdet.cli import main

MASK = {"size": [9, 9], "counts": "abc"}
FOUND = [
    {"image_id": 7, "category_id": 90, "bbox": [1.23456, 2, 3, 4], "score": 0.5},
    {"image_id": 9, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 0.25},
]
RUN = {"detector": "retinanet", "backbone": "r101-dcn", "loss": "alrp", "variant": "iou+no-sb"}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run's folder: detections on `val`, its main split, and on `test-dev`."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results" / "run"
    (folder / "on-test-dev").mkdir(parents=True)
    (folder / "on-test-dev" / "detections.json").write_text(json.dumps(FOUND))
    (folder / "detections.json").write_text(json.dumps(FOUND[:1]))
    record = {"schema": "rankdet.run/1", "run": RUN, "status": "trained"}
    (folder / "run.json").write_text(json.dumps(record))
    data = {"name": "coco", "kind": "coco", "split": "val"}
    metrics = {"schema": "rankdet.metrics/1", "metrics": {"AP": 0.4}, "dataset": data}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def content(path):
    """The one file of a zip, and what is in it."""
    with zipfile.ZipFile(path) as archive:
        (name,) = archive.namelist()
        return name, json.loads(archive.read(name))


def test_names_and_content_are_the_servers(run, tmp_path, capsys):
    assert main(["submission", str(run)]) == 0
    stem = "detections_test-dev2017_retinanet-r101-dcn-alrp-iou-no-sb_results"
    name, found = content(tmp_path / f"{stem}.zip")
    assert name == f"{stem}.json"
    assert re.fullmatch(r"detections_[^_]+_[^_]+_results[.]json", name)
    assert found == [{**FOUND[0], "bbox": [1.235, 2, 3, 4]}, FOUND[1]]
    assert "2 detections on test-dev" in capsys.readouterr().out


def test_the_main_split_another_file_and_another_name(run, tmp_path):
    out = tmp_path / "deep" / "mine.zip"
    arguments = ["--split", "val", "--out", str(out), "--name", "my_best method"]
    assert main(["submission", str(run), *arguments]) == 0
    name, found = content(out)
    assert name == "detections_val2017_my-best-method_results.json"
    assert len(found) == 1


def test_own_data_keeps_the_name_of_its_split(run, tmp_path):
    record = json.loads((run / "metrics.json").read_text())
    record["dataset"]["kind"] = "coco-folder"
    (run / "metrics.json").write_text(json.dumps(record))
    assert main(["submission", str(run), "--name", "x"]) == 0
    assert (tmp_path / "detections_test-dev_x_results.zip").exists()


def test_boxes_and_masks_are_two_submissions(run, tmp_path):
    path = run / "on-test-dev" / "detections.json"
    path.write_text(json.dumps([{**one, "segmentation": MASK} for one in FOUND]))
    assert main(["submission", str(run), "--out", str(tmp_path / "b.zip")]) == 0
    assert all("segmentation" not in one for one in content(tmp_path / "b.zip")[1])
    assert main(["submission", str(run), "--iou-type", "segm", "--out", "m.zip"]) == 0
    found = content(tmp_path / "m.zip")[1]
    assert found[0] == {"image_id": 7, "category_id": 90, "segmentation": MASK, "score": 0.5}
    assert all("bbox" not in one for one in found)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--split", "test"], "no detections on split 'test' (found: val, test-dev); choose one"),
        (["--iou-type", "segm"], "its detections have no masks"),
        (["--out", "results"], "results: is a folder"),
    ],
)
def test_what_cannot_be_written_is_one_line(run, capsys, arguments, words):
    assert main(["submission", str(run), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_a_broken_file_is_one_line(run, capsys):
    (run / "on-test-dev" / "detections.json").write_text("[{")
    assert main(["submission", str(run)]) == 2
    assert "detections.json: cannot be read" in capsys.readouterr().err
