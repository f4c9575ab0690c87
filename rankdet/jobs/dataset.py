"""The job that prepares a dataset."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rankdet.files import require_record, write_json
from rankdet.jobs.context import Job
from rankdet.results.layout import DATASET
from rankdet.results.seals import stamp
from rankdet.study.hashes import step_hash


def prepare_dataset(
    name: str, config: Mapping[str, Any], folder: Path, images: str, job: Job
) -> None:
    """Writes annotations in COCO's format and a manifest; warnings go to the terminal.

    Args:
        name: the dataset's name.
        config: its entry in the study's config.
        folder: the folder to write to.
        images: the state of the images (`jobs.images.images_state`) when the job was planned.
        job: the running job.

    Raises:
        InputError: If the data cannot be used.
    """
    from rankdet.datasets import image_record, prepare
    from rankdet.datasets.summary import described

    manifest = prepare(name, config, folder)
    image_record.keep_state(folder / "data", images)
    _note(folder / DATASET, config)
    for split, entry in manifest["splits"].items():
        print(f"{split}: {entry['n_images']:,} images, {described(entry)}")
    for warning in manifest["warnings"]:
        job.print(f"note: {name}: {warning}")


def _note(path: Path, config: Mapping[str, Any]) -> None:
    """Adds what the data was made of to its manifest: the code, the config and the annotations."""
    manifest = require_record(path)
    splits = [part for part in config.values() if isinstance(part, Mapping)]
    files = [Path(split["annotations"]) for split in splits if "annotations" in split]
    made_of = {
        "code": step_hash("data"),
        "config": dict(config),
        "files": {str(f): stamp(f) for f in files},
    }
    write_json(path, {**manifest, "made_of": made_of}, indent=2)
