"""The datasets of a study: what `rankdet.datasets` is told, and whether the files are there."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from workflows.study.config import CocoFolder, StudyConfig


def prepare_config(config: StudyConfig, name: str) -> dict[str, Any]:
    """Returns what `rankdet.datasets.prepare` is told of a dataset.

    The title is not: it belongs to the report, and no data shall change with it.
    """
    dataset = config.datasets[name]
    if isinstance(dataset, CocoFolder):
        return {"kind": dataset.kind, **_files(config, dataset)}
    return dataset.model_dump(mode="json", exclude_none=True, exclude={"title"})


def annotation_files(config: StudyConfig, name: str) -> list[str]:
    """Returns the JSON files that a dataset is made from; none for built-in data."""
    dataset = config.datasets[name]
    if not isinstance(dataset, CocoFolder):
        return []
    return [files["annotations"] for files in _files(config, dataset).values()]


def check(config: StudyConfig, names: Iterable[str], source: str) -> None:
    """Looks whether the files of one's own data are where the config says.

    Raises:
        InputError: For the first that is not, with the key and what to set.
    """
    for name in names:
        dataset = config.datasets[name]
        if isinstance(dataset, CocoFolder):
            for split, files in _files(config, dataset).items():
                _check_split(files, f"{source}: datasets.{name}.splits.{split}")


def _check_split(files: dict[str, str], where: str) -> None:
    for key, path in files.items():
        folder = key == "images"
        if not (Path(path).is_dir() if folder else Path(path).is_file()):
            raise InputError(
                f"{where}.{key}: no such {'folder' if folder else 'file'}: {path}; put the data "
                "there, or name its folder: --config data_root=FOLDER"
            )


def _files(config: StudyConfig, dataset: CocoFolder) -> dict[str, dict[str, str]]:
    root = Path(config.data_root or "")
    return {
        split: {key: (root / path).as_posix() for key, path in files.model_dump().items()}
        for split, files in dataset.splits.items()
    }
