"""SOLOv2, with classification and masks trained by a criterion.

SOLOv2 has no boxes. The criterion uses masks for localisation: the error of a positive is 1 - Dice,
its quality is the Dice coefficient (Rank & Sort Loss, supplement, Table S6). The boxes of the
detections are the bounding boxes of their masks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import torch
from mmdet.models.dense_heads import SOLOV2Head
from mmdet.registry import MODELS
from mmdet.structures.mask import mask2bbox
from mmdet.utils import reduce_mean
from torch import Tensor, nn

from rankdet.detectors.criterion_head import CriterionHead

CANDIDATES = 4  # times `nms_pre`: at test time, so many candidates get a mask


def configure(model: dict[str, Any], detector: Mapping[str, Any], criterion: Mapping) -> None:
    """Puts the criterion into the head. The card's `mask` has the balance of the Dice part."""
    card, head = criterion["card"], model["mask_head"]
    options = dict(card.get("mask") or {})
    balance = options.get("balance") or card.get("balance") or {"type": "none"}
    weight = options.get("weight") or 1.0
    if balance["type"] == "none":
        weight *= head["loss_mask"]["loss_weight"]  # SOLOv2's weight
    box = {"type": "dice", "weight": weight, "weighting": options.get("weighting", "none")}
    card = {**card, "box": box, "balance": balance}
    head["loss_mask"] = {**head["loss_mask"], "loss_weight": 1.0}
    head.update(type=detector["head"], criterion={**criterion, "card": card})


class Collector(nn.Module):
    """Replaces a loss of mmdet, and stores its values or its arguments.

    Args:
        loss: The loss whose values are stored. None: the arguments are stored.
    """

    def __init__(self, loss: nn.Module | None = None) -> None:
        super().__init__()
        self.loss = loss
        self.stored: list[Any] = []

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """Returns the value of the loss, or 0 if there is no loss."""
        if self.loss is None:
            self.stored.append(args)
            return args[0].sum() * 0
        value = self.loss(*args, **kwargs)
        self.stored.append(value)
        return value

    def take(self) -> list[Any]:
        """Returns and clears the stored values or arguments."""
        stored, self.stored = self.stored, []
        return stored


@MODELS.register_module()
class CriterionSOLOV2Head(CriterionHead, SOLOV2Head):
    """SOLOv2's head and assignment with any criterion."""

    loss_mask: Collector
    loss_cls: Collector

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.loss_mask, self.loss_cls = Collector(self.loss_mask), Collector()
        self._cells: list[list[list[int]]] = []

    def _get_targets_single(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Lets mmdet assign the targets of an image, and stores its positive cells per level."""
        targets = super()._get_targets_single(*args, **kwargs)
        self._cells.append(targets[-1])
        return targets

    def loss_by_feat(
        self,
        mlvl_kernel_preds: Sequence[Tensor],
        mlvl_cls_preds: Sequence[Tensor],
        mask_feats: Tensor,
        *args: Any,
        **kwargs: Any,
    ) -> dict[str, Tensor]:
        """Lets mmdet assign and predict masks, then applies the criterion to the whole batch."""
        self._cells = []
        super().loss_by_feat(mlvl_kernel_preds, mlvl_cls_preds, mask_feats, *args, **kwargs)
        [(logits, labels)] = self.loss_cls.take()
        errors = torch.cat([mask_feats.new_zeros(0), *self.loss_mask.take()])[self._rows()]
        count = reduce_mean(errors.new_full((), len(errors)))
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
        if not len(errors):  # keep the mask branch in the graph: DDP needs every gradient
            unused = mask_feats.sum() + sum(level.sum() for level in mlvl_kernel_preds)
            losses["loss_mask"] = losses["loss_mask"] + unused * 0
        return losses

    def _rows(self) -> list[int]:
        """Returns, for each positive cell in order, the index of its mask among mmdet's masks.

        Cells are ordered by level, then by image. If several objects have the same cell, the last
        one gets it, as for the label.
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
        self,
        kernel_preds: Tensor,
        cls_scores: Tensor,
        mask_feats: Tensor,
        img_meta: Mapping[str, Any],
        cfg: Mapping[str, Any] | None = None,
    ) -> Any:
        """Lets mmdet predict from the best candidates, and adds the bounding box of each mask."""
        limit = CANDIDATES * (cfg or self.test_cfg)["nms_pre"]
        if cls_scores.numel() > limit:  # masks of all candidates would need too much memory
            least = cls_scores.flatten().topk(limit).values[-1]
            cls_scores = cls_scores * (cls_scores >= least)
        found = super()._predict_by_feat_single(kernel_preds, cls_scores, mask_feats, img_meta, cfg)
        if len(found.masks):
            found.bboxes = mask2bbox(found.masks).to(found.scores.dtype)
        found.labels = found.labels.long()
        return found
