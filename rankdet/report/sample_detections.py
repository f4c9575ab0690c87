"""Which detections of a run are drawn on images, chosen from its table of matches."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rankdet.evaluation.coco.types import Ints
from rankdet.evaluation.shown import MIN_BOXES, WITHOUT_THRESHOLD
from rankdet.report.sample_files import Split

COLUMNS = ("detection", "category_id", "score", "annotation", "ignored_all", "iou", "best_iou")


@dataclass(frozen=True)
class OfImage:
    """The detections that are drawn on one image.

    Attributes:
        rows: a dict with `COLUMNS` for each, highest score first.
        hidden: how many others reach the threshold of their class.
    """

    rows: tuple[Mapping[str, Any], ...]
    hidden: int


@dataclass(frozen=True)
class Chosen:
    """The detections of some images.

    Attributes:
        images: what is drawn on each, in the order of the split.
        positions: (D,) positions in the file of detections of all detections of these images.
    """

    images: tuple[OfImage, ...]
    positions: Ints


def chosen_detections(rows: pd.DataFrame, split: Split, limits: Mapping[int, float]) -> Chosen:
    """Chooses on each image the detections that reach the threshold of their class.

    A report does this for thousands of images, so it uses arrays: a row of pandas costs more than
    all detections of an image.

    Args:
        rows: the detections of a table of matches.
        split: the images with their annotations.
        limits: threshold by category id; a class without one has no detection here. If no class
            has one, the `WITHOUT_THRESHOLD` detections with the highest scores of an image count.
    """
    near = rows["image_id"].isin([image["id"] for image in split.images]).to_numpy()
    table = {name: rows[name].to_numpy()[near] for name in ("image_id", *COLUMNS)}
    classes = table["category_id"]
    lowest = np.full(len(classes), np.inf if limits else -np.inf)
    for category, limit in limits.items():
        lowest[classes == category] = limit
    images = []
    for image in split.images:
        own = np.flatnonzero(table["image_id"] == image["id"])
        own = own[np.lexsort((table["detection"][own], -table["score"][own]))]
        counted = own[table["score"][own] >= lowest[own]]
        counted = counted if limits else counted[:WITHOUT_THRESHOLD]
        kept = counted[: max(MIN_BOXES, 2 * len(split.annotations[image["id"]]))]
        values = zip(*(table[name][kept].tolist() for name in COLUMNS), strict=True)
        drawn = tuple(dict(zip(COLUMNS, row, strict=True)) for row in values)
        images.append(OfImage(drawn, len(counted) - len(kept)))
    return Chosen(tuple(images), table["detection"])
