"""Specs of jobs, and the messages of Snakemake that a user sees."""

import json
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from rankdet.datasets import prepare
from rankdet.errors import InputError
from rankdet.jobs.detections import with_data
from rankdet.jobs.terminal import MessageFilter
from rankdet.repository import ROOT


def test_a_spec_gets_the_checksum_of_its_data(tmp_path: Path) -> None:
    path = tmp_path / "dataset.json"
    spec = {"manifest": str(path), "hashes": {"code": "1"}}
    with pytest.raises(InputError, match=r"dataset\.json is missing"):
        with_data(spec)
    manifest = {"schema": "rankdet.dataset/1", "name": "a", "classes": [], "splits": {}}
    path.write_text(json.dumps({**manifest, "checksum": "sha256:1"}))
    assert with_data(spec)["hashes"] == {"code": "1", "data": "sha256:1"}
    assert spec["hashes"] == {"code": "1"}


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Select jobs to execute...", False),
        ("Execute 2 jobs...", False),
        ("CalledProcessError in x: python a/scripts/train.py non-zero exit status 1.", False),
        ("CalledProcessError in x: python a/scripts/train.py non-zero exit status 137.", True),
        ("MissingInputException in rule train", True),
    ],
)
def test_bookkeeping_is_hidden(message: str, shown: bool) -> None:
    record = logging.LogRecord("snakemake", logging.INFO, "", 0, message, None, None)
    chosen = MessageFilter(SimpleNamespace(report="nowhere"))
    assert chosen.filter(record) is shown


def test_the_report_is_named_if_there_is_nothing_to_do(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    page.touch()
    record = logging.LogRecord("s", logging.INFO, "", 0, "Nothing to be done (all)", None, None)
    assert MessageFilter(SimpleNamespace(report=str(page))).filter(record)
    assert record.msg.endswith(f"\nReport: {page}")


def test_scripts_are_short() -> None:
    for path in (ROOT / "workflows" / "scripts").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 20, path


def test_a_job_refuses_images_that_are_not_those_of_the_checksum(tmp_path: Path) -> None:
    splits = {}
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        Image.new("RGB", (32, 32), "red").save(tmp_path / split / "a.png")
        box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [2, 2, 9, 9], "area": 81}
        data = {
            "images": [{"id": 1, "file_name": "a.png", "width": 32, "height": 32}],
            "annotations": [{**box, "iscrowd": 0}],
            "categories": [{"id": 1, "name": "x"}],
        }
        (tmp_path / f"{split}.json").write_text(json.dumps(data))
        files = {"images": tmp_path / split, "annotations": tmp_path / f"{split}.json"}
        splits[split] = {key: str(path) for key, path in files.items()}
    checksum = prepare("own", {"kind": "coco-folder", **splits}, tmp_path / "out")["checksum"]
    spec = {"manifest": str(tmp_path / "out/dataset.json"), "hashes": {}}
    assert with_data(spec, ["train", "val"])["hashes"] == {"data": checksum}
    Image.new("RGB", (32, 32), "blue").save(tmp_path / "val/a.png")
    assert with_data(spec, ["train"])["hashes"] == {"data": checksum}
    with pytest.raises(InputError, match=r"'own': 1 file \(a.png\) changed since") as caught:
        with_data(spec, ["val"])
    assert "run snakemake again" in str(caught.value) and "\n" not in str(caught.value)
    (tmp_path / "val/a.png").unlink()
    with pytest.raises(InputError, match=r"1 file \(a.png\) of .*val missing; put the checked"):
        with_data(spec, ["val"])
