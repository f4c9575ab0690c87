"""The datasets of a study: their config for `rankdet.datasets`, and a check of their files."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.study.config.datasets import CocoFolder, Shapes
from rankdet.study.config.model import StudyConfig
from rankdet.study.hashes import step_hash


def prepare_config(config: StudyConfig, name: str) -> dict[str, Any]:
    """Returns a dataset's config for `rankdet.datasets.prepare`.

    The title is left out: it belongs to the report, and data must not change with it.
    """
    dataset = config.datasets[name]
    if isinstance(dataset, Shapes):
        return dataset.model_dump(mode="json", exclude_none=True, exclude={"title"})
    return {"kind": dataset.kind, **_files(config, name)}


def made_of(config: StudyConfig, name: str) -> dict[str, Any]:
    """Returns what a dataset is made of: its code, and its config with paths below `data_root`.

    So it is the same on a machine that has the data in another folder.
    """
    dataset = config.datasets[name]
    if isinstance(dataset, Shapes):
        return {"code": step_hash("data"), "config": prepare_config(config, name)}
    paths = {
        split: {key: Path(path).as_posix() for key, path in files.items()}
        for split, files in dataset.files.items()
    }
    return {"code": step_hash("data"), "config": {"kind": dataset.kind, **paths}}


def annotation_files(config: StudyConfig, name: str) -> list[str]:
    """Returns the JSON files from which a dataset is made; empty for built-in data."""
    return [files["annotations"] for files in _files(config, name).values()]


def check(config: StudyConfig, names: Iterable[str], source: str) -> None:
    """Checks that the files of the datasets exist.

    Raises:
        InputError: For the first missing file, with its key and what to set.
    """
    for name in names:
        own = isinstance(config.datasets[name], CocoFolder)
        for split, files in _files(config, name).items():
            for key, path in files.items():
                place = f"splits.{split}.{key}" if own else "root"
                _check_path(key, path, f"{source}: datasets.{name}.{place}", own)


def _check_path(key: str, path: str, where: str, own: bool) -> None:
    folder = key == "images"
    if not (Path(path).is_dir() if folder else Path(path).is_file()):
        get = "" if own else " (config/README.md says how to get it)"
        raise InputError(
            f"{where}: no such {'folder' if folder else 'file'}: {path}; put the data there{get}, "
            "or name its folder: --config data_root=FOLDER"
        )


def _files(config: StudyConfig, name: str) -> dict[str, dict[str, str]]:
    """Split to its files; empty for built-in data."""
    dataset = config.datasets[name]
    if isinstance(dataset, Shapes):
        return {}
    root = Path(config.data_root or "")
    return {
        split: {key: (root / path).as_posix() for key, path in files.items()}
        for split, files in dataset.files.items()
    }
