"""The boxes of annotations and detections that a report shows, read and checked.

The sample images are chosen by the annotations alone, evenly over the number of objects.
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from rankdet.errors import InputError, in_words
from rankdet.evaluation.coco.json_columns import read_columns
from rankdet.evaluation.coco.types import Floats, Ints
from rankdet.evaluation.metrics.error_kinds import Boxes
from rankdet.evaluation.metrics.matches import Matches
from rankdet.evaluation.shown import Shown

IMAGES = 6
_UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)

Box = tuple[float, float, float, float]  # x, y, width, height in image pixels


@dataclass(frozen=True)
class Split:
    """The annotations of the chosen images of one split; each `bbox` is a `Box`."""

    images: tuple[Mapping[str, Any], ...]
    annotations: Mapping[int, Sequence[Mapping[str, Any]]]
    names: Mapping[int, str]
    folder: Path


@dataclass(frozen=True)
class _Annotated:
    """All images of a split with their annotations, by image id."""

    images: tuple[Mapping[str, Any], ...]
    by_image: Mapping[int, Sequence[Mapping[str, Any]]]
    names: Mapping[int, str]


@lru_cache(maxsize=16)
def load_split(annotations: Path, folder: Path, image_ids: tuple[int, ...] | None = None) -> Split:
    """Reads a split's annotations and chooses its sample images.

    Args:
        annotations: the COCO file.
        folder: of the images.
        image_ids: which images, in this order; by default those that `choose` returns.

    Raises:
        InputError: the annotations cannot be read, or lack an id, a file name or a box.
    """
    try:
        every = _annotated(annotations, _stamp(annotations))
        if image_ids is None:
            images = choose(every.images, every.by_image)
        else:
            known = {image["id"]: image for image in every.images}
            images = [known[one] for one in image_ids]
        shown = {i["id"]: [_annotation(a) for a in every.by_image.get(i["id"], ())] for i in images}
    except _UNREADABLE as error:
        raise InputError(
            f"{annotations.name}: annotations cannot be read: {in_words(error)}"
        ) from error
    return Split(tuple(images), shown, every.names, folder)


@lru_cache(maxsize=4)  # the parts of a report read the same files
def _parsed(path: Path, _: tuple[int, int]) -> Any:
    """Returns what is in a file of annotations, without the outlines, which take most memory."""
    data = json.loads(path.read_text(encoding="utf-8"))
    for annotation in data["annotations"]:
        annotation.pop("segmentation", None)
    return data


@lru_cache(maxsize=4)
def _annotated(path: Path, stamp: tuple[int, int]) -> _Annotated:
    data = _parsed(path, stamp)
    by_image = defaultdict(list)
    for annotation in data["annotations"]:
        by_image[_id(annotation, "image_id")].append(annotation)
    names = {_id(category, "id"): str(category["name"]) for category in data["categories"]}
    return _Annotated(tuple(_image(image) for image in data["images"]), by_image, names)


def choose(
    images: Sequence[Mapping[str, Any]], by_image: Mapping[int, Sequence[Any]], count: int = IMAGES
) -> list[Mapping[str, Any]]:
    """Returns images spread evenly over the numbers of objects, from few objects to many.

    The images with objects are sorted by (number of objects, id) and divided into `count` equal
    parts. The middle image of each part is chosen; all images, if there are at most `count`.
    """
    ordered = sorted(images, key=lambda i: (len(by_image.get(i["id"], ())), i["id"]))
    ordered = [i for i in ordered if by_image.get(i["id"])] or ordered
    if len(ordered) <= count:
        return ordered
    return [ordered[int((k + 0.5) * len(ordered) / count)] for k in range(count)]


def detected_boxes(
    path: Path, positions: Sequence[int] | Ints, shown: Iterable[int] | None = None
) -> dict[int, Box]:
    """Reads boxes of detections.

    Args:
        path: COCO results.
        positions: positions in this file, from 0; each must have a box.
        shown: those that are returned; by default all.

    Returns:
        Position -> box.

    Raises:
        InputError: the file cannot be read, is too short, or has something else in place of a box.
    """
    try:
        everything = _detected(path, _stamp(path))
        wanted = [int(position) for position in (positions if shown is None else shown)]
        if isinstance(everything, np.ndarray):
            _checked(everything[np.asarray(positions, dtype=np.int64)])
            boxes = everything[np.array(wanted, dtype=np.int64)].tolist()
            return {one: _rounded(box) for one, box in zip(wanted, boxes, strict=True)}
        every = {int(position): _box(everything[position]) for position in positions}
        return {position: _rounded(every[position]) for position in wanted}
    except _UNREADABLE as error:
        raise InputError(f"{path.name}: detections cannot be read: {in_words(error)}") from error


def kept_boxes(shown: Shown, positions: Sequence[int]) -> dict[int, Box] | None:
    """Returns boxes that the evaluation has kept; None if one of them is missing.

    Args:
        shown: what it has kept.
        positions: positions in the file of detections.

    Returns:
        Position -> box.
    """
    wanted = np.asarray(positions, dtype=np.int64)
    at = np.searchsorted(shown.positions, wanted)
    if (at >= len(shown.positions)).any() or (shown.positions[at] != wanted).any():
        return None
    boxes = zip(wanted.tolist(), shown.boxes[at].tolist(), strict=True)
    return {one: _rounded(box) for one, box in boxes}


def boxes_of(matches: Matches, annotations: Path, detections: Path) -> Boxes:
    """Reads the boxes of a table of matches.

    Args:
        matches: The matches.
        annotations: The annotations that they were made from.
        detections: The detections that they were made from, as COCO results.

    Raises:
        InputError: A file cannot be read or lacks a box.
    """
    try:
        truths = _truth_boxes(annotations, _stamp(annotations))
        truth = _boxes([truths[one] for one in matches.ground_truth["annotation"].tolist()])
    except _UNREADABLE as error:
        message = f"{annotations.name}: annotations cannot be read: {in_words(error)}"
        raise InputError(message) from error
    try:
        found = _detected(detections, _stamp(detections))
        positions = matches.detections["detection"]
        if isinstance(found, np.ndarray):
            own = _checked(found[positions.to_numpy()])
        else:
            own = _boxes([found[one] for one in positions.tolist()])
    except _UNREADABLE as error:
        raise InputError(
            f"{detections.name}: detections cannot be read: {in_words(error)}"
        ) from error
    return Boxes(own, truth)


def _boxes(values: Sequence[Any]) -> Floats:
    """Returns (N, 4) boxes, or raises ValueError; one by one only if something is wrong."""
    with suppress(ValueError):  # lists of different lengths
        found = np.array(values)
        good = found.dtype.kind in "if" and found.ndim == 2 and found.shape[1] == 4
        if good and np.isfinite(found).all():
            return found.astype(float)
    return np.array([_box(one) for one in values], dtype=float).reshape(-1, 4)


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file does."""
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def _checked(boxes: Floats) -> Floats:
    """Returns (N, 4) boxes, or raises ValueError with the first that is not finite."""
    finite = np.isfinite(boxes).all(axis=1)
    if not finite.all():
        raise ValueError(f"bbox is {boxes[~finite][0].tolist()!r:.60}")
    return boxes


@lru_cache(maxsize=1)  # the parts of a run's page read the same file
def _detected(path: Path, _: tuple[int, int]) -> Floats | list[Any]:
    """Returns the box of each detection, (D, 4).

    For a file of an unusual form, it is what each detection has in place of its box, None for
    nothing: the caller finds the fault.
    """
    columns = read_columns(path)
    if columns is not None:
        return columns.boxes
    return [one.get("bbox") for one in json.loads(path.read_text(encoding="utf-8"))]


@lru_cache(maxsize=8)
def _truth_boxes(path: Path, stamp: tuple[int, int]) -> dict[Any, Any]:
    """Returns what each annotation has in place of its box, by its id."""
    return {one["id"]: one["bbox"] for one in _parsed(path, stamp)["annotations"]}


def _image(image: Mapping[str, Any]) -> Mapping[str, Any]:
    _id(image, "id")
    if not isinstance(image["file_name"], str):
        raise ValueError(f"file_name is {image['file_name']!r:.40}")
    return image


def _annotation(annotation: Mapping[str, Any]) -> Mapping[str, Any]:
    _id(annotation, "id")
    _id(annotation, "category_id")
    return {**annotation, "bbox": _rounded(_box(annotation["bbox"]))}


def _id(entry: Mapping[str, Any], key: str) -> int:
    value = entry[key]
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{key} is {value!r:.40}")
    return value


def _box(value: Any) -> Box:
    """Returns a box, or raises ValueError."""
    numbers = isinstance(value, list) and all(type(number) in (int, float) for number in value)
    if not numbers or len(value) != 4 or not all(map(math.isfinite, value)):
        raise ValueError(f"bbox is {value!r:.60}")
    x, y, width, height = map(float, value)
    return x, y, width, height


def _rounded(box: Box) -> Box:
    """Rounds to tenths of a pixel, which is enough for a picture."""
    x, y, width, height = (round(number, 1) for number in box)
    return x, y, width, height
