"""The lists of LVIS's images that say for which categories an image is annotated."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rankdet.errors import InputError, counted
from rankdet.evaluation.coco.checks import shown
from rankdet.evaluation.coco.ids import fits
from rankdet.evaluation.coco.types import Federated

WRONG = ("of LVIS's lists is missing or holds", "of LVIS's lists are missing or hold")
LISTS = ("neg_category_ids", "not_exhaustive_category_ids")


def is_federated(images: Sequence[Mapping[str, Any]]) -> bool:
    """Returns whether any image has one of LVIS's lists."""
    return any(image.get(key) is not None for image in images for key in LISTS)


def without_lists(images: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], str]]:
    """Returns (image, key) for each list that is missing or does not hold category ids."""
    return [(im, key) for im in images for key in LISTS if not _holds_ids(im.get(key))]


def read_federated(images: Sequence[Mapping[str, Any]], path: Path) -> Federated | None:
    """Returns LVIS's lists of each image; None if no image has any.

    Raises:
        InputError: if some images have them and others do not. Such a file is neither COCO's nor
            LVIS's, and both evaluations would give wrong numbers.
    """
    if not is_federated(images):
        return None
    wrong = without_lists(images)
    if wrong:
        image, key = wrong[0]
        raise InputError(
            f"{path}: {counted(len(wrong), *WRONG)} no category ids (first: "
            f"image {shown(image.get('id'))} has {key!r} {shown(image.get(key))}); give both lists "
            "to every image (LVIS), or to none (COCO)"
        )
    return Federated(*([image[key] for image in images] for key in LISTS))


def _holds_ids(value: Any) -> bool:
    return isinstance(value, list) and all(type(i) is int and fits(i) for i in value)
