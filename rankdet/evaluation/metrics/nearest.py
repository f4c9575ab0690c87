"""The object of its own class, and of other classes, with which a detection overlaps most.

The table of matches has only the objects that a detection finds. TIDE's kinds of errors also need
objects of other classes, and IoUs below .5.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rankdet.evaluation.coco.types import Detections, Floats, GroundTruth, Ints
from rankdet.evaluation.metrics.matches import Matches
from rankdet.evaluation.metrics.overlaps import pair_iou

MOST_PAIRS = 1 << 20  # at a time: limits the memory


@dataclass(frozen=True)
class Nearest:
    """The highest IoU of each false positive at IoU .5, and with which object.

    Attributes:
        rows: (N,) rows of `Matches.detections`: those that are false positives.
        own: (N,) with an object or crowd of its class; 0 without one.
        own_object: (N,) the row of that object in the table of matches, -1 without one.
        other: (N,) with an object of another class; 0 without one.
        other_object: (N,) the row of that object, -1 without one.
    """

    rows: Ints
    own: Floats
    own_object: Ints
    other: Floats
    other_object: Ints


def nearest_objects(ground_truth: GroundTruth, detections: Detections, matches: Matches) -> Nearest:
    """Finds the nearest objects of all false positives at IoU .5.

    Args:
        ground_truth: The annotations.
        detections: The detections.
        matches: Their matches.
    """
    found, truths = matches.detections, matches.ground_truth
    rows = np.flatnonzero((found["true_all"] & 1 == 0) & (found["ignored_all"] & 1 == 0))
    det = file_rows(detections, matches)[rows]
    by_image = np.argsort(detections.image[det], kind="stable")
    det = det[by_image]
    by_id = np.argsort(ground_truth.ids, kind="stable")
    gt = by_id[np.searchsorted(ground_truth.ids[by_id], truths["annotation"].to_numpy())]
    # Of equal IoUs hotcoco takes the first object by class, crowds last, then by file.
    keys = gt, ground_truth.crowd[gt], ground_truth.category[gt], ground_truth.image[gt]
    order = np.lexsort(keys)
    gt = gt[order]
    own, other = np.zeros(len(rows)), np.zeros(len(rows))
    own_object, other_object = np.full(len(rows), -1), np.full(len(rows), -1)
    for start, stop, part, at in pairs(detections.image[det], ground_truth.image[gt]):
        if len(part) == 0:
            continue
        iou = pair_iou(ground_truth, detections, det[part], gt[at], matches.iou_type)
        same = detections.category[det[part]] == ground_truth.category[gt[at]]
        others = ~same & ~ground_truth.crowd[gt[at]]
        counts, places = np.bincount(part - start, minlength=stop - start), by_image[start:stop]
        own[places], own_object[places] = _highest(iou * same, counts, order[at])
        other[places], other_object[places] = _highest(iou * others, counts, order[at])
    return Nearest(rows, own, own_object, other, other_object)


def file_rows(detections: Detections, matches: Matches) -> Ints:
    """Returns (D,) the row in `detections` of each detection of a table of matches."""
    row_at = np.zeros(int(detections.position.max(initial=-1)) + 1, dtype=np.int64)
    row_at[detections.position] = np.arange(len(detections))
    return row_at[matches.detections["detection"].to_numpy()]


def pairs(image: Ints, object_image: Ints) -> Iterator[tuple[int, int, Ints, Ints]]:
    """Yields all pairs of a detection and an object of its image, some detections at a time.

    Args:
        image: (N,) image of each detection.
        object_image: (G,) image of each object, ascending.

    Yields:
        The first detection and the end of those of this part; then (P,) detections, ascending, and
        (P,) objects, ascending for each detection.
    """
    first = np.searchsorted(object_image, image, side="left")
    count = np.searchsorted(object_image, image, side="right") - first
    ends = np.cumsum(count)
    start = 0
    while start < len(image):
        before = ends[start] - count[start]
        stop = max(start + 1, int(np.searchsorted(ends, before + MOST_PAIRS, side="right")))
        n = count[start:stop]
        offset = np.arange(n.sum()) - np.repeat(ends[start:stop] - n - before, n)
        part = np.repeat(np.arange(start, stop), n)
        yield start, stop, part, np.repeat(first[start:stop], n) + offset
        start = stop


def _highest(iou: Floats, counts: Ints, objects: Ints) -> tuple[Floats, Ints]:
    """Returns the highest IoU of each detection, and its first object; 0 and -1 without one.

    Args:
        iou: (P,) by detection, at least one.
        counts: (N,) how many of them each detection has.
        objects: (P,) the object of each.
    """
    best, which = np.zeros(len(counts)), np.full(len(counts), -1)
    some = np.flatnonzero(counts)
    best[some] = np.maximum.reduceat(iou, (np.cumsum(counts) - counts)[some])
    at = np.flatnonzero((iou > 0) & (iou == np.repeat(best, counts)))
    found, first = np.unique(np.repeat(np.arange(len(counts)), counts)[at], return_index=True)
    which[found] = objects[at[first]]
    return best, which
