"""Images that are replaced under the same names: noticed, and the runs are made again."""

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from tests.workflow.conftest import STUDY, Sandbox, make_sandbox

DATA = """datasets:
  own:
    kind: coco-folder
    splits:
      train: {images: pets/train, annotations: pets/train.json}
      val: {images: pets/val, annotations: pets/val.json}
runs:
  - {dataset: own, detectors: [retinanet], losses: [ap]}
"""
HEAVY = {"data", "train", "untrained", "predict", "evaluate"}


def make_pets(root: Path) -> None:
    for split in ("train", "val"):
        (root / split).mkdir(parents=True)
        images, boxes = [], []
        for i in (1, 2, 3):
            Image.new("RGB", (64, 48), (i, 90, 90)).save(root / split / f"{i}.png")
            images.append({"id": i, "file_name": f"{i}.png", "width": 64, "height": 48})
            box = {"bbox": [4, 4, 20, 20], "area": 400, "iscrowd": 0, "category_id": 1}
            boxes.append({"id": i, "image_id": i, **box})
        data = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "x"}]}
        (root / f"{split}.json").write_text(json.dumps(data))


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """A finished study of own images with one loss."""
    box = make_sandbox(tmp_path_factory.mktemp("images"))
    make_pets(box.root / "pets")
    start, end = STUDY.index("datasets:"), STUDY.index("schedule:")
    text = STUDY[:start] + DATA + STUDY[end : STUDY.index("splits:")] + "splits: [val]\n"
    (box.root / "pets.yaml").write_text(text.replace("study: tiny", "study: pets"))
    done = box.snakemake(study="pets.yaml")
    assert done.returncode == 0, done.stderr
    return box


def checksums(box: Sandbox) -> dict[str, str]:
    """The checksum of the data, and the one of each record."""
    own = box.root / "results/pets/own"
    found = {"data": json.loads((own / "dataset.json").read_text())["checksum"]}
    for path in (own / "retinanet").glob("*/seed1/run.json"):
        record = json.loads(path.read_text())
        found[path.parents[1].name] = record["provenance"]["data_checksum"]
    return found


def planned(box: Sandbox) -> tuple[set[str], str]:
    """The rules that would run for the data and its runs, and what is said about it."""
    dry = box.snakemake("-n", "--quiet", "host", study="pets.yaml")
    assert dry.returncode == 0, dry.stderr
    rules = {
        line.split()[1].rstrip(":") for line in dry.stdout.splitlines() if " rule " in f" {line}"
    }
    return rules & HEAVY, dry.stderr


@pytest.mark.fault("image replaced between two starts of a study")
def test_replaced_images_are_noticed_and_the_runs_made_again(box: Sandbox) -> None:
    first = checksums(box)
    assert len(set(first.values())) == 1
    for path in (box.root / "pets").rglob("*.png"):
        os.utime(path)  # as after a copy
    rules, said = planned(box)
    assert rules == set() and "changed since" not in said

    image = box.root / "pets/val/2.png"
    Image.new("RGB", (64, 48), (200, 0, 0)).save(image)
    rules, said = planned(box)
    assert rules == HEAVY
    note = "note: own: 1 file (2.png) changed since the images were checked; the data and its runs"
    assert said.count(note) == 1

    box.edit("pets.yaml", "losses: [ap]", "losses: [ap, alrp]")
    done = box.snakemake(study="pets.yaml")
    assert done.returncode == 0, done.stderr
    second = checksums(box)
    assert set(second) == {"data", "ap", "alrp", "untrained"}
    assert len(set(second.values())) == 1 and second["data"] != first["data"]

    image.unlink()
    rules, said = planned(box)  # a job that needs it would stop
    assert rules == set() and "changed since" not in said
