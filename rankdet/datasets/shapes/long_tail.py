"""The long-tailed built-in data: few classes have most objects, and annotations are federated.

It stands in for LVIS where LVIS is too large. As there, an image is annotated for some classes
only: those whose objects are annotated, and those that were looked for and not found. Gupta et
al., "LVIS: A Dataset for Large Vocabulary Instance Segmentation", CVPR 2019, section 2.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rankdet.datasets.shapes.bits import Bits

RATIO = 0.6  # of a class's objects to those of the class before it
RARE, COMMON = 0.1, 0.3  # most of the training images that a rare, a common class is on
NEGATIVE = 0.5  # chance that a class that is not there was looked for
MANY = 3  # objects of one class in an image from which on ...
NOT_EXHAUSTIVE = 0.5  # ... this is the chance that only the larger ones are annotated

Annotation = dict[str, Any]


def category(unit: float, classes: int) -> int:
    """Maps a number in [0, 1) to a class, from 1: each is `RATIO` as frequent as the one before."""
    shares = [1.0]
    for _ in range(classes - 1):
        shares.append(shares[-1] * RATIO)
    left = unit * sum(shares)
    for index, share in enumerate(shares, 1):
        left -= share
        if left < 0:
            return index
    return classes


def federate(
    annotations: Sequence[Annotation], classes: int, bits: Bits
) -> tuple[list[Annotation], dict[str, list[int]]]:
    """Makes an image's annotations federated.

    Args:
        annotations: those of all its objects, with `category_id` (from 1) and `area`.
        classes: how many classes there are.
        bits: the image's random numbers for this purpose.

    Returns:
        The annotations that are kept, and LVIS's `neg_category_ids` (classes without an object
        that were looked for) and `not_exhaustive_category_ids` (classes of which not all objects
        are annotated).
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
    """A third of the objects of a class, the smallest."""
    own = [one for one in annotations if one["category_id"] == category_id]
    return sorted(own, key=lambda one: one["area"])[: len(own) // MANY]


def frequencies(train: Mapping[str, Any], classes: int) -> dict[int, str]:
    """Returns each class's `r`, `c` or `f` by its share of the training images.

    LVIS calls a class rare on at most 10 and common on at most 100 of its 100,170 images; here
    shares of the images take that place.
    """
    pairs = {(one["category_id"], one["image_id"]) for one in train["annotations"]}
    images = Counter(category_id for category_id, _ in pairs)
    total = max(1, len(train["images"]))
    return {index: _frequency(images[index] / total) for index in range(1, classes + 1)}


def _frequency(share: float) -> str:
    if share <= RARE:
        return "r"
    return "c" if share <= COMMON else "f"
