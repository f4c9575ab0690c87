"""The long-tailed built-in data: few classes have most objects, and annotations are federated.

It is a small substitute for LVIS. As in LVIS, an image is annotated only for some classes: classes
whose objects are annotated, and classes that are known to be absent. Gupta et al., "LVIS: A Dataset
for Large Vocabulary Instance Segmentation", CVPR 2019, section 2.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rankdet.datasets.shapes.bits import Bits

RATIO = 0.6  # number of objects of a class divided by that of the class before it
RARE, COMMON = 0.1, 0.3  # largest fraction of training images with a rare, a common class
NEGATIVE = 0.5  # probability that an absent class is known to be absent
MANY = 3  # from so many objects of a class in an image on ...
NOT_EXHAUSTIVE = 0.5  # ... only the larger ones are annotated, with this probability

Annotation = dict[str, Any]


def category(unit: float, classes: int, ratio: float = RATIO) -> int:
    """Maps a number in [0, 1) to a class, from 1. Frequencies fall by the factor `ratio`."""
    shares = [1.0]
    for _ in range(classes - 1):
        shares.append(shares[-1] * ratio)
    left = unit * sum(shares)
    for index, share in enumerate(shares, 1):
        left -= share
        if left < 0:
            return index
    return classes


def federate(
    annotations: Sequence[Annotation], classes: int, bits: Bits
) -> tuple[list[Annotation], dict[str, list[int]]]:
    """Makes the annotations of an image federated.

    Args:
        annotations: annotations of all its objects, with `category_id` (from 1) and `area`.
        classes: the number of classes.
        bits: random numbers.

    Returns:
        The annotations that are kept, and LVIS's `neg_category_ids` (classes that are known to be
        absent) and `not_exhaustive_category_ids` (classes whose objects are not all annotated).
    """
    count = Counter(annotation["category_id"] for annotation in annotations)
    negative, partly = [], []
    for index in range(1, classes + 1):
        chance = bits.unit()
        if count[index] == 0 and chance < NEGATIVE:
            negative.append(index)
        if count[index] >= MANY and chance < NOT_EXHAUSTIVE:
            partly.append(index)
    left_out = {id(one) for index in partly for one in _smallest(annotations, index)}
    kept = [annotation for annotation in annotations if id(annotation) not in left_out]
    return kept, {"neg_category_ids": negative, "not_exhaustive_category_ids": partly}


def _smallest(annotations: Sequence[Annotation], category_id: int) -> list[Annotation]:
    """Returns the smallest third of the objects of a class."""
    own = [one for one in annotations if one["category_id"] == category_id]
    return sorted(own, key=lambda one: one["area"])[: len(own) // MANY]


def frequencies(train: Mapping[str, Any], classes: int) -> dict[int, str]:
    """Returns `r`, `c` or `f` of each class by its fraction of the training images.

    In LVIS a class is rare if at most 10, and common if at most 100 of the 100,170 images have it.
    """
    pairs = {(one["category_id"], one["image_id"]) for one in train["annotations"]}
    images = Counter(category_id for category_id, _ in pairs)
    total = max(1, len(train["images"]))
    return {index: _frequency(images[index] / total) for index in range(1, classes + 1)}


def _frequency(share: float) -> str:
    if share <= RARE:
        return "r"
    return "c" if share <= COMMON else "f"
