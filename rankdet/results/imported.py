"""Takes detections that were made elsewhere: checks them, and writes them as those of a run."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from rankdet.errors import InputError, counted
from rankdet.evaluation.coco import checks
from rankdet.evaluation.coco.json_columns import read_columns
from rankdet.evaluation.coco.loading import load_detections, load_ground_truth
from rankdet.evaluation.coco.masks import carry_masks
from rankdet.evaluation.coco.types import GroundTruth
from rankdet.files import atomic, sha256, writing
from rankdet.results.layout import DETECTIONS, RUN, SPEED
from rankdet.results.schemas.dataset import DatasetManifest
from rankdet.results.schemas.run import RunRecord
from rankdet.results.schemas.sweep import SpeedRecord
from rankdet.results.status import IMPORTED


@dataclass(frozen=True)
class Checked:
    """Detections that can be used: their number, and what is unusual about them, a line each."""

    count: int
    notes: tuple[str, ...]


def check_detections(path: Path, manifest: DatasetManifest, split: str) -> Checked:
    """Checks detections in COCO's results format, made elsewhere.

    Args:
        path: The file.
        manifest: The dataset's manifest.
        split: The split on which they were made.

    Raises:
        InputError: If the file is not a list of detections, an image or category id is not in the
            annotations of the split (the message names the split that the images belong to), a
            number is not finite, or a mask does not fit its image.
    """
    truth = load_ground_truth(_annotations(manifest, split))
    _check_ids(path, truth, manifest, split)
    found = load_detections(path, truth)
    if carry_masks(path):
        load_detections(path, load_ground_truth(_annotations(manifest, split), "segm"), "segm")
    return Checked(len(found), tuple(found.notes))


def _annotations(manifest: DatasetManifest, split: str) -> str:
    if split not in manifest.splits:
        known = ", ".join(manifest.splits)
        raise InputError(f"dataset {manifest.name!r} has no split {split!r}; its splits: {known}")
    return manifest.splits[split].annotations


def _check_ids(path: Path, truth: GroundTruth, manifest: DatasetManifest, split: str) -> None:
    """Names the split whose images the file has, and lists unknown ids, in this command's words."""
    columns = read_columns(path)
    if columns is None:  # an unusual file: `load_detections` checks it entry by entry
        return
    images = np.unique(columns.image_id)
    unknown = images[~checks.is_known(truth.image_ids, images)]
    if len(unknown):
        others = [s for s in manifest.splits if s != split and _has(manifest, s, images)]
        hint = (
            f"they are images of split {others[0]!r}: import them as detections on that split"
            if others
            else "use detections of the images of this dataset"
        )
        raise InputError(
            f"{path}: {_ids(len(unknown), 'image')} not in split {split!r} of {manifest.name!r} "
            f"({checks.three(unknown)}); {hint}"
        )
    categories = np.unique(columns.category_id)
    unknown = categories[~checks.is_known(truth.category_ids, categories)]
    if len(unknown):
        known = checks.three(truth.category_ids)
        raise InputError(
            f"{path}: {_ids(len(unknown), 'category')} not in {manifest.name!r} "
            f"({checks.three(unknown)}); its ids are {known}: write category_id as in the "
            "annotations, not as class indices"
        )


def _ids(number: int, of: str) -> str:
    return counted(number, f"{of} id is", f"{of} ids are")


def _has(manifest: DatasetManifest, split: str, images: Any) -> bool:
    truth = load_ground_truth(manifest.splits[split].annotations)
    return bool(checks.is_known(truth.image_ids, images).all())


def read_speed(path: Path | str) -> SpeedRecord:
    """Returns the speed of inference that a file gives.

    Raises:
        InputError: If the file is not a record `rankdet.speed/1`, or has no positive
            `seconds_per_image`.
    """
    record, problem = SpeedRecord.read(Path(path))
    if record is None:
        why = str(problem).removeprefix(f"{Path(path).name} ")
        raise InputError(f"{path}: {why}; give a speed.json ({SpeedRecord.SCHEMA})")
    if not record.seconds_per_image or record.seconds_per_image <= 0:
        raise InputError(
            f"{path}: seconds_per_image is {record.seconds_per_image}; give a number above 0"
        )
    pace = record.seconds_per_image
    return record.model_copy(update={"images_per_second": 1 / pace})


def take_detections(spec: Mapping[str, Any], manifest_path: str, split: str, out: Path) -> None:
    """Writes `detections.json` and `speed.json` of imported detections on one split.

    If the speed is not known, `speed.json` says so.

    Args:
        spec: What `rankdet.study.imported.ImportedRun.spec` returned.
        manifest_path: The `dataset.json`.
        split: The split.
        out: The run's folder, or that of the split.

    Raises:
        InputError: If a file cannot be used.
    """
    source = Path(spec["detections"][split])
    check_detections(source, DatasetManifest.from_disk(manifest_path), split)
    unknown = SpeedRecord.of(images=0, seconds_per_image=None, images_per_second=None)
    speed = read_speed(spec["speed"]) if spec["speed"] else unknown
    with writing(out), atomic(out / DETECTIONS) as temporary:
        shutil.copyfile(source, temporary)
    speed.to_disk(out / SPEED)


def write_import_record(spec: Mapping[str, Any], manifest_path: str, out: Path) -> None:
    """Writes the `run.json` of imported detections, without a summary of a training.

    Args:
        spec: As in `take_detections`.
        manifest_path: The `dataset.json`; its checksum is that of the data.
        out: The run's folder.

    Raises:
        InputError: If a file cannot be read.
    """
    files = {
        split: {"file": Path(path).name, "sha256": sha256(Path(path))}
        for split, path in spec["detections"].items()
    }
    named = {key: spec[key] for key in ("study", "dataset", "detector", "seed")}
    RunRecord.of(
        run={**named, "loss": spec["name"], "variant": ""},
        status=IMPORTED,
        reason=None,
        training=None,
        provenance={
            "data_checksum": DatasetManifest.from_disk(manifest_path).checksum,
            "imported": {"files": files, **({"url": spec["url"]} if spec["url"] else {})},
            "detections_hash": spec["hash"],
            "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        },
    ).to_disk(out / RUN)
