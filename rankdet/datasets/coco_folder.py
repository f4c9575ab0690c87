"""Images with annotations in COCO's format: checks them, and makes safe repairs in a copy."""

import re
import shlex
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from rankdet import files, whole_folders
from rankdet.datasets import image_record, manifest
from rankdet.datasets.checks import Checked, check
from rankdet.datasets.images import ImageFile
from rankdet.datasets.options import SplitFiles
from rankdet.errors import InputError
from rankdet.strict import read
from rankdet.suggest import nearest

Adapt = Callable[[str, dict[str, Any]], dict[str, Any]]


def prepare(name: str, config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Checks every split and writes the cleaned annotations and the manifest.

    Images are not copied. Relative paths are relative to the current folder.
    """
    title, splits = read_config(name, config)
    return write(name, "coco-folder", title, splits, folder)


def write(
    name: str,
    kind: str,
    title: str,
    splits: Mapping[str, tuple[Path, Path]],
    folder: Path,
    adapt: Adapt | None = None,
) -> dict[str, Any]:
    """Checks every split and writes the cleaned annotations and the manifest.

    Args:
        name: the dataset's name.
        kind: its kind, for the manifest.
        title: the title in reports.
        splits: split -> (folder of images, annotation file).
        folder: the output folder.
        adapt: converts the annotations of a split (name, annotations) before the checks.

    Raises:
        InputError: the data cannot be used.
    """
    seen: dict[Path, ImageFile] = {}
    checked = {}
    for split, (images, annotations) in splits.items():
        checked[split] = check(
            images,
            annotations,
            seen,
            partial(adapt, split) if adapt else None,
            needs_annotations=split == "train",
        )
        _stop_at_errors(f"dataset {name!r}, {split}", checked[split], images, annotations)
    warnings = [
        f"{split}: {line}" for split, one in checked.items() for line in one.problems.warnings
    ]
    warnings += _same_categories(name, checked)
    entries = {}
    with whole_folders.replacing(folder / "data") as part:
        for split, one in checked.items():
            annotations_sha256 = files.write_json(part / f"{split}.json", one.data)
            entries[split] = manifest.split_entry(
                one.data,
                folder / "data" / f"{split}.json",
                splits[split][0],
                manifest.split_checksum(annotations_sha256, one.digests),
                annotated=one.annotated,
                dropped=one.dropped,
            )
        image_record.write(part, _read(splits, checked, seen))
        return manifest.write(
            folder,
            name=name,
            kind=kind,
            title=title,
            categories=checked["train"].data["categories"],
            splits=entries,
            warnings=warnings,
        )


def _read(
    splits: Mapping[str, tuple[Path, Path]],
    checked: Mapping[str, Checked],
    seen: Mapping[Path, ImageFile],
) -> dict[str, dict[str, image_record.Read]]:
    """Returns folder -> file name -> what was read, of the images that are used."""
    found: dict[str, dict[str, image_record.Read]] = {}
    for split, one in checked.items():
        folder = splits[split][0]
        names = found.setdefault(folder.as_posix(), {})
        for name, sha256 in one.digests:
            names[name] = (*seen[folder / name].stat, sha256)
    return found


def read_config(name: str, config: Mapping[str, Any]) -> tuple[str, dict[str, tuple[Path, Path]]]:
    """Returns the title and each split's (folder of images, annotation file)."""
    where = f"dataset {name!r}"
    title = str(config.get("title") or name)
    splits = {}
    for key, value in config.items():
        if key in ("kind", "title"):
            continue
        if not isinstance(value, Mapping):
            known = ["title", "train", "val"]
            raise InputError(
                f"{where}: {key!r} is not a split (a mapping with 'images' and 'annotations');"
                f" {nearest(str(key), known)}"
            )
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", str(key)):
            raise InputError(f"{where}: split name {key!r}: use only letters, digits, '-' and '_'")
        files = read(SplitFiles, value, f"{where}, {key}")
        splits[str(key)] = (Path(files.images).expanduser(), Path(files.annotations).expanduser())
    if "train" not in splits:
        found = ", ".join(splits) or "no splits"
        raise InputError(f"{where}: the split 'train' is missing (found: {found}); add it")
    return title, splits


def _stop_at_errors(where: str, one: Checked, images: Path, annotations: Path) -> None:
    errors = one.problems.errors
    if not errors:
        return
    more = ""
    if len(errors) > 1:
        command = shlex.join(["rankdet", "data", "check", str(images), str(annotations)])
        more = f" [and {len(errors) - 1} more kinds of errors: run `{command}`]"
    raise InputError(f"{where}: {annotations}: {errors[0]}{more}")


def _same_categories(name: str, checked: Mapping[str, Checked]) -> list[str]:
    """Gives every split the categories of train.

    Returns:
        Warnings for splits with a shorter list.

    Raises:
        InputError: a split has a category that is not in train, or has another id there.
    """
    train = checked["train"].data["categories"]
    expected = {(c["id"], c["name"]) for c in train}
    warnings = []
    for split, one in checked.items():
        given = {(c["id"], c["name"]) for c in one.data["categories"]}
        foreign = sorted(given - expected)
        if foreign:
            names = {c["name"] for c in train}
            examples = ", ".join(f"{i} {n!r}" for i, n in foreign[:3])
            clash = any(n in names for _, n in foreign)
            why = "have another id in train" if clash else "are not in train"
            raise InputError(
                f"dataset {name!r}, {split}: categories differ from train: {len(foreign)}"
                f" ({examples}{', ...' if len(foreign) > 3 else ''}) {why}; use one list for all"
            )
        if len(given) < len(expected):
            missing = len(expected) - len(given)
            warnings.append(f"{split}: categories of train that are missing: {missing}; added")
        one.data["categories"] = train
    return warnings
