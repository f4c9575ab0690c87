"""YOLACT, with classification and boxes trained by a criterion.

The head of YOLACT is RetinaNet's head with mask coefficients. A criterion over all anchors replaces
the softmax and its hard negative mining. The mask loss is YOLACT's, with a balance if the loss card
has one (Rank & Sort Loss). The continuous labels can be the Dice coefficients of the masks
(supplement, Table S6).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from mmdet.models.dense_heads import YOLACTHead, YOLACTProtonet
from mmdet.models.detectors import YOLACT
from mmdet.models.losses.dice_loss import dice_loss
from mmdet.registry import MODELS
from mmengine.structures import InstanceData
from torch import Tensor
from torch.nn import functional as F

from rankdet.detectors.dense_anchor import CriterionAnchorHead
from rankdet.losses import build_balance

PRIOR = 0.01  # initial score of every class


def configure(model: dict[str, Any], detector: Mapping[str, Any], criterion: Mapping) -> None:
    """Puts the criterion into the box head, and weight and balance into the mask head."""
    options = dict(criterion["card"].get("mask") or {})
    head, masks = model["bbox_head"], model["mask_head"]
    layers = {"type": "Xavier", "distribution": "uniform", "bias": 0, "layer": "Conv2d"}
    prior = (criterion["card"].get("head") or {}).get("prior", PRIOR)
    if prior:
        start = {"type": "Normal", "name": "conv_cls", "std": 0.01, "bias_prob": prior}
        layers["override"] = start
    head.update(
        type=detector["head"],
        criterion=criterion,
        use_ohem=False,
        loss_cls={"type": "CrossEntropyLoss", "use_sigmoid": True},  # one sigmoid per class
        init_cfg=layers,
    )
    masks.update(
        type=CriterionProtonet.__name__,
        loss_mask_weight=_mask_weight(masks, options),
        dice=options.get("type") == "dice",
        by_score=options.get("weighting") == "score",
        balance=dict(options.get("balance") or {"type": "none"}),
    )
    model["type"] = CriterionYOLACT.__name__


def _mask_weight(masks: Mapping[str, Any], options: Mapping[str, Any]) -> float:
    """Returns the weight of the mask loss. YOLACT's factor applies only to its cross entropy."""
    own = 1.0 if options.get("type") == "dice" else masks["loss_mask_weight"]
    return own * float(options.get("weight") or 1.0)


@MODELS.register_module()
class CriterionYOLACTHead(CriterionAnchorHead, YOLACTHead):
    """YOLACT's head and assignment with any criterion.

    Attributes:
        waits: Whether `loss` only collects its inputs, and `finish` computes the losses later.
    """

    waits = False

    def loss_by_feat(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Lets mmdet assign targets, then applies the criterion unless it waits for the masks."""
        YOLACTHead.loss_by_feat(self, *args, **kwargs)
        images = len(args[0][0])
        levels = [level.detach().permute(0, 2, 3, 1) for level in args[0]]
        logits = [level.reshape(images, -1, self.cls_out_channels) for level in levels]
        self._scores = torch.cat([part.float().sigmoid().amax(2) for part in logits], 1)
        self._dice: Tensor | None = None
        return {} if self.waits else self.criterion_losses()

    def positive_scores(self) -> list[Tensor]:
        """Returns the largest score (P_i,) of each image's positives, without gradient."""
        found = self.get_positive_infos()
        return [row[one.pos_inds] for row, one in zip(self._scores, found, strict=True)]

    def finish(self, dice: Sequence[Tensor]) -> dict[str, Tensor]:
        """Applies the criterion to the inputs that `loss` has collected.

        Args:
            dice: For each image, the Dice coefficients (P_i,) of its positives, in mmdet's order.
        """
        images = len(dice)
        lengths = [len(level.labels) // images for level in self._levels]
        table = dice[0].new_zeros(images, sum(lengths))
        for row, values, found in zip(table, dice, self.get_positive_infos(), strict=True):
            row[found.pos_inds] = values
        self._dice = torch.cat([part.reshape(-1) for part in table.split(lengths, dim=1)])
        return self.criterion_losses()

    def apply_criterion(
        self,
        logits: Tensor,
        labels: Tensor,
        ignore: Tensor,
        pred_boxes: Tensor,
        target_boxes: Tensor,
        extras: Mapping[str, Any],
    ) -> dict[str, Tensor]:
        """Returns the losses of the criterion, with the Dice coefficients if they are known."""
        if self._dice is not None:
            extras = {**extras, "dice": self._dice[extras["positives"]]}
        return super().apply_criterion(logits, labels, ignore, pred_boxes, target_boxes, extras)


@MODELS.register_module()
class CriterionProtonet(YOLACTProtonet):
    """YOLACT's mask head with a balance, which can measure the quality of its masks.

    Args:
        balance: Config of the balance between mask loss and classification loss.
        dice: Whether the mask loss is 1 - Dice (squares in the denominator), not cross entropy.
        by_score: Whether the Dice losses are weighted by the scores of the positives.

    Attributes:
        scores_of: For `by_score`: returns the scores (P_i,) of each image's positives.
    """

    def __init__(
        self,
        *args: Any,
        balance: Mapping[str, Any],
        dice: bool = False,
        by_score: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.balance = build_balance(dict(balance))
        self.trains_dice, self.by_score = dice, by_score
        self.keeps_dice = False
        self.dice: list[Tensor] = []
        self.scores_of: Callable[[], list[Tensor]] = list

    def loss_by_feat(
        self,
        mask_preds: Any,
        segm_preds: Any,
        batch_gt_instances: Any,
        batch_img_metas: Any,
        positive_infos: Any,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Computes the mask loss, lets mmdet compute the rest, and stores the Dice coefficients."""
        dice: list[Tensor] = []
        if self.keeps_dice or self.trains_dice:
            with torch.set_grad_enabled(self.trains_dice):
                cropped = self.crop_mask_preds(mask_preds, batch_img_metas, positive_infos)
                parts = zip(cropped, batch_gt_instances, positive_infos, strict=True)
                dice = [self._coefficients(*part) for part in parts]
            self.dice = [values.detach() for values in dice]
        if segm_preds is None:  # mmdet reads its shape even without the semantic branch
            images = len(mask_preds)
            segm_preds = mask_preds[0].new_zeros(images, self.num_classes, 1, 1)
        objects = labels_on_host(batch_gt_instances)
        losses = super().loss_by_feat(
            mask_preds, segm_preds, objects, batch_img_metas, positive_infos, **kwargs
        )
        if self.trains_dice:
            losses["loss_mask"] = [self._dice_loss(dice, mask_preds)]
        return losses

    def _dice_loss(self, dice: Sequence[Tensor], mask_preds: Sequence[Tensor]) -> Tensor:
        """Returns the mean of 1 - Dice over the positives, weighted by scores if `by_score`."""
        errors = 1 - torch.cat(list(dice))
        weights = torch.cat(self.scores_of()) if self.by_score else torch.ones_like(errors)
        mean = (weights * errors).sum() / weights.sum().clamp(min=1e-7)
        unused = sum((masks.sum() for masks in mask_preds), errors.new_zeros(()))
        return self.loss_mask_weight * mean + 0 * unused

    def _coefficients(self, masks: Tensor, objects: Any, found: Any) -> Tensor:
        """Returns the Dice coefficients (P_i,) in [0, 1] of the positives of one image."""
        if not len(masks):
            return masks.new_zeros(0)
        truth = objects.masks.to_tensor(dtype=torch.float32, device=masks.device)
        truth = F.interpolate(truth[None], masks.shape[-2:], mode="bilinear")[0] > 0.5
        targets = truth[found.pos_assigned_gt_inds].float()
        masks = masks.clamp(0, 1)  # as mmdet does before its cross entropy
        return 1 - dice_loss(masks.flatten(1), targets.flatten(1), eps=1e-5, reduction="none")


def labels_on_host(objects: Sequence[Any]) -> list[InstanceData]:
    """Returns the objects of each image with labels on the host, copied at once.

    The semantic branch of mmdet reads each label twice, and the host would wait each time.
    """
    labels = torch.cat([one.labels for one in objects]).cpu()
    parts = labels.split([len(one.labels) for one in objects])
    return [
        InstanceData(**{**dict(one.items()), "labels": own})
        for one, own in zip(objects, parts, strict=True)
    ]


@MODELS.register_module()
class CriterionYOLACT(YOLACT):
    """YOLACT with a balanced mask loss, and box losses that can wait for the masks."""

    def loss(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Returns the losses of the criterion, `loss_mask` and `loss_segm`."""
        head, masks = self.bbox_head, self.mask_head
        labels = getattr(head.criterion.classification, "labels", "iou")
        head.waits = masks.keeps_dice = labels in ("dice", "mean")
        masks.scores_of = head.positive_scores
        losses = super().loss(*args, **kwargs)
        if head.waits:
            losses |= head.finish(masks.dice)
        for name in ("loss_mask", "loss_segm"):  # mmdet returns one per image
            if name in losses:
                losses[name] = torch.stack([part.sum() for part in losses[name]]).sum()
        own = ("loss_bbox", "loss_mask", "loss_segm")
        ranked = [v.detach() for k, v in losses.items() if "loss" in k and k not in own]
        weight = masks.balance(torch.stack(ranked).sum(), losses["loss_mask"], None).detach()
        return {**losses, "loss_mask": losses["loss_mask"] * weight}
