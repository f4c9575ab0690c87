"""Images that are replaced under the same names: noticed, and the runs are made again."""

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from tests.workflow.conftest import Sandbox, copy_of

HEAVY = {"data", "train", "untrained", "predict", "evaluate"}


@pytest.fixture
def box(finished_pets: Path, tmp_path: Path) -> Sandbox:
    """A finished study of own images with one loss."""
    return copy_of(finished_pets, tmp_path / "box")


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
    box.edit("pets.yaml", "splits: [val, train]", "splits: [val]")
    done = box.snakemake(study="pets.yaml")
    assert done.returncode == 0, done.stderr
    second = checksums(box)
    assert set(second) == {"data", "ap", "alrp", "untrained"}
    assert len(set(second.values())) == 1 and second["data"] != first["data"]

    image.unlink()
    rules, said = planned(box)  # a job that needs it would stop
    assert rules == set() and "changed since" not in said
