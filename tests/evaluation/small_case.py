"""A small evaluation: two classes on a few images, with hits, misses and false alarms."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rankdet.evaluation.coco.loading import load_detections, load_ground_truth
from rankdet.evaluation.metrics.matches import Matches
from rankdet.evaluation.metrics.matching import match
from rankdet.repository import ROOT


@dataclass(frozen=True)
class Case:
    """Ground truth and detections as files, and their matches."""

    paths: tuple[Path, Path]
    matches: Matches


def small_case(folder: Path) -> Case:
    """Writes `gt.json` and `dt.json` and matches them."""
    rng = np.random.default_rng(0)
    boxes = np.c_[rng.uniform(0, 60, (24, 2)), rng.uniform(12, 40, (24, 2))].round(1)
    truth = {
        "images": [{"id": i, "height": 100, "width": 100} for i in range(1, 7)],
        "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "none"}],
        "annotations": [
            {"id": n + 1, "image_id": n % 6 + 1, "category_id": n % 2 + 1, "iscrowd": 0}
            | {"bbox": box, "area": box[2] * box[3]}
            for n, box in enumerate(boxes.tolist())
        ],
    }
    moved = (boxes + rng.normal(0, 2.5, boxes.shape)).round(1).tolist()
    found = [
        {"image_id": a["image_id"], "category_id": a["category_id"]}
        | {"bbox": box, "score": round(float(rng.random()), 3)}
        for a, box in zip(truth["annotations"], moved, strict=True)
    ]
    paths = folder / "gt.json", folder / "dt.json"
    for path, data in zip(paths, (truth, found), strict=True):
        path.write_text(json.dumps(data))
    ground_truth = load_ground_truth(paths[0])
    return Case(paths, match(ground_truth, load_detections(paths[1], ground_truth)))


def fresh_python(*words: str, cwd: Path = ROOT) -> str:
    """Runs Python in a new process with the package in a folder; returns its output."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(cwd)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
