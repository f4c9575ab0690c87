"""What each detection is: a hit, or one of TIDE's kinds of errors; and which classes are confused.

TIDE: Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors", ECCV 2020,
section 2.2. Its kinds need the IoU with objects of other classes, which the table of matches does
not have. So this module also takes the boxes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rankdet.evaluation.coco.types import Bools, Floats, Ints
from rankdet.evaluation.metrics.matches import Matches
from rankdet.evaluation.metrics.nearest import pairs
from rankdet.evaluation.metrics.overlaps import box_iou

FOREGROUND, BACKGROUND = 0.5, 0.1  # IoU: an object is found; a detection shows no object
HIT, LOC, CLS, DUPE, BKG, BOTH, IGNORED = "hit", "Loc", "Cls", "Dupe", "Bkg", "Both", "ignored"
KINDS = (HIT, DUPE, LOC, CLS, BOTH, BKG)
EVERY_KIND = (*KINDS, IGNORED)


@dataclass(frozen=True)
class Boxes:
    """The boxes of a table of matches, as x, y, width and height in image pixels.

    Attributes:
        detections: (D, 4) in the order of `Matches.detections`.
        ground_truth: (G, 4) in the order of `Matches.ground_truth`.
    """

    detections: Floats
    ground_truth: Floats


@dataclass(frozen=True)
class Confusion:
    """How often objects of one class are detected as another, at IoU .5.

    Attributes:
        category_ids: (K,) the classes, in the order of rows and columns.
        counts: (K + 1, K + 1) rows are the classes of objects, columns those of detections. The
            last column counts missed objects, the last row detections that find no object.
    """

    category_ids: Ints
    counts: Ints


def error_kinds(matches: Matches, other: Floats) -> NDArray[np.uint8]:
    """Returns the kind of each detection, at IoU .5.

    Args:
        matches: Matches of boxes.
        other: (D,) the highest IoU of each detection with an object of another class; see
            `best_iou_with_others`. It is not used for hits and ignored detections.

    Returns:
        (D,) positions in `EVERY_KIND`; `IGNORED` is for a detection that matches a crowd or is
        outside of the annotated area. The kinds are tested in TIDE's order: badly placed (its best
        IoU with an object of its class is .1 to .5), wrong class (IoU .5 or more with an object of
        another class), duplicate, background (no IoU is above .1), both.
    """
    rows = matches.detections
    own = rows["best_iou"].to_numpy()
    highest = np.maximum(own, other)
    tests = {
        IGNORED: rows["ignored_all"].to_numpy() & 1 == 1,
        HIT: rows["true_all"].to_numpy() & 1 == 1,
        LOC: (own >= BACKGROUND) & (own < FOREGROUND),
        CLS: other >= FOREGROUND,
        DUPE: own >= FOREGROUND,
        BKG: highest <= BACKGROUND,
    }
    places = [np.uint8(EVERY_KIND.index(kind)) for kind in tests]
    return np.select(list(tests.values()), places, default=np.uint8(EVERY_KIND.index(BOTH)))


def confusion(matches: Matches, boxes: Boxes, kept: Bools) -> Confusion:
    """Counts which classes are confused.

    A detection that matches an object of its class keeps it. Then each of the other detections, by
    descending score, takes the object with the highest IoU that no detection has, if it is at least
    .5. Crowds and detections that match them do not count.

    Args:
        matches: Matches of boxes.
        boxes: Their boxes.
        kept: (D,) the detections that count, such as those that reach a threshold.
    """
    rows, truths = matches.detections, matches.ground_truth
    place = {int(k): i for i, k in enumerate(matches.category_ids)}
    none = len(place)
    true_class = truths["category_id"].map(place).to_numpy(dtype=np.int64)
    found_class = rows["category_id"].map(place).to_numpy(dtype=np.int64)
    partner = np.full(len(rows), -1)  # the object that a detection takes
    used = np.flatnonzero(kept & (rows["ignored_all"].to_numpy() & 1 == 0))
    hit = used[rows["true_all"].to_numpy()[used] & 1 == 1]
    row_of = {int(one): i for i, one in enumerate(truths["annotation"])}
    partner[hit] = [row_of[int(one)] for one in rows["annotation"].to_numpy()[hit]]
    free = ~truths["ignored_all"].to_numpy(dtype=bool)
    counts = np.zeros((none + 1, none + 1), dtype=np.int64)
    real = free.copy()
    free[partner[hit]] = False
    rest = used[partner[used] < 0]
    rest = rest[np.lexsort((rest, -rows["score"].to_numpy()[rest]))]
    _take_free(partner, free, rest, matches, boxes)
    paired = used[partner[used] >= 0]
    np.add.at(counts, (true_class[partner[paired]], found_class[paired]), 1)
    alone = found_class[used[partner[used] < 0]]
    counts[none] += np.bincount(alone, minlength=none + 1)
    taken = np.isin(np.arange(len(truths)), partner[paired])
    counts[:, none] += np.bincount(true_class[real & ~taken], minlength=none + 1)
    return Confusion(matches.category_ids, counts)


def _take_free(partner: Ints, free: Bools, rest: Ints, matches: Matches, boxes: Boxes) -> None:
    """Gives each of the detections `rest` the best free object of its image; changes the arrays."""
    objects = np.flatnonzero(free)
    images = matches.ground_truth["image_id"].to_numpy()[objects]
    order = np.argsort(images, kind="stable")
    objects, images = objects[order], images[order]
    found = []
    for _, _, part, at in pairs(matches.detections["image_id"].to_numpy()[rest], images):
        own, theirs = boxes.detections[rest[part]], boxes.ground_truth[objects[at]]
        iou = box_iou(own, theirs, np.zeros(len(part), dtype=bool))
        near = iou >= FOREGROUND
        found.append((part[near], objects[at[near]], iou[near]))
    if not found:
        return
    part, wanted, iou = map(np.concatenate, zip(*found, strict=True))
    order = np.lexsort((wanted, -iou, part))  # of equal IoUs the first object
    left = free.tolist()  # plain values are faster than arrays here
    last = -1
    for one, goal in zip(part[order].tolist(), wanted[order].tolist(), strict=True):
        if one != last and left[goal]:
            partner[rest[one]], left[goal], last = goal, False, one
    free[:] = left


def best_iou_with_others(matches: Matches, boxes: Boxes) -> Floats:
    """Returns (D,) the highest IoU of each detection with an object of another class, or 0.

    Args:
        matches: Matches of boxes.
        boxes: Their boxes.
    """
    rows, truths = matches.detections, matches.ground_truth
    objects = np.flatnonzero(~truths["crowd"].to_numpy(dtype=bool))
    images = truths["image_id"].to_numpy()[objects]
    order = np.argsort(images, kind="stable")
    objects, images = objects[order], images[order]
    best = np.zeros(len(rows))
    category, of_object = rows["category_id"].to_numpy(), truths["category_id"].to_numpy()
    for _, _, part, at in pairs(rows["image_id"].to_numpy(), images):
        at = objects[at]
        other = of_object[at] != category[part]
        part, at = part[other], at[other]
        iou = box_iou(
            boxes.detections[part], boxes.ground_truth[at], np.zeros(len(part), dtype=bool)
        )
        np.maximum.at(best, part, iou)
    return best
