"""Small datasets of built-in shapes, without empty images and crowds."""

from pathlib import Path
from typing import Any

from rankdet.datasets import prepare
from rankdet.training.environment import set_up


def write_shapes(folder: Path, **options: Any) -> Path:
    """Sets the process up, writes three classes of shapes, and returns their manifest."""
    set_up({"device": "cpu", "threads": 1})
    config = {"kind": "shapes", "title": "t", "classes": 3}
    config |= {"empty_fraction": 0.0, "crowd_fraction": 0.0, **options}
    prepare("shapes", config, folder)
    return folder / "dataset.json"
