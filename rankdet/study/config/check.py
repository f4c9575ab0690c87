"""Reads a study's config file and checks what its keys say together."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.files import read_yaml
from rankdet.results.layout import reserved
from rankdet.strict import read
from rankdet.study.config.model import StudyConfig
from rankdet.study.config.own_files import with_names
from rankdet.study.config.renamed import with_new_names
from rankdet.suggest import choice


def load_config(path: Path) -> dict[str, Any]:
    """Reads a study's YAML file without checking its keys.

    Raises:
        InputError: If there is no such file, or it is not a YAML mapping.
    """
    values = read_yaml(Path(path))
    if not isinstance(values, dict):
        raise InputError(f"{path}: a study is a mapping of keys, found {values!r:.40}")
    return values


def _check_dots(values: Mapping[str, Any], source: str) -> None:
    """Names the way to write a key in another one, as on a command line.

    Raises:
        InputError: For a key such as `schedule.iterations`.
    """
    for key, value in values.items():
        first, *others = str(key).split(".")
        if others and first in StudyConfig.model_fields:
            inner = f"{{{': {'.join(others)}: {value}{'}' * len(others)}"
            raise InputError(
                f"{source}: {key}: a dot does not lead into {first!r}; write {first}: {inner}, or "
                f"on a command line --config '{first}={inner}'"
            )


def check_config(values: Mapping[str, Any], source: str) -> StudyConfig:
    """Returns the checked config of a study.

    Raises:
        InputError: One line with the key path, what was found, and the nearest valid key or value.
    """
    _check_dots(values, source)
    named = with_names(with_new_names(values, source), source)
    config = read(StudyConfig, named, source)
    if len(set(config.splits)) < len(config.splits):
        raise InputError(f"{source}: splits: a split is named twice in {config.splits}")
    if config.track and importlib.util.find_spec(config.track) is None:
        raise InputError(
            f"{source}: track: {config.track} is not installed here; install it (pip install "
            f"{config.track}), or leave `track` out"
        )
    if not config.runs and config.runs_of_tables is None and not config.imported:
        raise InputError(
            f"{source}: neither runs nor runs_of_tables is given; there is nothing to train"
        )
    for name in config.datasets:
        _check_reserved("dataset", name, f"{source}: datasets")
    for index, group in enumerate(config.runs):
        _check_dataset(config, group.dataset, source, f"runs[{index}].dataset")
        for name in group.detectors:
            _check_reserved("detector", name, f"{source}: runs[{index}].detectors")
    for index, one in enumerate(config.imported):
        _check_dataset(config, one.dataset, source, f"imported[{index}].dataset")
        _check_reserved("detector", one.detector, f"{source}: imported[{index}].detector")
    for name, dataset in (config.runs_of_tables.datasets if config.runs_of_tables else {}).items():
        _check_dataset(config, dataset, source, f"runs_of_tables.datasets.{name}")
    return config


def _check_reserved(kind: str, name: str, where: str) -> None:
    if fault := reserved(kind, name):
        raise InputError(f"{where}: {fault}")


def _check_dataset(config: StudyConfig, dataset: str, source: str, where: str) -> None:
    if dataset not in config.datasets:
        hint = choice(dataset, config.datasets)
        raise InputError(f"{source}: {where}: found {dataset!r}; {hint}")
    known = config.datasets[dataset].split_names
    for index, split in enumerate(config.splits):
        if split not in known:
            raise InputError(
                f"{source}: splits[{index}]: found {split!r}; dataset {dataset!r} has: "
                f"{', '.join(known)}"
            )
