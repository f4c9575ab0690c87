"""IoU of detections with the ground truth of the same image and class, for all groups at once.

The operations on boxes are those of pycocotools' `maskApi.c` in the same order, so that IoUs are
the same to the last bit. The IoUs of masks are computed by pycocotools.
"""

import numpy as np

from rankdet.evaluation.coco.types import Bools, Detections, Floats, GroundTruth, Ints
from rankdet.evaluation.metrics.matches import IOU_THRESHOLDS

_CHUNK = 1 << 20  # pairs at a time: limits the memory


def box_iou(detection: Floats, ground_truth: Floats, crowd: Bools) -> Floats:
    """Returns the IoU of each pair of boxes.

    Args:
        detection: (P, 4) x, y, width, height.
        ground_truth: (P, 4) x, y, width, height.
        crowd: (P,) if True, the intersection is divided by the area of the detection.

    Returns:
        (P,) in [0, 1].
    """
    dx, dy, dw, dh = detection.T
    gx, gy, gw, gh = ground_truth.T
    width = np.minimum(dw + dx, gw + gx) - np.maximum(dx, gx)
    height = np.minimum(dh + dy, gh + gy) - np.maximum(dy, gy)
    area = dw * dh
    inside = np.where((width > 0) & (height > 0), width * height, 0.0)
    union = np.where(crowd, area, area + gw * gh - inside)
    return np.divide(inside, union, out=np.zeros_like(inside), where=(inside > 0) & (union > 0))


def overlapping_pairs(
    ground_truth: GroundTruth,
    detections: Detections,
    order: Ints,
    gt_order: Ints,
    group: Ints,
    gt_group: Ints,
    iou_type: str,
) -> tuple[Ints, Ints, Floats, Floats]:
    """Finds all pairs within a group whose IoU reaches the lowest threshold.

    Args:
        ground_truth: the annotations.
        detections: the detections.
        order: (D,) rows of `detections` to use, by group.
        gt_order: (G,) rows of `ground_truth`, by group.
        group: (D,) group of each detection, ascending.
        gt_group: (G,) group of each ground truth, ascending.
        iou_type: "bbox" or "segm".

    Returns:
        (P,) indices into `order`, (P,) indices into `gt_order`, (P,) IoUs, and (D,) the highest IoU
        of each detection with a ground truth of its group that is not a crowd (0 without one).
    """
    first = np.searchsorted(gt_group, group, side="left")
    count = np.searchsorted(gt_group, group, side="right") - first
    best = np.zeros(len(order))
    parts: list[tuple[Ints, Ints, Floats]] = []
    ends = np.cumsum(count)
    start = 0
    while start < len(order):
        done = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, done + _CHUNK, side="right")), start + 1)
        n = count[start:stop]
        det = np.repeat(np.arange(start, stop), n)
        gt = np.arange(len(det)) - np.repeat(np.cumsum(n) - n, n) + np.repeat(first[start:stop], n)
        if len(det):
            iou = pair_iou(ground_truth, detections, order[det], gt_order[gt], iou_type)
            plain = ~ground_truth.crowd[gt_order[gt]]
            np.maximum.at(best, det[plain], iou[plain])
            near = iou >= IOU_THRESHOLDS[0]
            parts.append((det[near], gt[near], iou[near]))
        start = stop
    empty = np.zeros(0, dtype=np.int64)
    parts.append((empty, empty, np.zeros(0)))
    det, gt, iou = (np.concatenate(column) for column in zip(*parts, strict=True))
    return det, gt, iou, best


def pair_iou(
    ground_truth: GroundTruth, detections: Detections, det: Ints, gt: Ints, iou_type: str
) -> Floats:
    """Returns the IoU of each pair of a detection and a ground truth.

    Args:
        ground_truth: the annotations.
        detections: the detections.
        det: (P,) rows of `detections`; pairs of a detection are neighbours.
        gt: (P,) rows of `ground_truth`. Two detections are paired with the same
            objects, or with no common one.
        iou_type: "bbox" or "segm".
    """
    crowd = ground_truth.crowd[gt]
    if iou_type == "bbox":
        return box_iou(detections.boxes[det], ground_truth.boxes[gt], crowd)
    from pycocotools import mask as coco_mask

    assert detections.masks is not None and ground_truth.masks is not None
    iou = np.empty(len(det))
    starts = np.flatnonzero(np.r_[True, det[1:] != det[:-1]]) if len(det) else det
    # Neighbours with the same ground truth in one call: it decodes each mask once.
    blocks = np.flatnonzero(np.r_[True, gt[starts[1:]] != gt[starts[:-1]]]) if len(det) else det
    for block, after in zip(blocks, np.r_[blocks[1:], len(starts)], strict=True):
        start = starts[block]
        stop = starts[after] if after < len(starts) else len(det)
        own = [detections.masks[one] for one in det[starts[block:after]]]
        part = slice(start, start + (stop - start) // len(own))
        masks = [ground_truth.masks[g] for g in gt[part]]
        found = coco_mask.iou(own, masks, crowd[part].astype(int).tolist())
        iou[start:stop] = np.asarray(found).ravel()
    return iou
