"""Errors of the annotators in the built-in data: wrong classes, and objects without annotation.

The images stay the same, and so does the split `val`: it measures how a loss bears the errors.
"""

from collections.abc import Iterable
from typing import Any

from rankdet.datasets.shapes.bits import Bits

Annotation = dict[str, Any]


def with_errors(
    annotations: Iterable[Annotation], classes: int, wrong: float, missing: float, bits: Bits
) -> list[Annotation]:
    """Returns the annotations of an image as careless annotators would make them.

    Crowds stay as they are. Each object takes the same random numbers for any `wrong` and
    `missing`, so data with more errors has those of data with fewer.

    Args:
        annotations: Annotations of all its objects, with `category_id` (from 1) and `iscrowd`.
        classes: The number of classes, at least 2 if `wrong` is above 0.
        wrong: Share of the annotations that get a wrong class, in [0, 1].
        missing: Share of the objects that get no annotation, in [0, 1].
        bits: Random numbers.
    """
    kept = []
    for annotation in annotations:
        lost, mistaken = bits.unit(), bits.unit()
        step = bits.integer(1, max(1, classes - 1))
        if annotation["iscrowd"]:
            kept.append(annotation)
        elif lost >= missing:
            true = annotation["category_id"]
            other = (true - 1 + step) % classes + 1
            kept.append({**annotation, "category_id": other if mistaken < wrong else true})
    return kept
