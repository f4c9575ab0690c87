"""Checks every entry of a dataset in COCO's format, and makes safe repairs.

An error means that boxes, classes or images are wrong. A warning names a repair. Repairs are made
in the copy that the benchmark uses; the user's file is never changed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rankdet.datasets import boxes, coco_file, field_checks, image_checks, images, left_out
from rankdet.datasets.entries import Entry, identified, is_id, refers_by_number
from rankdet.datasets.problems import Problems
from rankdet.errors import InputError
from rankdet.evaluation.coco.ids import from_one


@dataclass
class Checked:
    """A checked dataset.

    Attributes:
        data: the repaired annotations. They must not be used if `problems` has errors.
        digests: (file name, sha256) of each image.
        problems: the errors, and warnings for the repairs.
        annotated: whether the file has annotations. Without them a split is only for prediction.
        dropped: number of annotations that were dropped.
    """

    data: dict[str, Any]
    digests: list[tuple[str, str]]
    problems: Problems
    annotated: bool = True
    dropped: int = 0


def check(
    folder: Path,
    annotations: Path,
    seen: dict[Path, images.ImageFile] | None = None,
    adapt: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    *,
    needs_annotations: bool = True,
) -> Checked:
    """Checks and repairs one split.

    Args:
        folder: the folder of the images.
        annotations: the COCO JSON file.
        seen: images that have already been read. New images are added, so that images shared by
            several splits are read once.
        adapt: converts a file of another kind to COCO's format before the checks.
        needs_annotations: whether a file without `annotations` is an error.

    Raises:
        InputError: the folder or the whole file cannot be used.
    """
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "does not exist"
        raise InputError(f"the folder of images {folder} {found}; give the folder with the images")
    seen = {} if seen is None else seen
    raw = coco_file.read(annotations, annotated=needs_annotations)
    annotated = "annotations" in raw
    raw = raw if annotated else {**raw, "annotations": []}
    raw = adapt(raw) if adapt else raw
    problems = Problems()
    categories = _categories(raw["categories"], problems)
    kept = image_checks.usable(raw["images"], folder, problems, seen)
    sizes = {entry["id"]: (entry["width"], entry["height"]) for entry in kept}
    known = {entry.get("id") for entry in raw["images"] if is_id(entry.get("id"))}
    repaired = _annotations(raw["annotations"], known, sizes, categories, problems)
    field_checks.check_masks(repaired, sizes, problems)
    field_checks.check_lists(raw["images"], problems)
    _emptiness(raw, repaired if annotated else None, categories, problems)
    field_checks.warn_ignored(repaired, problems)
    data = field_checks.without_nan({**raw, "images": kept, "annotations": repaired}, problems)
    digests = [(e["file_name"], seen[folder / e["file_name"]].sha256) for e in kept]
    return Checked(data, digests, problems, annotated, len(raw["annotations"]) - len(repaired))


def _categories(entries: list[Entry], problems: Problems) -> dict[int, str]:
    """Returns category id -> name."""
    names: dict[int, str] = {}
    for entry in identified(entries, "categories", problems):
        name = entry.get("name")
        if not isinstance(name, str) or not name.strip():
            problems.error("categories without a name", f"id {entry['id']}", "name them")
        elif name in names.values():
            problems.error("category names used twice", repr(name), "use unique names")
        names[entry["id"]] = str(name)
    return names


def _annotations(
    entries: list[Entry],
    known_images: set[int],
    sizes: Mapping[int, tuple[int, int]],
    categories: Mapping[int, str],
    problems: Problems,
) -> list[Entry]:
    """Returns the annotations that can be used, repaired."""
    kept = []
    usable = identified(entries, "annotations", problems)
    new_ids = from_one([entry["id"] for entry in usable])
    for entry in usable:
        where = f"annotation {entry['id']} of image {entry.get('image_id')!r:.20}"
        if not refers_by_number(entry, problems):
            continue
        if entry["image_id"] not in known_images:
            problems.error("annotations of an image that is not in 'images'", where, "remove them")
            continue
        if entry["category_id"] not in categories:
            example = f"annotation {entry['id']}: category {entry['category_id']!r:.20}"
            what = "annotations of a category that is not in 'categories'"
            problems.error(what, example, "add the category, or remove them")
            continue
        if entry["image_id"] not in sizes:
            continue  # its image already has an error
        fixed = boxes.repair(entry, sizes[entry["image_id"]], where, problems)
        if fixed is None:
            continue
        if fixed["id"] in new_ids:
            repair = "renumbered: COCO's evaluation counts matches with id 0 as missed"
            problems.warning("annotations with an id below 1", where, repair)
            fixed["id"] = new_ids[fixed["id"]]
        kept.append(fixed)
    return kept


def _emptiness(
    raw: Mapping[str, Any],
    kept: list[Entry] | None,
    categories: Mapping[int, str],
    problems: Problems,
) -> None:
    """Adds errors if there is nothing to train on, and warnings for unused categories.

    `kept` is None for a file without annotations, which needs no objects.
    """
    for key in ("images", "categories"):
        if not raw[key]:
            problems.error(f"no {key}", f"'{key}' is empty", f"give a file with {key}")
    if problems.errors or kept is None:
        return
    if kept and left_out.in_fractions(kept):
        what = "boxes between 0 and 1, as fractions of the image"
        example = f"all {len(kept)} boxes, the first is {kept[0]['bbox']}"
        problems.error(what, example, "give them in pixels: [x, y, width, height]")
    elif all(left_out.why(entry) for entry in kept):
        problems.error("no objects", *_nothing_to_train_on(len(raw["annotations"]), kept))
    else:
        left_out.warn(kept, problems)
    used = {entry["category_id"] for entry in kept}
    for name in (name for key, name in categories.items() if key not in used):
        problems.warning("categories without any annotation", name, "kept; their AP is undefined")


def _nothing_to_train_on(given: int, kept: list[Entry]) -> tuple[str, str]:
    """Returns what was found, and what to do."""
    example = f"{given} given, {len(kept)} usable"
    if kept:
        reasons = left_out.described(left_out.count(kept))
        example += f", training leaves out all of them: {reasons}"
    return example, "give a file with annotated boxes"
