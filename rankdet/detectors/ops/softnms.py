"""Soft-NMS (Bodla et al. 2017): overlapping boxes get a lower score instead of being dropped."""

import numpy as np
from torch import Tensor, from_numpy

from rankdet.detectors.ops.precision import wide

NAIVE, LINEAR, GAUSSIAN = 0, 1, 2


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Lowers the scores of overlapping boxes, from the highest score down.

    Boxes with equal scores are in mmcv's order: the best box is swapped to the front, and a box
    whose score falls below `min_score` is replaced by the last one. One difference: two empty boxes
    have IoU 0 with `gaussian`, too (in mmcv their scores become NaN).

    Args:
        boxes: (N, 4) as x1, y1, x2, y2.
        scores: (N,).
        dets: (N, 5), on the CPU. Its first K rows are overwritten with kept boxes and new scores.
        iou_threshold: If the IoU is at least this, method 0 drops the box and method 1 multiplies
            its score by `1 - IoU`.
        sigma: Width of the factor `exp(-IoU² / sigma)` of method 2.
        min_score: A box whose new score is lower is dropped.
        method: 0 naive, 1 linear, 2 gaussian.
        offset: 0, or 1 for boxes whose width is `x2 - x1 + 1`.

    Returns:
        Indices of the kept boxes (K,), int64, in the order of `dets`.
    """
    corners = wide(boxes).cpu().numpy()
    area = (corners[:, 2] - corners[:, 0] + offset) * (corners[:, 3] - corners[:, 1] + offset)
    table = np.vstack([corners.T, wide(scores).cpu().numpy(), area])
    index = np.arange(len(corners))
    i, n = 0, len(corners)
    while i < n:
        best = i + int(table[4, i:n].argmax())
        table[:, [i, best]] = table[:, [best, i]]
        index[[i, best]] = index[[best, i]]
        iou = _iou(table[:, i], table[:, i + 1 : n], offset)
        score = table[4, i + 1 : n]
        score *= _decay(iou, iou_threshold, sigma, method)
        n = i + 1 + _drop(table[:, i + 1 : n], index[i + 1 : n], score < min_score)
        i += 1
    dets[:n].copy_(from_numpy(table[:5, :n].T))
    return from_numpy(index[:n].copy())


def _iou(box: np.ndarray, rest: np.ndarray, offset: int) -> np.ndarray:
    width = np.minimum(box[2], rest[2]) - np.maximum(box[0], rest[0]) + offset
    height = np.minimum(box[3], rest[3]) - np.maximum(box[1], rest[1]) + offset
    inter = width.clip(0) * height.clip(0)
    union = box[5] + rest[5] - inter
    return np.divide(inter, union, out=np.zeros_like(inter), where=union != 0)


def _decay(iou: np.ndarray, threshold: float, sigma: float, method: int) -> np.ndarray:
    if method == GAUSSIAN:
        return np.exp(-(iou * iou) / sigma)
    return np.where(iou >= threshold, 0 if method == NAIVE else 1 - iou, 1).astype(iou.dtype)


def _drop(table: np.ndarray, index: np.ndarray, low: np.ndarray) -> int:
    """Replaces low boxes by the last good ones, in place; returns the number of good boxes."""
    n = len(low) - int(low.sum())
    holes = low[:n].nonzero()[0]
    movers = (n + (~low[n:]).nonzero()[0])[::-1]
    table[:, holes] = table[:, movers]
    index[holes] = index[movers]
    return n
