"""SOLOv2 whose classification and masks are trained by a criterion.

It has no boxes: the positives' masks are what a criterion sees as localisation, their error
1 - Dice and their quality the Dice coefficient (Rank & Sort Loss, supplement, Table S6). The boxes
of its detections are those around their masks.
"""

from collections.abc import Mapping
from itertools import accumulate
from typing import Any

import torch
from mmdet.models.dense_heads import SOLOV2Head
from mmdet.registry import MODELS
from mmdet.structures.mask import mask2bbox
from mmdet.utils import reduce_mean
from torch import Tensor, nn

from rankdet.detectors.criterion_head import CriterionHead

MOST = 4  # times `nms_pre`: candidates whose masks are computed at test time


def configure(model: dict[str, Any], detector: Mapping[str, Any], criterion: Mapping) -> None:
    """Puts the criterion into the head; the card's `mask` says how its Dice part is balanced."""
    card, head = criterion["card"], model["mask_head"]
    options = dict(card.get("mask") or {})
    balance = options.get("balance") or card.get("balance") or {"type": "none"}
    weight = options.get("weight") or 1.0
    if balance["type"] == "none":
        weight *= head["loss_mask"]["loss_weight"]  # SOLOv2's own
    box = {"type": "dice", "weight": weight, "weighting": options.get("weighting", "none")}
    card = {**card, "box": box, "balance": balance}
    head["loss_mask"] = {**head["loss_mask"], "loss_weight": 1.0}
    head.update(type=detector["head"], criterion={**criterion, "card": card})


class Collector(nn.Module):
    """Stands where mmdet expects a loss and keeps what it is called with.

    Args:
        loss: Gives the value that is kept; none: the arguments are.
    """

    def __init__(self, loss: nn.Module | None = None) -> None:
        super().__init__()
        self.loss = loss
        self.kept: list[Any] = []

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """Returns what mmdet goes on with."""
        if self.loss is None:
            self.kept.append(args)
            return args[0].sum() * 0
        value = self.loss(*args, **kwargs)
        self.kept.append(value)
        return value

    def taken(self) -> list[Any]:
        """Returns what was kept since the last call."""
        kept, self.kept = self.kept, []
        return kept


@MODELS.register_module()
class CriterionSOLOV2Head(CriterionHead, SOLOV2Head):
    """SOLOv2's head and assignment with any criterion."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.loss_mask, self.loss_cls = Collector(self.loss_mask), Collector()
        self._cells: list[list[list[int]]] = []

    def _get_targets_single(self, *args: Any, **kwargs: Any) -> tuple:
        """Lets mmdet assign an image, and takes note of its positive cells on each level."""
        targets = super()._get_targets_single(*args, **kwargs)
        self._cells.append(targets[-1])
        return targets

    def loss_by_feat(
        self, mlvl_kernel_preds, mlvl_cls_preds, mask_feats, *args: Any, **kwargs: Any
    ) -> dict[str, Tensor]:
        """Lets mmdet assign and predict masks, then applies the criterion to the whole batch."""
        self._cells = []
        super().loss_by_feat(mlvl_kernel_preds, mlvl_cls_preds, mask_feats, *args, **kwargs)
        [(logits, labels)] = self.loss_cls.taken()
        errors = torch.cat([mask_feats.new_zeros(0), *self.loss_mask.taken()])[self._rows()]
        count = reduce_mean(errors.new_tensor(len(errors)))
        no_boxes = errors.new_zeros(len(errors), 4)
        extras = {
            "mask_errors": errors,
            "dice": 1 - errors.detach(),
            "image_index": self._images(labels.device),
            "avg_factor": count.clamp(min=1),
            "cls_avg_factor": count + 1,
        }
        ignore = torch.zeros_like(labels, dtype=torch.bool)
        losses = self.apply_criterion(logits, labels, ignore, no_boxes, no_boxes, extras)
        losses["loss_mask"] = losses.pop("loss_bbox")
        if not len(errors):  # keep the mask branch in the graph: DDP wants every gradient
            unused = mask_feats.sum() + sum(level.sum() for level in mlvl_kernel_preds)
            losses["loss_mask"] = losses["loss_mask"] + unused * 0
        return losses

    def _rows(self) -> list[int]:
        """Returns which of mmdet's masks belongs to each positive cell, in the cells' order.

        Cells count level by level, in a level image by image; a cell that several objects claim
        is the last one's, as its label is.
        """
        sizes = [side * side for side in self.num_grids]
        starts = [0, *accumulate(size * len(self._cells) for size in sizes)]
        order = [
            starts[level] + image * size + cell
            for level, size in enumerate(sizes)
            for image, cells in enumerate(self._cells)
            for cell in cells[level]
        ]
        found = {cell: row for row, cell in enumerate(order)}
        return [found[cell] for cell in sorted(found)]

    def _images(self, device: Any) -> Tensor:
        images = torch.arange(len(self._cells), device=device)
        return torch.cat([images.repeat_interleave(side * side) for side in self.num_grids])

    def _predict_by_feat_single(
        self, kernel_preds, cls_scores, mask_feats, img_meta, cfg=None
    ) -> Any:
        """Lets mmdet predict from the best candidates, and gives each mask the box around it."""
        limit = MOST * (cfg or self.test_cfg)["nms_pre"]
        if cls_scores.numel() > limit:  # a mask for each would not fit into memory
            least = cls_scores.flatten().topk(limit).values[-1]
            cls_scores = cls_scores * (cls_scores >= least)
        found = super()._predict_by_feat_single(kernel_preds, cls_scores, mask_feats, img_meta, cfg)
        if len(found.masks):
            found.bboxes = mask2bbox(found.masks).to(found.scores.dtype)
        found.labels = found.labels.long()
        return found
