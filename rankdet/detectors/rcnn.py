"""The box heads of Faster, Cascade and Mask R-CNN with any criterion.

With a softmax loss the heads keep mmdet's softmax over classes and background. With any other loss
they have one sigmoid per class (Rank & Sort Loss, supplement, S3.5).
"""

from collections.abc import Mapping
from typing import Any

import torch
from mmdet.models.roi_heads.bbox_heads import Shared2FCBBoxHead
from mmdet.registry import MODELS
from mmdet.utils import reduce_mean
from mmengine.model import bias_init_with_prob
from torch import Tensor, nn

from rankdet.detectors.criterion_head import CriterionHead


@MODELS.register_module()
class ClassSigmoids(nn.Module):
    """Makes mmdet's box head have one logit per class, without one for the background.

    It replaces mmdet's classification loss, which the criterion computes instead.
    """

    custom_cls_channels = True
    custom_activation = True

    def get_cls_channels(self, num_classes: int) -> int:
        """Returns the number of logits of a proposal."""
        return num_classes

    def get_activation(self, logits: Tensor) -> Tensor:
        """Returns scores (N, C + 1) of logits (N, C). The last column, the background, is 0."""
        scores = logits.sigmoid()
        return torch.cat([scores, scores.new_zeros(len(scores), 1)], 1)


@MODELS.register_module()
class CriterionBBoxHead(CriterionHead, Shared2FCBBoxHead):
    """A box head with any criterion.

    Args:
        per_sample: Whether to divide sums by the number of sampled proposals, as in mmdet, instead
            of the number of positives.
        prior: The initial score of every class, in (0, 1). None: mmdet's bias of 0.

    Attributes:
        waits: Whether `loss` only collects its inputs, and `finish` computes the losses later.
        loss_classification: The sum of all losses of the last batch except the box loss, without
            gradient.
        positive_scores: (P,) largest score of each positive of the last batch, without gradient.
    """

    def __init__(
        self, *args: Any, per_sample: bool = False, prior: float | None = None, **kwargs: Any
    ) -> None:
        kwargs["reg_decoded_bbox"] = True  # mmdet then keeps targets as boxes
        super().__init__(*args, **kwargs)
        self.per_sample, self.prior = per_sample, prior
        self.waits = False
        self.loss_classification = torch.zeros(())
        self.positive_scores = torch.zeros(0)
        self._collected: tuple[tuple[Tensor, ...], dict[str, Any], Tensor] | None = None

    def init_weights(self) -> None:
        """Initialises the weights as mmdet does, and sets the bias of the classes to the prior."""
        super().init_weights()
        if self.prior is not None:
            nn.init.constant_(self.fc_cls.bias, bias_init_with_prob(self.prior))

    def loss(
        self,
        cls_score: Tensor,
        bbox_pred: Tensor,
        rois: Tensor,
        labels: Tensor,
        label_weights: Tensor,
        bbox_targets: Tensor,
        bbox_weights: Tensor,
        reduction_override: str | None = None,
    ) -> dict[str, Tensor]:
        """Applies the criterion to all proposals of the batch; returns {} if `waits` is set."""
        ignore = label_weights == 0
        positive = ((labels < self.num_classes) & ~ignore).nonzero().squeeze(1)
        column = torch.zeros_like(labels) if self.reg_class_agnostic else labels
        deltas = bbox_pred.reshape(len(rois), -1, 4)[positive, column[positive]]
        anchors, targets = rois[positive, 1:], bbox_targets[positive]
        counted = (~ignore).sum().float() if self.per_sample else rois.new_full((), len(positive))
        extras = {
            "positives": positive,
            "anchors": anchors,
            "pred_deltas": deltas,
            "target_deltas": self.bbox_coder.encode(anchors, targets),
            "image_index": rois[:, 0].long(),
            "avg_factor": reduce_mean(counted.float()).clamp(min=1),
            "background_logits": cls_score[:, self.num_classes :],
        }
        boxes = self.bbox_coder.decode(anchors, deltas)
        logits = cls_score[:, : self.num_classes]
        self.positive_scores = logits[positive].detach().float().sigmoid().amax(1)
        self._collected = (logits, labels, ignore, boxes, targets), extras, bbox_pred
        return {} if self.waits else self.finish({})

    def finish(self, extras: Mapping[str, Any]) -> dict[str, Tensor]:
        """Applies the criterion to the inputs that `loss` has collected.

        Args:
            extras: Further `extras` of the criterion, such as `dice`.
        """
        if self._collected is None:
            raise RuntimeError("finish() needs a call of loss() before it")
        (logits, labels, ignore, boxes, targets), known, bbox_pred = self._collected
        self._collected = None
        extras = {**known, **extras}
        losses = self.apply_criterion(logits, labels, ignore, boxes, targets, extras)
        others = [value.detach() for name, value in losses.items() if name != "loss_bbox"]
        self.loss_classification = torch.stack(others).sum()
        if not len(known["anchors"]):  # keep the box branch in the graph: DDP needs every gradient
            losses["loss_bbox"] = losses["loss_bbox"] + bbox_pred.sum() * 0
        return losses
