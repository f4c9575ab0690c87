"""The datasets of a study: what `rankdet.datasets` is told, and whether the files are there."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.study.config.datasets import CocoFolder, Shapes
from rankdet.study.config.model import StudyConfig


def prepare_config(config: StudyConfig, name: str) -> dict[str, Any]:
    """Returns what `rankdet.datasets.prepare` is told of a dataset.

    The title is not: it belongs to the report, and no data shall change with it.
    """
    dataset = config.datasets[name]
    if isinstance(dataset, Shapes):
        return dataset.model_dump(mode="json", exclude_none=True, exclude={"title"})
    return {"kind": dataset.kind, **_files(config, name)}


def annotation_files(config: StudyConfig, name: str) -> list[str]:
    """Returns the JSON files that a dataset is made from; none for built-in data."""
    return [files["annotations"] for files in _files(config, name).values()]


def check(config: StudyConfig, names: Iterable[str], source: str) -> None:
    """Looks whether the files of the datasets are where the config says.

    Raises:
        InputError: For the first that is not, with the key and what to set.
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
    """Split to its files; none for built-in data."""
    dataset = config.datasets[name]
    if isinstance(dataset, Shapes):
        return {}
    root = Path(config.data_root or "")
    return {
        split: {key: (root / path).as_posix() for key, path in files.items()}
        for split, files in dataset.files.items()
    }
