"""Checks the images of a dataset in COCO's format: their files, and their sizes in the annotations.

Sizes are compared with those that training loads.
"""

from collections import Counter
from pathlib import Path
from typing import Any

from rankdet.datasets import images
from rankdet.datasets.entries import Entry, identified, is_id
from rankdet.datasets.problems import Problems
from rankdet.datasets.scaling import shortest_limit

# Above this ratio of the sides, the shorter side has no pixel in the smallest square of a study
# (32 px).
ELONGATED = 64


def usable(
    entries: list[Entry],
    folder: Path,
    problems: Problems,
    seen: dict[Path, images.ImageFile],
) -> list[Entry]:
    """Returns the images that can be used, with their sizes.

    Args:
        entries: `images` of the annotation file.
        folder: the folder of the image files.
        problems: collects the problems.
        seen: images that have already been read; new ones are added.
    """
    named = []
    for entry in identified(entries, "images", problems):
        if isinstance(entry.get("file_name"), str) and entry["file_name"]:
            named.append(entry)
        else:
            problems.error("images without a file_name", f"id {entry['id']}", "name their files")
    images.look((folder / entry["file_name"] for entry in named), seen)
    kept = [_image(entry, seen[folder / entry["file_name"]], folder, problems) for entry in named]
    repeated = Counter(entry["file_name"] for entry in named)
    for name in (name for name, count in repeated.items() if count > 1):
        problems.warning("image files listed in 'images' more than once", name, "kept")
    return [entry for entry in kept if entry]


def _image(entry: Entry, found: images.ImageFile, folder: Path, problems: Problems) -> Entry | None:
    name = entry["file_name"]
    if found.problem == "missing":
        problems.error(f"images missing in {folder}", name, "copy them there, or give their folder")
        return None
    if found.size is None:
        remedy = "replace them, or save them again as PNG or JPEG: training loads them with OpenCV"
        problems.error("unreadable images", f"{name}: {found.problem}", remedy)
        return None
    size = _size(entry, found, problems)
    if size is None:
        return None
    if max(size) > ELONGATED * min(size):
        example = f"{name}: {size[0]} x {size[1]}, image_size {shortest_limit(size)}"
        what = "images more than 64 times as long as wide, and the smallest image_size for them"
        problems.warning(what, example, "kept: a smaller image_size stops before training")
    return {**entry, "width": size[0], "height": size[1]}


def _size(entry: Entry, found: images.ImageFile, problems: Problems) -> tuple[int, int] | None:
    """Returns the size to which the boxes refer; None if they do not fit to the image."""
    assert found.size is not None
    name, size = entry["file_name"], found.size
    given = (entry.get("width"), entry.get("height"))
    if given == (None, None):
        problems.warning("images without width and height", name, "taken from the files")
    elif not all(_is_whole(side) for side in given):
        example = f"{name}: width {given[0]!r:.20}, height {given[1]!r:.20}"
        what = "images whose width and height are not whole numbers"
        problems.error(what, example, "write them as 640, without quotes, or leave both out")
        return None
    elif given == size:
        _mirrored(name, found, problems)
    elif found.turned and given == size[::-1]:
        example = f"{name}: {given[0]} x {given[1]}, file {size[0]} x {size[1]}"
        what = "images that EXIF rotates, with annotations that are not rotated"
        problems.warning(what, example, "boxes kept: check them, or remove the EXIF orientation")
        return size[::-1]
    else:
        example = f"{name}: {given[0]} x {given[1]}, file {size[0]} x {size[1]}"
        remedy = "boxes would be wrong: give the images that were annotated"
        problems.error("images of another size than annotated", example, remedy)
        return None
    return size


def _is_whole(value: Any) -> bool:
    """Returns whether a value is a whole number; 640.0 is one, as some tools write it."""
    return is_id(value) or (isinstance(value, float) and value.is_integer())


def _mirrored(name: str, found: images.ImageFile, problems: Problems) -> None:
    """Warns of an orientation that the annotated size cannot confirm."""
    assert found.size is not None
    square = found.size[0] == found.size[1]
    if found.orientation == 1 or (found.turned and not square):
        return
    what = "images that EXIF mirrors or turns to the same size, as training does, too"
    repair = "boxes kept: check that they fit the turned image, or remove the EXIF orientation"
    problems.warning(what, f"{name}: orientation {found.orientation}", repair)
