"""Checks of a dataset in COCO's format, entry by entry, and the repairs that are safe to make.

An error means that boxes, classes or images cannot be trusted; a warning names what was repaired
in the copy that is used (the user's own file is never changed).
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rankdet.datasets import boxes, coco_file, images
from rankdet.datasets.findings import Findings
from rankdet.errors import InputError

Entry = dict[str, Any]


@dataclass
class Checked:
    """A checked dataset.

    Attributes:
        data: the annotations, repaired; not to be used if `findings` has errors.
        digests: (file name, sha256) of each image.
        findings: what was wrong, and what was repaired.
        annotated: whether the file has annotations; without them a split is for prediction alone.
    """

    data: dict[str, Any]
    digests: list[tuple[str, str]]
    findings: Findings
    annotated: bool = True


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
        folder: where the images are.
        annotations: the COCO JSON file.
        seen: images that were read already; those read now are added, so that splits that share
            images read them once.
        adapt: turns a file of another kind into COCO's format before it is checked.
        needs_annotations: False accepts a file without `annotations`.

    Raises:
        InputError: the folder or the file as a whole cannot be used.
    """
    if not folder.is_dir():
        found = "a file" if folder.exists() else "not there"
        raise InputError(f"the folder of images {folder} is {found}; give the folder that has them")
    seen = {} if seen is None else seen
    raw = coco_file.read(annotations, annotated=needs_annotations)
    annotated = "annotations" in raw
    raw = raw if annotated else {**raw, "annotations": []}
    raw = adapt(raw) if adapt else raw
    findings = Findings()
    categories = _categories(raw["categories"], findings)
    kept = _images(raw["images"], folder, findings, seen)
    sizes = {entry["id"]: (entry["width"], entry["height"]) for entry in kept}
    known = {entry.get("id") for entry in raw["images"] if _is_id(entry.get("id"))}
    repaired = _annotations(raw["annotations"], known, sizes, categories, findings)
    _emptiness(raw, repaired if annotated else None, categories, findings)
    data = {**raw, "images": kept, "annotations": repaired}
    digests = [(e["file_name"], seen[folder / e["file_name"]].sha256) for e in kept]
    return Checked(data, digests, findings, annotated)


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _identified(entries: list[Entry], kind: str, findings: Findings) -> list[Entry]:
    """Returns the entries whose `id` is a whole number of their own; the others are errors."""
    kept, ids = [], set()
    for position, entry in enumerate(entries):
        if not _is_id(entry.get("id")):
            example = f"entry {position}: {entry.get('id')!r:.20}"
            findings.error(f"{kind} without a whole number as id", example, "number them")
        elif entry["id"] in ids:
            findings.error(f"{kind} with an id used before", str(entry["id"]), "give each its own")
        else:
            ids.add(entry["id"])
            kept.append(entry)
    return kept


def _categories(entries: list[Entry], findings: Findings) -> dict[int, str]:
    """Returns category id -> name."""
    names: dict[int, str] = {}
    for entry in _identified(entries, "categories", findings):
        name = entry.get("name")
        if not isinstance(name, str) or not name.strip():
            findings.error("categories without a name", f"id {entry['id']}", "name them")
        elif name in names.values():
            findings.error("category names used twice", repr(name), "give each category its own")
        names[entry["id"]] = str(name)
    return names


def _images(
    entries: list[Entry],
    folder: Path,
    findings: Findings,
    seen: dict[Path, images.ImageFile],
) -> list[Entry]:
    """Returns the images that can be used, with their sizes."""
    named = []
    for entry in _identified(entries, "images", findings):
        if isinstance(entry.get("file_name"), str) and entry["file_name"]:
            named.append(entry)
        else:
            findings.error("images without a file_name", f"id {entry['id']}", "name their files")
    images.look((folder / entry["file_name"] for entry in named), seen)
    kept = [_image(entry, seen[folder / entry["file_name"]], folder, findings) for entry in named]
    repeated = Counter(entry["file_name"] for entry in named)
    for name in (name for name, count in repeated.items() if count > 1):
        findings.warning("image files that stand in 'images' more than once", name, "kept as given")
    return [entry for entry in kept if entry]


def _image(entry: Entry, found: images.ImageFile, folder: Path, findings: Findings) -> Entry | None:
    name = entry["file_name"]
    if found.problem == "missing":
        findings.error(f"images missing in {folder}", name, "copy them there, or give their folder")
        return None
    if found.size is None:
        findings.error("unreadable images", f"{name}: {found.problem}", "replace them")
        return None
    size = found.size[::-1] if found.turned else found.size
    given = (entry.get("width"), entry.get("height"))
    if given == (None, None):
        findings.warning("images without width and height", name, "taken from the files")
    elif given != size:
        told = f"{name}: {given[0]} x {given[1]}, file {size[0]} x {size[1]}"
        if found.turned and given == found.size:
            done = "boxes kept as given: check them, or remove the EXIF orientation"
            findings.warning("images that EXIF turns against their annotations", told, done)
            size = found.size
        else:
            remedy = "boxes would be off: give the images that were annotated"
            findings.error("images of another size than annotated", told, remedy)
            return None
    return {**entry, "width": size[0], "height": size[1]}


def _annotations(
    entries: list[Entry],
    known_images: set[int],
    sizes: Mapping[int, tuple[int, int]],
    categories: Mapping[int, str],
    findings: Findings,
) -> list[Entry]:
    """Returns the annotations that can be used, repaired."""
    kept = []
    usable = _identified(entries, "annotations", findings)
    new_id = max((entry["id"] for entry in usable), default=0) + 1
    for entry in usable:
        where = f"annotation {entry['id']} of image {entry.get('image_id')!r:.20}"
        if not _is_id(entry.get("image_id")) or entry["image_id"] not in known_images:
            findings.error("annotations of an image that is not in 'images'", where, "remove them")
            continue
        if not _is_id(entry.get("category_id")) or entry["category_id"] not in categories:
            told = f"annotation {entry['id']}: category {entry.get('category_id')!r:.20}"
            what = "annotations of a category that is not in 'categories'"
            findings.error(what, told, "add the category, or remove them")
            continue
        if entry["image_id"] not in sizes:
            continue  # its image has an error of its own
        fixed = boxes.repair(entry, sizes[entry["image_id"]], where, findings)
        if fixed is None:
            continue
        if fixed["id"] == 0:
            done = f"renumbered to {new_id}: COCO's evaluation takes a match with id 0 for no match"
            findings.warning("annotations with id 0", where, done)
            fixed["id"] = new_id
        kept.append(fixed)
    return kept


def _emptiness(
    raw: Mapping[str, Any],
    kept: list[Entry] | None,
    categories: Mapping[int, str],
    findings: Findings,
) -> None:
    """Errors where nothing is left to train or evaluate on; a warning for unused categories.

    `kept` is None for a file without annotations, which needs no objects.
    """
    for key in ("images", "categories"):
        if not raw[key]:
            findings.error(f"no {key}", f"'{key}' is empty", "give a file that has some")
    if findings.errors or kept is None:
        return
    if all(entry["iscrowd"] for entry in kept):
        told = f"{len(raw['annotations'])} given, {len(kept)} usable, none but crowds"
        findings.error("no object to find", told, "give a file with annotated boxes")
    used = {entry["category_id"] for entry in kept}
    for name in (name for key, name in categories.items() if key not in used):
        findings.warning("categories without any annotation", name, "kept; undefined in metrics")
