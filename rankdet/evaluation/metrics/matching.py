"""Matches detections with ground truth once; every metric is a function of the `Matches`.

The rules are those of COCO's evaluation (pycocotools). Within an image and class, detections are
processed by descending score. Each takes the free ground truth with the highest IoU at or above the
threshold. Ground truth that counts comes before ground truth that is ignored (crowds, other areas).
A crowd can be taken any number of times. The 40 combinations of ten IoU thresholds and four area
ranges are the bits of one integer, so the time is linear in the number of overlapping pairs.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rankdet.evaluation.coco.types import Bools, Detections, Floats, GroundTruth, Ints
from rankdet.evaluation.metrics.lvis import federated_rows, open_groups, rank_in_group
from rankdet.evaluation.metrics.matches import (
    AREAS,
    FEDERATED_MAX_DETECTIONS,
    IOU_THRESHOLDS,
    MAX_DETECTIONS,
    Matches,
)
from rankdet.evaluation.metrics.overlaps import overlapping_pairs

_T = len(IOU_THRESHOLDS)
_ALL_THRESHOLDS = (1 << _T) - 1
_EVERYTHING = (1 << (_T * len(AREAS))) - 1


def match(
    ground_truth: GroundTruth,
    detections: Detections,
    iou_type: str = "bbox",
) -> Matches:
    """Matches detections with ground truth, for all IoU thresholds and area ranges.

    The 100 detections with the highest scores of each image and class are considered. For federated
    annotations they are the 300 of each image, without classes for which it is not annotated.

    Args:
        ground_truth: the annotations.
        detections: the detections, over the same images and categories.
        iou_type: "bbox" or "segm".

    Returns:
        One row per considered detection and one per ground truth; see `matches`.
    """
    images = max(len(ground_truth.image_ids), 1)
    group = detections.category * images + detections.image
    order = _by_group_and_score(group, detections.score)
    federated = ground_truth.federated is not None
    limit = FEDERATED_MAX_DETECTIONS if federated else MAX_DETECTIONS
    if federated:
        order = order[np.isin(order, federated_rows(ground_truth, detections, limit))]
    rank = rank_in_group(group[order])
    order, rank = order[rank < limit], rank[rank < limit]
    gt_group = ground_truth.category * images + ground_truth.image
    gt_order = np.argsort(gt_group, kind="stable")

    det, gt, iou, best_iou = overlapping_pairs(
        ground_truth, detections, order, gt_order, group[order], gt_group[gt_order], iou_type
    )
    crowd = ground_truth.crowd[gt_order]
    ignored = _ignored_bits(ground_truth.area[gt_order], crowd)
    true, ignore, matched, iou_of = _assign(det, gt, iou, ignored, crowd, len(order))
    outside = _outside_bits(detections.area[order])
    if federated:
        outside[np.isin(group[order], open_groups(ground_truth))] = _EVERYTHING
    ignore |= outside & ~(true | ignore)

    frame = {
        "image_id": ground_truth.image_ids[detections.image[order]],
        "category_id": ground_truth.category_ids[detections.category[order]],
        "detection": detections.position[order],
        "score": detections.score[order],
        "rank": rank.astype(np.int32),
        "area": detections.area[order],
        "annotation": np.where(
            matched >= 0, ground_truth.ids[gt_order][matched] if len(gt_order) else -1, -1
        ),
        "iou": iou_of,
        "best_iou": best_iou,
    }
    gt_frame = {
        "image_id": ground_truth.image_ids[ground_truth.image[gt_order]],
        "category_id": ground_truth.category_ids[ground_truth.category[gt_order]],
        "annotation": ground_truth.ids[gt_order],
        "area": ground_truth.area[gt_order],
        "crowd": crowd,
        "detection": _taken_by(matched, ignored, detections.position[order], len(gt_order)),
    }
    for a, area in enumerate(AREAS):
        frame[f"true_{area}"] = _thresholds(true, a)
        frame[f"ignored_{area}"] = _thresholds(ignore, a)
        gt_frame[f"ignored_{area}"] = (ignored >> (_T * a)) & 1 == 1
    return Matches(
        detections=pd.DataFrame(frame, copy=False),
        ground_truth=pd.DataFrame(gt_frame),
        image_ids=ground_truth.image_ids,
        category_ids=ground_truth.category_ids,
        names=ground_truth.names,
        frequency=ground_truth.frequency,
        iou_type=iou_type,
        max_detections=limit,
        notes=[*ground_truth.notes, *detections.notes],
    )


def _by_group_and_score(group: Ints, score: Floats) -> Ints:
    """Returns the order by group and descending score; ties stay in the order of the file."""
    by_score = np.argsort(-score, kind="stable")
    bits = max(len(score) - 1, 0).bit_length()
    if int(group.max(initial=0)).bit_length() + bits > 63:
        return by_score[np.argsort(group[by_score], kind="stable")]
    # Sorting plain integers, each a group and a rank, is several times faster than sorting rows.
    keys = group[by_score] << bits
    keys |= np.arange(len(score))
    keys.sort()
    keys &= (1 << bits) - 1
    return np.asarray(by_score[keys])


def _outside_bits(area: Floats) -> Ints:
    """Returns for each area (N,) the bits, at all thresholds, of the ranges that exclude it."""
    bits = np.zeros(len(area), dtype=np.int64)
    for a, (low, high) in enumerate(AREAS.values()):
        bits |= np.where((area < low) | (area > high), _ALL_THRESHOLDS << (_T * a), 0)
    return bits


def _ignored_bits(area: Floats, crowd: Bools) -> Ints:
    return np.where(crowd, _EVERYTHING, _outside_bits(area))


def _assign(
    det: Ints, gt: Ints, iou: Floats, ignored: Ints, crowd: Bools, count: int
) -> tuple[Ints, Ints, Ints, Floats]:
    """Assigns pairs greedily.

    Args:
        det: (P,) row of the detection; within a group, scores descend as rows ascend.
        gt: (P,) row of the ground truth; within a group in the order of the file.
        iou: (P,) IoU of the pair, at least .5.
        ignored: (G,) bits for which a ground truth is ignored.
        crowd: (G,) True for crowds.
        count: number of detections, D.

    Returns:
        (D,) bits for which a detection is a true positive, (D,) bits for which it is matched with
        ignored ground truth, (D,) row of its ground truth at IoU .5 over all areas or -1, (D,) the
        IoU of that match or NaN.
    """
    true = np.zeros(count, dtype=np.int64)
    ignore = np.zeros(count, dtype=np.int64)
    matched = np.full(count, -1, dtype=np.int64)
    iou_of = np.full(count, np.nan)
    if len(det) == 0:
        return true, ignore, matched, iou_of
    # Highest IoU first; for equal IoUs pycocotools takes the last ground truth in the file.
    order = np.lexsort((-gt, -iou, det))
    det, gt, iou = det[order], gt[order], iou[order]
    passed = np.searchsorted(np.minimum(IOU_THRESHOLDS, 1 - 1e-10), iou, side="right")
    one_area = (np.int64(1) << passed) - 1
    allowed = sum(one_area << (_T * a) for a in range(len(AREAS)))
    starts = np.flatnonzero(np.r_[True, det[1:] != det[:-1]])
    stops = np.r_[starts[1:], len(det)]
    # Bits that a pair can claim as a match that counts, and as an ignored match; never the same.
    counting, ignoring = allowed & ~ignored[gt], allowed & ignored[gt]
    # Plain integers are faster than arrays here, because each step depends on the step before.
    free, is_crowd = [_EVERYTHING] * len(ignored), crowd.tolist()
    pairs = list(zip(gt.tolist(), counting.tolist(), ignoring.tolist(), strict=True))
    of_true, of_ignored, of_first = [], [], []
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        if stop == start + 1:  # a single pair: the most frequent case
            g, true_bits, ignored_bits = pairs[start]
            left = free[g]
            true_bits &= left
            if not is_crowd[g]:
                ignored_bits &= left
                free[g] = left ^ true_bits ^ ignored_bits
            first = start if (true_bits | ignored_bits) & 1 else -1
        else:
            true_bits, ignored_bits, first = _claim(pairs, start, stop, free, is_crowd)
        of_true.append(true_bits)
        of_ignored.append(ignored_bits)
        of_first.append(first)
    rows, first_pair = det[starts], np.array(of_first)
    true[rows], ignore[rows] = of_true, of_ignored
    hit = first_pair >= 0
    matched[rows[hit]], iou_of[rows[hit]] = gt[first_pair[hit]], iou[first_pair[hit]]
    return true, ignore, matched, iou_of


def _claim(
    pairs: list[tuple[int, int, int]], start: int, stop: int, free: list[int], is_crowd: list[bool]
) -> tuple[int, int, int]:
    """Matches one detection: highest IoU first, ground truth that counts before ignored ones.

    Args:
        pairs: ground truth, the bits for which it counts, and the bits for which it is ignored.
        start: the first pair of the detection.
        stop: the end of its pairs.
        free: bits for which each ground truth is not taken; claimed bits are removed.
        is_crowd: whether each ground truth is a crowd, which always stays free.

    Returns:
        The bits of true positives, the bits of ignored matches, and the pair that is matched at IoU
        .5 over all areas, or -1.
    """
    true_bits, ignored_bits, first = 0, 0, -1
    for p in range(start, stop):
        g, bits, _ = pairs[p]
        claim = bits & free[g] & ~true_bits
        if claim:
            free[g] ^= claim
            true_bits |= claim
            if claim & 1:
                first = p
    for p in range(start, stop):
        g, _, bits = pairs[p]
        claim = bits & ~true_bits & ~ignored_bits
        if claim and not is_crowd[g]:
            claim &= free[g]
            free[g] ^= claim
        ignored_bits |= claim
        if claim & 1:
            first = p
    return true_bits, ignored_bits, first


def _taken_by(matched: Ints, ignored: Ints, position: Ints, count: int) -> Ints:
    """Returns (G,) the detection that matches each ground truth at IoU .5; -1 without a match."""
    taken = np.full(count, -1, dtype=np.int64)
    hit = np.flatnonzero(matched >= 0)
    hit = hit[(ignored[matched[hit]] & 1) == 0]
    taken[matched[hit]] = position[hit]
    return taken


def _thresholds(bits: Ints, area: int) -> NDArray[np.uint16]:
    return ((bits >> (_T * area)) & _ALL_THRESHOLDS).astype(np.uint16)
