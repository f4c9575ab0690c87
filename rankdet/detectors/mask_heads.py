"""The mask head of Mask R-CNN: its loss, its balance, and masks as continuous labels.

Rank & Sort Loss balances the mask loss like the box loss: the weight is the ranking and sorting
loss divided by the mask loss of the same iteration. Its labels can be the quality of the mask
instead of the box (supplement, Table S6).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from mmdet.models.losses import DiceLoss
from mmdet.models.losses.dice_loss import dice_loss
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from mmdet.registry import MODELS
from torch import Tensor, nn

from rankdet.errors import InputError
from rankdet.losses import build_balance

BALANCES = ("none", "constant", "self-epoch", "self-iteration")
LOSSES: dict[str, dict[str, Any]] = {
    "cross_entropy": {"type": "CrossEntropyLoss", "use_mask": True},
    "dice": {"type": "ClassDiceLoss"},
}


def configure(roi: dict[str, Any], card: Mapping[str, Any]) -> None:
    """Puts the card's mask loss and balance into a RoI head's config.

    Args:
        roi: Config of a `StandardRoIHead` with a mask head.
        card: The merged loss card. Its `mask` has `type` (default: mmdet's loss), `weight`,
            `balance`, `weighting` (`none`, or `score` for Dice: weights positives by their score)
            and `cap` (the largest number of positives of a batch whose masks are trained).

    Raises:
        InputError: If the type of the loss or of the balance is unknown.
    """
    options = dict(card.get("mask") or {})
    head = roi["mask_head"]
    kind = options.get("type", "stock")
    if kind != "stock" and kind not in LOSSES:
        raise InputError(f"CARD mask.type: found {kind!r}; known: stock, {', '.join(LOSSES)}")
    loss = head["loss_mask"] if kind == "stock" else LOSSES[kind]
    head["loss_mask"] = {**loss, "loss_weight": float(options.get("weight", 1.0))}
    if options.get("weighting", "none") != "none":
        if kind != "dice" or options["weighting"] != "score":
            raise InputError(
                f"CARD mask.weighting: found {options['weighting']!r} with mask.type {kind!r}; "
                "`score` goes with the type `dice`, everything else is `none`"
            )
        head["loss_mask"]["by_score"] = True
    roi["mask_cap"] = options.get("cap")
    balance = dict(options.get("balance") or {"type": "none"})
    if balance.get("type") not in BALANCES:
        known = ", ".join(BALANCES)
        raise InputError(f"CARD mask.balance.type: found {balance.get('type')!r}; known: {known}")
    head.update(type=CriterionMaskHead.__name__, balance=balance)
    roi["type"] = CriterionRoIHead.__name__


@MODELS.register_module()
class ClassDiceLoss(nn.Module):
    """Dice loss of each positive's class, with squares in the denominator (V-Net's form).

    Args:
        loss_weight: Multiplies the loss.
        by_score: Whether the mean over positives is weighted by `scores`, as in the box loss of
            Rank & Sort Loss.

    Attributes:
        scores: (n,) score of each positive of the batch, without gradient.
    """

    def __init__(self, loss_weight: float = 1.0, by_score: bool = False) -> None:
        super().__init__()
        self.loss = DiceLoss(loss_weight=loss_weight, reduction="none", eps=1e-5)
        self.by_score = by_score
        self.scores = torch.zeros(0)

    def forward(self, mask_preds: Tensor, targets: Tensor, labels: Tensor) -> Tensor:
        """Returns the loss of logits (n, C, h, w) for target masks (n, h, w) of classes (n,)."""
        losses = self.loss(class_masks(mask_preds, labels).flatten(1), targets.flatten(1))
        weights = self.scores if self.by_score else torch.ones_like(losses)
        return (weights * losses).sum() / weights.sum().clamp(min=1e-7)


def class_masks(mask_preds: Tensor, labels: Tensor) -> Tensor:
    """Returns the logits (n, h, w) of each positive's class; heads with one map use that."""
    column = labels if mask_preds.shape[1] > 1 else torch.zeros_like(labels)
    return mask_preds[torch.arange(len(labels), device=labels.device), column]


@MODELS.register_module()
class CriterionMaskHead(FCNMaskHead):
    """A mask head with a balance, which measures the quality of its masks.

    Args:
        balance: Config of the balance between mask loss and classification loss.

    Attributes:
        dice: (P,) Dice coefficients in [0, 1] of the last batch's masks, without gradient.
    """

    def __init__(self, *args: Any, balance: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.balance = build_balance(dict(balance))
        self.dice = torch.zeros(0)

    def loss_and_target(
        self, mask_preds: Tensor, sampling_results: Any, *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        """Lets mmdet compute the loss, and stores the Dice coefficients."""
        found = super().loss_and_target(mask_preds, sampling_results, *args, **kwargs)
        labels = torch.cat([result.pos_gt_labels for result in sampling_results])
        with torch.no_grad():
            masks = class_masks(mask_preds, labels).sigmoid().flatten(1)
            targets = found["mask_targets"].flatten(1)
            self.dice = 1 - dice_loss(masks.float(), targets, reduction="none")
        return found

    def balanced(self, loss_mask: Tensor, loss_cls: Tensor) -> Tensor:
        """Returns the mask loss times its weight. `loss_cls` is the sum of the other losses."""
        loss_mask = loss_mask.sum()  # mmdet's cross entropy has shape (1,)
        return loss_mask * self.balance(loss_cls, loss_mask, None).detach()


@MODELS.register_module()
class CriterionRoIHead(StandardRoIHead):
    """A RoI head that balances its mask loss with the classification loss of its box head.

    If the labels of the criterion need the quality of the masks, the box losses are computed after
    the masks.

    Args:
        mask_cap: The largest number of positives of a batch whose masks are trained, drawn at
            random. None: all. Without a sampler, it limits the memory.
    """

    def __init__(self, *args: Any, mask_cap: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mask_cap = mask_cap

    def bbox_loss(self, x: Any, sampling_results: Any) -> dict[str, Any]:
        """Lets mmdet compute the box losses, or only collects their inputs."""
        part = self.bbox_head.criterion.classification
        self.bbox_head.waits = getattr(part, "labels", "iou") in ("dice", "mean")
        return super().bbox_loss(x, sampling_results)

    def mask_loss(
        self, x: Any, sampling_results: Any, bbox_feats: Any, batch_gt_instances: Any
    ) -> dict[str, Any]:
        """Lets mmdet compute the mask loss of the chosen positives; applies the balance weight."""
        chosen = self._chosen(sum(len(result.pos_priors) for result in sampling_results))
        if isinstance(self.mask_head.loss_mask, ClassDiceLoss):
            scores = self.bbox_head.positive_scores
            self.mask_head.loss_mask.scores = scores if chosen is None else scores[chosen]
        if chosen is not None:
            sampling_results = subset(sampling_results, chosen)
        found = super().mask_loss(x, sampling_results, bbox_feats, batch_gt_instances)
        losses = dict(found["loss_mask"])
        if self.bbox_head.waits:
            losses |= self.bbox_head.finish({"dice": self.mask_head.dice})
        loss_cls = self.bbox_head.loss_classification
        losses["loss_mask"] = self.mask_head.balanced(losses["loss_mask"], loss_cls)
        return {**found, "loss_mask": losses}

    def _chosen(self, positives: int) -> Tensor | None:
        """Returns the ascending indices of the positives whose masks are trained; None: all.

        If the labels need the quality of the masks, all masks are trained.
        """
        if self.mask_cap is None or positives <= self.mask_cap or self.bbox_head.waits:
            return None
        return torch.randperm(positives)[: self.mask_cap].sort().values


class Positives(NamedTuple):
    """Some positives of one image, with the fields of a sampling result that mask heads read."""

    pos_priors: Tensor
    neg_priors: Tensor
    pos_assigned_gt_inds: Tensor
    pos_gt_labels: Tensor


def subset(sampling_results: Sequence[Any], indices: Tensor) -> list[Positives]:
    """Returns the chosen positives of each image.

    Args:
        sampling_results: mmdet's sampling result of each image.
        indices: Ascending indices into the positives of all images, in the order of the images.
    """
    found, start = [], 0
    for result in sampling_results:
        count = len(result.pos_priors)
        own = indices[(indices >= start) & (indices < start + count)] - start
        own = own.to(result.pos_assigned_gt_inds.device)
        found.append(
            Positives(
                result.pos_priors[own],
                result.neg_priors,
                result.pos_assigned_gt_inds[own],
                result.pos_gt_labels[own],
            )
        )
        start += count
    return found
