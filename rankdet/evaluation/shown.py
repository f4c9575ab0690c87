"""What a report shows of single detections, kept by the evaluation in `shown.kept`.

A file of detections is large: a report would read hundreds of MB for some boxes. The evaluation has
all of them in memory. So it keeps the kind of each detection, the confused classes, and the boxes
of the detections that a page may draw on any image.

A file that was cut, edited or renamed, or that belongs to other matches or thresholds, counts as
missing. Then a report reads the detections, with the same result.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from rankdet.evaluation.coco.types import Bools, Detections, Floats, GroundTruth, Ints
from rankdet.evaluation.metrics.error_kinds import (
    EVERY_KIND,
    Boxes,
    Confusion,
    confusion,
    error_kinds,
)
from rankdet.evaluation.metrics.lvis import rank_in_group
from rankdet.evaluation.metrics.matches import Matches
from rankdet.evaluation.metrics.nearest import Nearest, file_rows
from rankdet.evaluation.metrics.operating_point import kept_rows
from rankdet.kept import keep, kept

SCHEMA = "rankdet.shown/1"
MIN_BOXES = 10  # detections drawn on an image at most; twice the number of objects, if that is more
WITHOUT_THRESHOLD = 10  # detections that count on an image if no class has a threshold
OF_DETECTIONS = (
    *("image_id", "category_id", "detection", "score", "annotation", "best_iou"),
    *("true_all", "ignored_all"),
)
OF_OBJECTS = ("image_id", "category_id", "annotation", "ignored_all")


@dataclass(frozen=True)
class Shown:
    """What pages show of the detections of a run on one split.

    Attributes:
        kinds: (D,) position in `EVERY_KIND` of the kind of each detection of the matches.
        confusion: The confused classes, of detections that reach the threshold of their class.
        positions: (N,) ascending: positions in the file of the detections that a page may draw.
        boxes: (N, 4) their boxes: x, y, width and height in image pixels.
    """

    kinds: NDArray[np.uint8]
    confusion: Confusion
    positions: Ints
    boxes: Floats


def limits_of_classes(per_class: Mapping[str, Mapping[str, Any]]) -> dict[int, float]:
    """Returns the LRP-optimal threshold of each class that has one, by category id.

    Args:
        per_class: The metrics of each class, as in `metrics.json`.
    """
    known = {int(k): found.get("lrp_threshold") for k, found in per_class.items()}
    return {category: float(value) for category, value in known.items() if value is not None}


def shown_of(
    ground_truth: GroundTruth,
    detections: Detections,
    matches: Matches,
    near: Nearest,
    limits: Mapping[int, float],
) -> Shown:
    """Chooses what pages show of detections.

    Args:
        ground_truth: The annotations.
        detections: The detections.
        matches: Their matches, of boxes.
        near: The nearest objects of their false positives.
        limits: LRP-optimal threshold by category id, of the classes that have one.
    """
    rows = file_rows(detections, matches)
    by_id = np.argsort(ground_truth.ids)
    objects = matches.ground_truth["annotation"].to_numpy()
    truths = by_id[np.searchsorted(ground_truth.ids, objects, sorter=by_id)]
    boxes = Boxes(detections.boxes[rows], ground_truth.boxes[truths])
    other = np.zeros(len(rows))
    other[near.rows] = near.other
    drawn = np.flatnonzero(_drawn(matches, limits))
    positions = matches.detections["detection"].to_numpy()[drawn]
    order = np.argsort(positions)
    return Shown(
        kinds=error_kinds(matches, other),
        confusion=confusion(matches, boxes, kept_rows(matches, limits)),
        positions=positions[order],
        boxes=boxes.detections[drawn[order]],
    )


def _drawn(matches: Matches, limits: Mapping[int, float]) -> Bools:
    """Returns (D,) whether a page may draw a detection: the best of each image, as far as drawn."""
    rows = matches.detections
    image, score = rows["image_id"].to_numpy(), rows["score"].to_numpy()
    lowest = rows["category_id"].map(limits).fillna(np.inf).to_numpy() if limits else -np.inf
    counted = np.flatnonzero(score >= lowest)
    counted = counted[
        np.lexsort((rows["detection"].to_numpy()[counted], -score[counted], image[counted]))
    ]
    objects = matches.ground_truth["image_id"].value_counts()
    own = objects.reindex(image[counted], fill_value=0).to_numpy()
    most = np.maximum(MIN_BOXES, 2 * own) if limits else np.full(len(own), WITHOUT_THRESHOLD)
    drawn = np.zeros(len(rows), dtype=bool)
    drawn[counted[rank_in_group(image[counted]) < most]] = True
    return drawn


def write_shown(shown: Shown, matches: Matches, limits: Mapping[int, float], path: Path) -> None:
    """Writes what pages show of the detections of matches.

    Raises:
        OSError: If it cannot be written.
    """
    content = io.BytesIO()
    np.savez(
        content,
        of=_digest(matches, limits),
        kinds=shown.kinds,
        confusion=shown.confusion.counts,
        positions=shown.positions,
        boxes=shown.boxes,
    )
    keep(path, content.getvalue())


def read_shown(path: Path, matches: Matches, limits: Mapping[int, float]) -> Shown | None:
    """Reads what pages show of the detections of matches.

    Args:
        path: The file that `write_shown` wrote.
        matches: The matches that the page shows.
        limits: The thresholds that the page shows, by category id.

    Returns:
        None if there is no such file, it was changed, or it is of other matches or thresholds.
    """
    found = kept(path)
    if found is None:
        return None
    try:
        with np.load(io.BytesIO(found), allow_pickle=False) as content:
            if str(content["of"]) != _digest(matches, limits):
                return None
            counts = content["confusion"]
            shown = Shown(
                content["kinds"],
                Confusion(matches.category_ids, counts),
                content["positions"],
                content["boxes"],
            )
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile):
        return None
    return shown if _fits(shown, matches) else None


def _fits(shown: Shown, matches: Matches) -> bool:
    """Whether arrays have their forms: everyone can compute the checksum of a file."""
    count, classes = len(matches.detections), len(matches.category_ids) + 1
    forms = (
        (shown.kinds, np.uint8, (count,)),
        (shown.confusion.counts, np.int64, (classes, classes)),
        (shown.positions, np.int64, (len(shown.positions),)),
        (shown.boxes, np.float64, (len(shown.positions), 4)),
    )
    return (
        all(array.dtype == kind and array.shape == form for array, kind, form in forms)
        and bool((shown.kinds < len(EVERY_KIND)).all())
        and bool(np.isfinite(shown.boxes).all() and (np.diff(shown.positions) > 0).all())
    )


def _digest(matches: Matches, limits: Mapping[int, float]) -> str:
    """Returns a hash of the matches and thresholds that a file belongs to."""
    known = sorted(limits.items())
    found = hashlib.sha256(f"{SCHEMA} {matches.iou_type} {known!r}\n".encode())
    for table, names in ((matches.detections, OF_DETECTIONS), (matches.ground_truth, OF_OBJECTS)):
        for name in names:
            found.update(np.ascontiguousarray(table[name].to_numpy()).data)
    return found.hexdigest()
