"""A copy of the project in which training takes no time, so that the workflow itself is tested."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from tests.made_once import made_once

ROOT = Path(__file__).resolve().parents[2]
COPIED = (
    "Snakefile",
    "workflows",
    "config",
    "profiles",
    "envs",
    "analysis",
    "rankdet",
    "reports",
    "data/tuned",
)

# Replaces rankdet/training/__init__.py. A file `<loss>.<trouble>` in the working folder
# makes that loss's training fail.
FAKE_TRAINING = """
import errno, json, os, signal, time
from pathlib import Path

def _trouble(spec):
    loss = spec["loss"]
    if Path(f"{loss}.error").exists():
        raise ValueError("the loss\\nhas no gradient")
    if Path(f"{loss}.full").exists():
        raise OSError(errno.ENOSPC, "No space left on device")
    if Path(f"{loss}.slow").exists():
        Path(f"{loss}.slow").write_text(str(os.getpid()))
        time.sleep(300)
    if Path(f"{loss}.kill").exists():
        os.kill(os.getpid(), signal.SIGKILL)

def _record(spec, run_dir, status):
    keys = ("study", "dataset", "detector", "loss", "variant", "seed", "preset")
    record = {"schema": "rankdet.run/1", "run": {k: spec[k] for k in keys}, "status": status,
              "reason": None, "training": {"iterations": 3, "resumed_from": []},
              "provenance": {"data_checksum": spec["hashes"]["data"], "seed": spec["seed"],
                             "config_hash": spec["hashes"]["config"],
                             "code_hash": spec["hashes"]["code"],
                             "loss_hash": spec["hashes"]["loss"],
                             "made_of": spec["made_of"]}}
    (run_dir / "run.json").write_text(json.dumps(record))

def _detections(spec, split, out):
    manifest = json.loads(Path(spec["manifest"]).read_text())
    truth = json.loads(Path(manifest["splits"][split]["annotations"]).read_text())
    found = [{"image_id": a["image_id"], "category_id": a["category_id"], "bbox": a["bbox"],
              "score": round(0.9 - 0.001 * i, 4)} for i, a in enumerate(truth["annotations"])]
    lowest = spec["test"].get("score_threshold", 0)
    found = [one for one in found if one["score"] >= lowest]
    (out / "detections.json").write_text(json.dumps(found))
    speed = {"schema": "rankdet.speed/1", "device": "cpu", "images": 1,
             "seconds_per_image": 0.1, "images_per_second": 10}
    (out / "speed.json").write_text(json.dumps(speed))

def train(spec, run_dir, finish=None):
    print("a line of the log")
    work = run_dir / "work"
    work.mkdir(exist_ok=True)
    (work / "train.jsonl").write_text("{}\\n{}\\n")
    assert os.environ["OMP_NUM_THREADS"] == str(spec["threads"])
    _trouble(spec)
    import pandas as pd
    rows = [{"iteration": i, "epoch": 1, "lr": 0.1, "loss": 1.0, "loss_cls": 0.5, "loss_bbox": 0.5,
             "balance_weight": 1.0, "num_pos": 3, "grad_pos": 1.0, "grad_neg": 1.0,
             "seconds": 0.1, "data_seconds": 0.0, "memory_mb": 10.0} for i in (1, 2, 3)]
    pd.DataFrame(rows).to_parquet(run_dir / "train.parquet")
    first = spec.get("init_from")
    (run_dir / "model.pth").write_bytes(
        b"trained on " + Path(first).read_bytes() if first else b"weights"
    )
    for name in spec.get("keep_epochs", []):
        folder = run_dir / f"epoch-{name}"
        folder.mkdir(exist_ok=True)
        (folder / "model.pth").write_bytes(name.encode())
        _record(spec, folder, "trained")
    _record(spec, run_dir, "trained")
    import shutil
    shutil.rmtree(work)

def predict(spec, run_dir, split, out_dir):
    _detections(spec, split, out_dir)

def given(spec, run_dir):
    (run_dir / "model.pth").write_bytes(Path(spec["checkpoint"]).read_bytes())
    _record(spec, run_dir, "given checkpoint")

def untrained(spec, run_dir):
    _detections(spec, spec["splits"][0], run_dir)
    _record(spec, run_dir, "untrained")
"""

STUDY = """
study: tiny
title: A tiny study
scale: No training at all; the numbers mean nothing.
preset: small
datasets:
  shapes: {kind: shapes, title: Shapes, seed: 1, image_size: 64, train_images: 2, val_images: 2}
runs:
  - {dataset: shapes, detectors: [retinanet], losses: [focal, ap, alrp+no-sb]}
schedule: {image_size: 64, batch_size: 2, iterations: 3}
splits: [val, train]
tables: [alrp/table2]
figures: [alrp/figure4]
"""


PETS = """datasets:
  own:
    kind: coco-folder
    splits:
      train: {images: pets/train, annotations: pets/train.json}
      val: {images: pets/val, annotations: pets/val.json}
runs:
  - {dataset: own, detectors: [retinanet], losses: [ap]}
"""


@dataclass(frozen=True)
class Sandbox:
    """A copy of the project with a study `tiny.yaml`."""

    root: Path

    def snakemake(
        self, *arguments: str, study: str = "tiny.yaml", path: Path | None = None
    ) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "snakemake", *arguments, "--cores", "2"]
        return self.call([*command, "--configfile", study], path)

    def call(self, command: list[str], path: Path | None = None) -> subprocess.CompletedProcess:
        """Runs a command in the copy; `path` goes before it on Python's path."""
        places = [str(place) for place in (path, self.root) if place]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
        return subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, timeout=300
        )

    def planned(self, *arguments: str, study: str = "tiny.yaml") -> list[tuple[str, str]]:
        """Returns (rule, loss or nothing) of every job that would run."""
        done = self.snakemake(*arguments, "-n", "--quiet", "host", study=study)
        assert done.returncode == 0, done.stderr
        jobs, rule = [], ""
        for line in [*done.stdout.splitlines(), *done.stderr.splitlines()]:
            if line.startswith(("rule ", "localrule ")):
                rule = line.split()[1].rstrip(":")
                jobs.append((rule, ""))
            elif line.strip().startswith("wildcards:") and "loss=" in line:
                jobs[-1] = (rule, line.split("loss=")[1].split(",")[0])
        return jobs

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.root / path
        text = file.read_text()
        assert old in text, f"{path} has no {old!r}"
        file.write_text(text.replace(old, new))


def make_sandbox(root: Path) -> Sandbox:
    """Copies the project below a folder and puts the fake training in."""
    # With compiled files: each copy would compile all modules again.
    skipped = shutil.ignore_patterns("html", "example")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=skipped)
        else:
            shutil.copy(source, root / name)
    (root / "rankdet" / "training" / "__init__.py").write_text(FAKE_TRAINING)
    (root / "tiny.yaml").write_text(STUDY)
    return Sandbox(root)


def copy_of(folder: Path, root: Path, without: str = "") -> Sandbox:
    """Copies a sandbox with the times of its files.

    Args:
        folder: The sandbox.
        root: The new folder.
        without: A name that is left out; `.snakemake`: Snakemake's notes.
    """
    shutil.copytree(folder, root, ignore=shutil.ignore_patterns(without) if without else None)
    return Sandbox(root)


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """A copy in which tests may plan, but which they must not change."""
    return make_sandbox(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sandbox, dict[str, object]]:
    """A study in which one run failed and one was killed, repaired and run again.

    Returns the finished copy and what was seen on the way.
    """
    folder, seen = made_once(tmp_path_factory, "troubled", make_troubled)
    return copy_of(folder, tmp_path_factory.mktemp("troubled") / "box"), seen


def make_troubled(folder: Path) -> dict[str, object]:
    """Runs that study in a folder, and returns what was seen."""
    box = make_sandbox(folder)
    (box.root / "ap.error").touch()
    (box.root / "alrp.kill").touch()
    seen: dict[str, object] = {"failing": box.snakemake()}
    results = box.root / "results" / "tiny" / "shapes" / "retinanet"
    record = results / "{}" / "seed1" / "work" / "failure.json"
    seen["records"] = {
        loss: Path(str(record).format(loss)).read_text()
        for loss in ("ap", "alrp+no-sb")
        if Path(str(record).format(loss)).exists()
    }
    seen["report"] = (box.root / "reports" / "html" / "tiny" / "index.html").exists()
    finished = results / "focal" / "seed1" / "metrics.json"
    seen["before"] = finished.stat().st_mtime_ns
    for name in ("ap.error", "alrp.kill"):
        (box.root / name).unlink()
    seen["mended"] = box.snakemake()
    seen["after"] = finished.stat().st_mtime_ns
    return seen


@pytest.fixture(scope="session")
def finished_pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The copy with a finished study of own images, on two splits; tests change copies of it."""
    return made_once(tmp_path_factory, "pets", run_pets)[0]


def run_pets(folder: Path) -> None:
    """Runs that study, `pets.yaml`, in a folder."""
    box = make_sandbox(folder)
    make_pets(box.root / "pets")
    start, end = STUDY.index("datasets:"), STUDY.index("schedule:")
    text = STUDY[:start] + PETS + STUDY[end : STUDY.index("tables:")]
    (box.root / "pets.yaml").write_text(text.replace("study: tiny", "study: pets"))
    done = box.snakemake(study="pets.yaml")
    assert done.returncode == 0, done.stderr


def make_pets(root: Path) -> None:
    """Draws three images of each split, with one object in each."""
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
