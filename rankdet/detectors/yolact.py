"""YOLACT whose classification, boxes and masks are trained by a criterion.

Its head is RetinaNet's with mask coefficients; a criterion over all anchors replaces the softmax
and its hard negatives. The mask loss stays YOLACT's, with the loss's own balance where its card
has one (Rank & Sort Loss), and the Dice coefficient of the masks may be the continuous label
(supplement, Table S6).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmdet.models.dense_heads import YOLACTHead, YOLACTProtonet
from mmdet.models.detectors import YOLACT
from mmdet.models.losses.dice_loss import dice_loss
from mmdet.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from rankdet.detectors.dense_anchor import CriterionAnchorHead
from rankdet.losses import build_balance

PRIOR = 0.01  # score of every class at the start; ranking losses start from a rare positive


def configure(model: dict[str, Any], detector: Mapping[str, Any], criterion: Mapping) -> None:
    """Puts the criterion into the box head, and the mask loss's weight and balance beside it."""
    options = dict(criterion["card"].get("mask") or {})
    head, masks = model["bbox_head"], model["mask_head"]
    start = {"type": "Normal", "name": "conv_cls", "std": 0.01, "bias_prob": PRIOR}
    layers = {"type": "Xavier", "distribution": "uniform", "bias": 0, "layer": "Conv2d"}
    head.update(
        type=detector["head"],
        criterion=criterion,
        use_ohem=False,
        loss_cls={"type": "CrossEntropyLoss", "use_sigmoid": True},  # one sigmoid a class
        init_cfg={**layers, "override": start},
    )
    masks.update(
        type=CriterionProtonet.__name__,
        loss_mask_weight=masks["loss_mask_weight"] * float(options.get("weight") or 1.0),
        balance=dict(options.get("balance") or {"type": "none"}),
    )
    model["type"] = CriterionYOLACT.__name__


@MODELS.register_module()
class CriterionYOLACTHead(CriterionAnchorHead, YOLACTHead):
    """YOLACT's head and assignment with any criterion.

    Attributes:
        waits: Whether `loss` only collects, for `finish` to go on once the masks are predicted.
    """

    waits = False

    def loss_by_feat_single(
        self, cls_score, bbox_pred, anchors, labels, label_weights, bbox_targets, _, avg_factor
    ):
        """Collects one level; mmdet's loop wants two values back."""
        self.collect(cls_score, bbox_pred, anchors, labels, label_weights, bbox_targets, avg_factor)
        return cls_score.new_zeros(()), cls_score.new_zeros(())

    def loss_by_feat(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Lets mmdet assign, then applies the criterion, or waits for the masks."""
        YOLACTHead.loss_by_feat(self, *args, **kwargs)
        self._dice: Tensor | None = None
        return {} if self.waits else self.criterion_losses()

    def finish(self, dice: Sequence[Tensor]) -> dict[str, Tensor]:
        """Applies the criterion to what `loss` has collected.

        Args:
            dice: (P_i,) Dice coefficients of each image's positives, in mmdet's order.
        """
        images = len(dice)
        lengths = [len(level.labels) // images for level in self._levels]
        table = dice[0].new_zeros(images, sum(lengths))
        for row, values, found in zip(table, dice, self.get_positive_infos(), strict=True):
            row[found.pos_inds] = values
        self._dice = torch.cat([part.reshape(-1) for part in table.split(lengths, dim=1)])
        return self.criterion_losses()

    def apply_criterion(
        self, logits, labels, ignore, pred_boxes, target_boxes, extras
    ) -> dict[str, Tensor]:
        """Adds the masks' quality, where it is known, to what the criterion is told."""
        if self._dice is not None:
            extras = {**extras, "dice": self._dice[(labels < self.num_classes) & ~ignore]}
        return super().apply_criterion(logits, labels, ignore, pred_boxes, target_boxes, extras)


@MODELS.register_module()
class CriterionProtonet(YOLACTProtonet):
    """YOLACT's mask head with a balance, which can tell how good its masks are.

    Args:
        balance: Config of the mask loss's balance against the classification loss.
    """

    def __init__(self, *args: Any, balance: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.balance = build_balance(dict(balance))
        self.keeps_dice = False
        self.dice: list[Tensor] = []

    def loss_by_feat(
        self, mask_preds, segm_preds, batch_gt_instances, batch_img_metas, positive_infos, **kwargs
    ) -> dict[str, Any]:
        """Lets mmdet compute the losses; takes note of the masks' quality if it is wanted."""
        if self.keeps_dice:
            with torch.no_grad():
                cropped = self.crop_mask_preds(mask_preds, batch_img_metas, positive_infos)
                parts = zip(cropped, batch_gt_instances, positive_infos, strict=True)
                self.dice = [self._coefficients(*part) for part in parts]
        return super().loss_by_feat(
            mask_preds, segm_preds, batch_gt_instances, batch_img_metas, positive_infos, **kwargs
        )

    def _coefficients(self, masks: Tensor, objects: Any, found: Any) -> Tensor:
        """Returns the (P_i,) Dice coefficients of one image's positives, in [0, 1]."""
        if not len(masks):
            return masks.new_zeros(0)
        truth = objects.masks.to_tensor(dtype=torch.float32, device=masks.device)
        truth = F.interpolate(truth[None], masks.shape[-2:], mode="bilinear")[0] > 0.5
        targets = truth[found.pos_assigned_gt_inds].float()
        return 1 - dice_loss(masks.flatten(1), targets.flatten(1), reduction="none")


@MODELS.register_module()
class CriterionYOLACT(YOLACT):
    """YOLACT whose mask loss is balanced, and whose labels may wait for the masks."""

    def loss(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Returns the criterion's losses, `loss_mask` and `loss_segm` of a batch."""
        head, masks = self.bbox_head, self.mask_head
        labels = getattr(head.criterion.classification, "labels", "iou")
        head.waits = masks.keeps_dice = labels in ("dice", "mean")
        losses = super().loss(*args, **kwargs)
        if head.waits:
            losses |= head.finish(masks.dice)
        for name in ("loss_mask", "loss_segm"):  # mmdet gives one for each image
            losses[name] = torch.stack([part.sum() for part in losses[name]]).sum()
        own = ("loss_bbox", "loss_mask", "loss_segm")
        ranked = [v.detach() for k, v in losses.items() if "loss" in k and k not in own]
        weight = masks.balance(torch.stack(ranked).sum(), losses["loss_mask"], None).detach()
        return {**losses, "loss_mask": losses["loss_mask"] * weight}
