"""Greedy NMS, soft-NMS (Bodla et al. 2017) and NMS with matching, as in `mmcv._ext`.

Greedy NMS processes the boxes in blocks of descending score. The boxes of a block are compared with
each other; the kept ones are compared with the remaining boxes, and overlapping boxes are removed.
Removed boxes are not compared again. Boxes without a common x range are never compared: for example
boxes of different classes, which `batched_nms` moves apart.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from rankdet.detectors.ops import vision
from rankdet.detectors.ops.precision import wide
from rankdet.detectors.ops.softnms import softnms

__all__ = ["nms", "nms_match", "softnms"]

BLOCK = {"cpu": 256}  # boxes in a block; 2048 on other devices
TILE = 1 << 22  # largest number of pairs in memory at once
PART = 512  # smallest number of boxes in a part without common x range


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Greedy NMS: keeps the box with the highest score among overlapping boxes.

    A box is dropped if its IoU with a kept box of higher score is greater than the threshold. Boxes
    with equal scores are in the order of `Tensor.sort(descending=True)`, as in mmcv.

    Args:
        boxes: (N, 4) as x1, y1, x2, y2, any float type (half precision is compared in float32).
        scores: (N,).
        iou_threshold: IoU in [0, 1].
        offset: 0, or 1 for boxes whose width is `x2 - x1 + 1`.

    Returns:
        Indices of the kept boxes (K,), int64, by descending score.
    """
    order = scores.sort(dim=0, descending=True)[1]
    ranked = wide(boxes)[order]
    kernels = vision.kernels()
    if kernels is None or offset or not len(boxes):
        return order[_kept(ranked, iou_threshold, offset, inclusive=False)]
    # torchvision sorts again; whether its sort is stable depends on the version. Distinct scores
    # keep our order.
    ranks = torch.arange(len(order), 0, -1, device=order.device, dtype=ranked.dtype)
    threshold = torch.tensor(iou_threshold, dtype=ranked.dtype).item()  # it compares as double
    return order[kernels.nms(ranked, ranks, threshold)]


def nms_match(dets: Tensor, iou_threshold: float) -> list[list[int]]:
    """Groups each box with the kept box that drops it (Cao et al. 2020, PISA).

    Args:
        dets: (N, 5) as x1, y1, x2, y2, score.
        iou_threshold: A box is dropped if its IoU is greater than or equal to this.

    Returns:
        For each kept box, by descending score: its index, followed by the indices of the boxes that
        it dropped, by descending score.
    """
    order = dets[:, 4].sort(dim=0, descending=True)[1]
    boxes = wide(dets[:, :4])[order]
    kept = _kept(boxes, iou_threshold, 0, inclusive=True)
    dropped = (~kept).nonzero().squeeze(1)
    groups = [[index] for index in order[kept].tolist()]
    for some, hit in _tiles(boxes[kept], boxes, dropped, iou_threshold, 0, inclusive=True):
        owners = hit.byte().argmax(dim=0)  # the first of the maxima
        for owner, index in zip(owners.tolist(), order[some].tolist(), strict=True):
            groups[owner].append(index)
    return groups


def _kept(boxes: Tensor, threshold: float, offset: int, inclusive: bool) -> Tensor:
    """Returns which boxes greedy NMS keeps (N,), bool. The boxes must be in descending score."""
    kept = torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    block = BLOCK.get(boxes.device.type, 2048)
    for alive in _parts(boxes, threshold, offset):
        while alive.numel():
            head, alive = alive[:block], alive[block:]
            matrix = overlaps(boxes[head], boxes[head], threshold, offset, inclusive)
            head = head[_greedy(matrix)]
            kept[head] = True
            if not len(alive):  # else the host waits for a GPU to learn that nothing is left
                break
            tiles = _tiles(boxes[head], boxes, alive, threshold, offset, inclusive)
            alive = torch.cat([alive[:0], *(some[~hit.any(dim=0)] for some, hit in tiles)])
    return kept


def _greedy(overlap: Tensor) -> Tensor:
    """Returns the boxes that the greedy choice keeps of N in order, given the overlaps (N, N).

    Returns:
        Ascending indices, int64: a mask would have to be counted on the device.
    """
    below = overlap.triu(1).cpu().numpy()
    kept = np.ones(len(below), dtype=bool)
    for row in np.flatnonzero(below.any(axis=1)):
        if kept[row]:
            kept &= ~below[row]
    return torch.from_numpy(np.flatnonzero(kept)).to(overlap.device)


def _tiles(
    rows: Tensor, boxes: Tensor, columns: Tensor, threshold: float, offset: int, inclusive: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields parts of `columns` (indices of boxes) with their overlaps (rows, part), bool."""
    for some in columns.split(max(1, TILE // max(1, len(rows)))):
        yield some, overlaps(rows, boxes[some], threshold, offset, inclusive)


def overlaps(a: Tensor, b: Tensor, threshold: float, offset: int, inclusive: bool) -> Tensor:
    """Returns whether the IoU of each pair exceeds (if inclusive: or equals) the threshold.

    Two empty boxes have no IoU (0/0) and do not overlap.

    Args:
        a: (A, 4) xyxy.
        b: (B, 4) xyxy.
        threshold: IoU in [0, 1].
        offset: 0, or 1 for boxes whose width is `x2 - x1 + 1`.
        inclusive: Whether an IoU equal to the threshold counts as overlap.

    Returns:
        (A, B) bool.
    """
    ax1, ay1, ax2, ay2 = a.t().contiguous()[:, :, None]
    bx1, by1, bx2, by2 = b.t().contiguous()
    inter = torch.minimum(ax2, bx2).sub_(torch.maximum(ax1, bx1)).add_(offset).clamp_(min=0)
    inter *= torch.minimum(ay2, by2).sub_(torch.maximum(ay1, by1)).add_(offset).clamp_(min=0)
    union = (ax2 - ax1 + offset) * (ay2 - ay1 + offset) + (bx2 - bx1 + offset) * (
        by2 - by1 + offset
    )
    iou = inter.div_(union.sub_(inter))
    return iou >= threshold if inclusive else iou > threshold


def _parts(boxes: Tensor, threshold: float, offset: int) -> list[Tensor]:
    """Splits boxes into parts that have no common x range. Each part keeps the order."""
    everything = torch.arange(len(boxes), device=boxes.device)
    if len(boxes) <= PART or threshold <= 0 or boxes.device.type != "cpu":
        return [everything]
    left, by_left = boxes[:, 0].sort()
    reach = boxes[by_left, 2].cummax(dim=0)[0]
    cuts, last = [], 0
    gaps = ((reach[:-1] - left[1:]).add_(offset) <= 0).nonzero().squeeze(1) + 1
    for gap in gaps.tolist():
        if gap - last >= PART:
            cuts.append(gap)
            last = gap
    return [part.sort()[0] for part in by_left.tensor_split(cuts)]
