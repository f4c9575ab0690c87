"""Datasets on disk: every kind becomes annotations in COCO's format and a manifest `dataset.json`.

This package needs only numpy, Pillow and OpenCV. To add a kind, write a module with
`prepare(name, config, folder) -> dict` (use `manifest.write`) and add it to `KINDS`.
"""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.suggest import nearest

KINDS = {
    "shapes": "rankdet.datasets.shapes",
    "coco-folder": "rankdet.datasets.coco_folder",
    "coco": "rankdet.datasets.coco",
    "coco-minitrain": "rankdet.datasets.coco",
    "lvis": "rankdet.datasets.coco",
}


def prepare(name: str, config: Mapping[str, Any], folder: str | Path) -> dict[str, Any]:
    """Writes `dataset.json` and `data/` of a dataset.

    Args:
        name: the dataset's name in the study and in the manifest.
        config: the dataset's part of the study's config; its `kind` is one of `KINDS`.
        folder: the output folder, created if it does not exist. Its `data/` is replaced as a whole,
            after the new content is complete.

    Returns:
        The manifest (schema `rankdet.dataset/1`), as written to `dataset.json`.

    Raises:
        InputError: the config is wrong, the data cannot be used, or the disk is full.
    """
    if not isinstance(config, Mapping):
        raise InputError(f"dataset {name!r}: its config must be a mapping, found {config!r:.60}")
    kind = config.get("kind")
    if kind not in KINDS:
        hint = nearest(str(kind), KINDS) if kind is not None else f"one of: {', '.join(KINDS)}"
        found = "`kind` is missing" if kind is None else f"unknown kind {kind!r}"
        raise InputError(f"dataset {name!r}: {found}; {hint}")
    return importlib.import_module(KINDS[kind]).prepare(name, config, Path(folder))
