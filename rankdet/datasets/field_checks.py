"""Checks of masks, of LVIS's lists, of `ignore`, and of NaN in fields that are not used."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rankdet.datasets import masks
from rankdet.datasets.problems import Problems
from rankdet.evaluation.coco.damage import damaged
from rankdet.evaluation.coco.federated import is_federated, without_lists

Entry = dict[str, Any]

# Fields that have their own checks. They are long, so they are not searched for NaN.
CHECKED = frozenset({"id", "image_id", "category_id", "bbox", "area", "iscrowd", "segmentation"})


def check_masks(
    annotations: Sequence[Entry], sizes: Mapping[int, tuple[int, int]], problems: Problems
) -> None:
    """Adds an error for each damaged segmentation, a warning for lists that are not polygons.

    `rankdet.evaluation.coco.damage` says what is damaged.

    Args:
        annotations: annotations whose images are in `sizes`.
        sizes: (width, height) of each image in pixels, by its id.
        problems: collects the problems.
    """
    found = damaged(
        [a.get("segmentation") for a in annotations],
        [sizes[a["image_id"]][::-1] for a in annotations],
    )
    for position, entry in enumerate(annotations):
        mask = entry.get("segmentation")
        where = f"annotation {entry['id']} of image {entry['image_id']}"
        if position in found:
            what = f"annotations with {found[position]}"
            problems.error(what, where, "write their segmentation again")
        elif mask and not masks.is_usable(mask, [*sizes[entry["image_id"]][::-1]]):
            repair = "kept: detectors with masks cannot be trained on this data"
            problems.warning("annotations with a list that is not a polygon", where, repair)


def check_lists(images: Sequence[Entry], problems: Problems) -> None:
    """Adds an error for each image without a list of LVIS that other images have."""
    if not is_federated(images):
        return
    for image, key in without_lists(images):
        problems.error(
            "images without one of LVIS's lists of category ids",
            f"image {image.get('id')!r:.20}: {key!r} is {image.get(key)!r:.20}",
            "give both lists to every image (LVIS), or to none (COCO)",
        )


def warn_ignored(annotations: Sequence[Entry], problems: Problems) -> None:
    """Adds a warning for annotations with `ignore`, unless there is no object beside them."""
    if all(entry["iscrowd"] for entry in annotations):
        return  # there is an error
    for entry in annotations:
        if entry.get("ignore"):
            where = f"annotation {entry['id']} of image {entry['image_id']}"
            repair = "taken as crowds: training and evaluation leave them out"
            problems.warning("annotations with 'ignore'", where, repair)


def without_nan(data: Entry, problems: Problems) -> Entry:
    """Returns annotations in which NaN and infinity are null in the fields of no use.

    JSON has no NaN, so the copy could not be written. pandas writes NaN for an empty field.

    Args:
        data: the checked annotations.
        problems: collects a warning for each name of a field.
    """
    try:
        return _without_nan(data, problems)
    except RecursionError:
        problems.error("fields nested too deeply", "in a field that is not used", "remove them")
        return data


def _without_nan(data: Entry, problems: Problems) -> Entry:
    out: Entry = {}
    for name, value in data.items():
        if name in ("images", "annotations", "categories"):
            out[name] = [_cleaned(entry, name, problems) for entry in value]
        elif (clean := _finite(value)) is not value:
            problems.warning(f"NaN or infinity in {name!r}", "not used", "set to null")
            out[name] = clean
        else:
            out[name] = value
    return out


def _cleaned(entry: Entry, name: str, problems: Problems) -> Entry:
    changed = {}
    for key, value in entry.items():
        if key not in CHECKED and (clean := _finite(value)) is not value:
            what = f"{name} with NaN or infinity in {key!r}, which is not used"
            problems.warning(what, f"id {entry['id']}", "set to null")
            changed[key] = clean
    return {**entry, **changed} if changed else entry


def _finite(value: Any) -> Any:
    """Returns a JSON value with None for NaN and infinity; the same object if it has none."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        parts = [_finite(part) for part in value]
        return value if all(a is b for a, b in zip(value, parts, strict=True)) else parts
    if isinstance(value, dict):
        table = {key: _finite(part) for key, part in value.items()}
        return value if all(table[key] is value[key] for key in value) else table
    return value
