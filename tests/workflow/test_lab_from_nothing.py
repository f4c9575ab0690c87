"""A lab that starts from nothing: an empty environment, the wheel, real trainings of its own loss.

`test_lab.py` tests the same paths with a fake training and the packages of this Python. Here
nothing is shared: `pip` installs the wheel with what it declares, so a package that is missing in
`pyproject.toml` is found. It takes minutes.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.workflow.lab_files import HELPERS, RULE, build_wheel, trainings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
LOSS = """
from helpers.modules import OwnLoss

CARD = {"name": "mine", "title": "My Own Loss", "classification": {"type": "OwnLoss"},
        "box": {"type": "giou", "weight": 2.0}, "training": {"lr": {"small": 0.01}}}
"""
REAL = HELPERS.replace(
    "return numbers.FACTOR * logits.sum()",
    "wrong = torch.nn.functional.softplus(torch.where(labels == 1, -logits, logits))\n"
    "        return numbers.FACTOR * wrong[labels >= 0].sum() / (labels == 1).sum().clamp(min=1)",
)
STUDY = """
study: own
title: A study of a lab
scale: 24 images and 20 iterations; the numbers mean nothing.
preset: small
device: cpu
datasets:
  squares:
    kind: coco-folder
    splits:
      train: {images: images, annotations: train.json}
      val: {images: images, annotations: val.json}
runs:
  - {dataset: squares, detectors: [retinanet], losses: [ap, mine], seeds: [SEED]}
schedule: {image_size: 64, batch_size: 4, iterations: 20}
untrained: false
IMPORTED
"""
IMPORTED = """
imported:
  - {name: other, title: Made elsewhere, dataset: squares, detector: retinanet,
     detections: {val: found.json}}
"""


@dataclass(frozen=True)
class Place:
    """A folder of a user, and the environment whose commands run there."""

    root: Path
    environment: Path

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess:
        """Runs a command of the environment, without anything of this Python."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL"))}
        clean |= {"PATH": f"{self.environment / 'bin'}:{clean['PATH']}", "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [str(self.environment / "bin" / command), *arguments],
            cwd=self.root,
            env=clean,
            capture_output=True,
            text=True,
            timeout=1800,
        )

    def ok(self, command: str, *arguments: str) -> str:
        """Returns what a command prints; it must succeed."""
        done = self.run(command, *arguments)
        assert done.returncode == 0, f"{command} {arguments}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def metrics(self, results: str, run: str) -> dict:
        return json.loads((self.root / results / "squares" / run / "metrics.json").read_text())


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    """A new environment with the wheel and what it declares."""
    folder = tmp_path_factory.mktemp("nothing")
    wheel = build_wheel(folder)
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL"))}
    pip = [str(environment / "bin/python"), "-m", "pip", "--disable-pip-version-check"]
    found = subprocess.run(
        [*pip, "install", "--dry-run", "--no-deps", "-q", "snakemake"],
        env=clean,
        capture_output=True,
        text=True,
    )
    if found.returncode:
        pytest.skip("pip finds no package index: " + found.stderr.strip().splitlines()[-1])
    command = [*pip, "install", "-q", f"{wheel}[bench]"]
    done = subprocess.run(command, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return environment


def test_a_lab_from_an_empty_environment_to_one_report(empty, tmp_path):
    first = make_lab(Place(tmp_path, empty), "my-lab", seed=1, more=IMPORTED)
    planned = first.ok("rankdet", "plan")
    assert re.search(r"mine +1 +20", planned) and "imported, new" in planned
    assert trained(first) == [("train", "ap"), ("train_mine", "mine")]  # by the rule of its own
    first.ok("snakemake", "--cores", "2")
    assert "Nothing to be done" in first.ok("snakemake", "-n", "--cores", "2")
    assert first.metrics("results/own", "retinanet/other@imported/seed1")["metrics"]["AP"] == 1.0
    mine = first.metrics("results/own", "retinanet/mine/seed1")
    assert mine["training"]["iterations"] == 20

    second = make_lab(Place(tmp_path, empty), "their-lab", seed=2)
    second.ok("snakemake", "--cores", "2")
    both = Place(tmp_path, empty)
    both.ok("rankdet", "merge", "my-lab/results/own", "their-lab/results/own", "--out", "whole")
    assert both.metrics("whole", "retinanet/mine/seed1")["metrics"] == mine["metrics"]
    assert both.metrics("whole", "retinanet/mine/seed2")["status"] == "trained"
    both.ok("rankdet", "report", "whole", "--out", "page")
    page = (tmp_path / "page/index.html").read_text()
    assert "My Own Loss" in page and "Made elsewhere" in page

    copied = Place(tmp_path / "copied", empty)
    shutil.copytree(first.root, copied.root, ignore=shutil.ignore_patterns(".snakemake"))
    assert trained(copied) == []
    copied.write("helpers/numbers.py", "FACTOR = 2.0\n")
    assert trained(copied) == [("train_mine", "mine")]
    assert "helpers/numbers.py" in copied.ok("rankdet", "plan")


def make_lab(place: Place, name: str, seed: int, more: str = "") -> Place:
    """Makes a lab with a loss, a rule and data of its own."""
    place.ok("rankdet", "init", name)
    lab = Place(place.root / name, place.environment)
    lab.write("losses/mine.py", LOSS)
    lab.write("helpers/modules.py", REAL)
    lab.write("helpers/numbers.py", "FACTOR = 1.0\n")
    snakefile = (lab.root / "Snakefile").read_text()
    lab.write("Snakefile", snakefile + RULE)
    lab.write("study.yaml", STUDY.replace("SEED", str(seed)).replace("IMPORTED", more))
    draw_squares(lab)
    lab.ok("rankdet", "data", "check", "images", "val.json")
    return lab


def draw_squares(lab: Place) -> None:
    """Draws images with one light or dark square, with annotations, and detections of each."""
    rng = np.random.default_rng(0)
    (lab.root / "images").mkdir()
    for split, numbers in (("train", range(1, 17)), ("val", range(17, 25))):
        images, objects, boxes = [], [], []
        for number in numbers:
            side, (left, top) = int(rng.integers(16, 32)), rng.integers(0, 32, 2).tolist()
            pixels = rng.integers(90, 110, (64, 64, 3), dtype=np.uint8)
            pixels[top : top + side, left : left + side] = 230 if number % 2 else 20
            file = f"{number}.png"
            Image.fromarray(pixels).save(lab.root / "images" / file)
            images.append({"id": number, "file_name": file, "width": 64, "height": 64})
            one = {"image_id": number, "category_id": 1 + number % 2}
            one["bbox"] = [left, top, side, side]
            boxes.append(one)
            objects.append({**one, "id": number, "area": side * side, "iscrowd": 0})
        content = {"images": images, "annotations": objects}
        content["categories"] = [{"id": 1, "name": "dark"}, {"id": 2, "name": "light"}]
        lab.write(f"{split}.json", json.dumps(content))
    found = [{**one, "score": 0.9} for one in boxes]  # of the last split, `val`
    lab.write("found.json", json.dumps(found))


def trained(lab: Place) -> list[tuple[str, str]]:
    """Returns (rule, loss) of every training that would run."""
    printed = lab.ok("snakemake", "-n", "--cores", "2", "--quiet", "host")
    return trainings(printed)
