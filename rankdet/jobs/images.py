"""Whether the images of a dataset are still those that the data job read."""

import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from rankdet.datasets import image_record
from rankdet.errors import InputError
from rankdet.results.schemas.dataset import DatasetManifest


def are_replaced(folder: str) -> bool:
    """Returns whether images of a dataset are not those that its data job read.

    Args:
        folder: the folder of the dataset, with `dataset.json` and `data/`.
    """
    return bool(_state(folder)[1])


@lru_cache  # once for each plan: the answer must not change while jobs run
def _state(folder: str) -> tuple[str, list[str]]:
    return image_record.state(Path(folder) / "data")


@lru_cache  # one note
def images_state(folder: str) -> str:
    """Returns a text on which the data job depends; it changes if images have changed.

    Prints a note if they have.

    Args:
        folder: the folder of the dataset, with `dataset.json` and `data/`.
    """
    state, changed = _state(folder)
    if changed:
        files = image_record.described(changed)
        print(
            f"note: {Path(folder).name}: {files} changed since the images were checked; the data "
            "and its runs are made again",
            file=sys.stderr,
        )
    return state


def check_unchanged(path: str, manifest: DatasetManifest, splits: Iterable[str]) -> None:
    """Checks that a job reads the images that the data job read, whose checksum it records.

    Args:
        path: the file `dataset.json`.
        manifest: its content.
        splits: the splits whose images the job reads.

    Raises:
        InputError: If they have changed or are missing.
    """
    folders = {manifest.splits[split].images for split in splits if split in manifest.splits}
    changed = image_record.changed(Path(path).parent / "data", folders)
    missing = [path for path, now in changed.items() if now == image_record.MISSING]
    where = f"dataset {manifest.name!r}"
    if missing:
        files, folder = image_record.described(missing), Path(missing[0]).parent
        raise InputError(f"{where}: {files} of {folder} missing; put the checked images back")
    if changed:
        raise InputError(
            f"{where}: {image_record.described(changed)} changed since the images were checked; "
            "run snakemake again: it checks them and makes the runs again"
        )
