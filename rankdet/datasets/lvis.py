"""Converts LVIS v1 annotations to COCO's format."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from rankdet.errors import InputError

HOST = "images.cocodataset.org/"  # the part of `coco_url` before the file name
FREQUENCIES = ("r", "c", "f")  # rare, common, frequent
FEDERATED = ("neg_category_ids", "not_exhaustive_category_ids")


def adapt(where: str, data: dict[str, Any]) -> dict[str, Any]:
    """Returns LVIS annotations with COCO's `file_name` and `iscrowd`.

    Each split of LVIS has images of both COCO folders, which it names by their address. `file_name`
    becomes `train2017/000000391895.jpg`, for example. LVIS has no crowds.

    Args:
        where: the file in words, for messages.
        data: LVIS v1 annotations.

    Raises:
        InputError: a category has no `frequency`, or an image has no `neg_category_ids` or
            `not_exhaustive_category_ids`.
    """
    for category in data["categories"]:
        if category.get("frequency") not in FREQUENCIES:
            raise InputError(
                f"{where}: category {category.get('name')!r} has frequency "
                f"{category.get('frequency')!r}, not r, c or f; give LVIS v1's annotations"
            )
    for image in data["images"]:
        for key in FEDERATED:
            if not isinstance(image.get(key), list):
                raise InputError(
                    f"{where}: image {image.get('id')!r} has no {key!r}; give LVIS v1's annotations"
                )
    images = [{**image, "file_name": _file_name(where, image)} for image in data["images"]]
    annotations = [{"iscrowd": 0, **annotation} for annotation in data["annotations"]]
    return {**data, "images": images, "annotations": annotations}


def frequencies(categories: list[dict[str, Any]]) -> dict[str, int]:
    """Returns how many categories are rare (`r`), common (`c`) and frequent (`f`)."""
    found = Counter(category.get("frequency") for category in categories)
    return {key: found[key] for key in FREQUENCIES}


def _file_name(where: str, image: Mapping[str, Any]) -> str:
    address = str(image.get("coco_url") or "")
    name = address.partition(HOST)[2] or image.get("file_name")
    if not name:
        raise InputError(
            f"{where}: image {image.get('id')!r} has no 'coco_url' of {HOST} and no 'file_name'; "
            "give LVIS v1's annotations"
        )
    return str(name)
