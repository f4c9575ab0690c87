"""The box heads of Faster, Cascade and Mask R-CNN with any criterion.

Losses of class-wise sigmoids replace mmdet's softmax over classes and background by one sigmoid per
class (Rank & Sort Loss, supplement, S3.5); a softmax loss keeps it.
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
    """Tells mmdet's box head to have one logit per class, and none for the background.

    It stands where mmdet expects the classification loss, which the criterion computes instead.
    """

    custom_cls_channels = True
    custom_activation = True

    def get_cls_channels(self, num_classes: int) -> int:
        """Returns the number of logits of a proposal."""
        return num_classes

    def get_activation(self, logits: Tensor) -> Tensor:
        """Returns the scores (N, C + 1) of logits (N, C); the background's, unused, are 0."""
        scores = logits.sigmoid()
        return torch.cat([scores, scores.new_zeros(len(scores), 1)], 1)


@MODELS.register_module()
class CriterionBBoxHead(CriterionHead, Shared2FCBBoxHead):
    """A box head with any criterion.

    Args:
        per_sample: Sums are divided by all sampled proposals, as in mmdet, instead of positives.
        prior: The score of every class at the start, in (0, 1); none: mmdet's own, bias 0.

    Attributes:
        waits: Whether `loss` only collects, for `finish` to go on once the masks are predicted.
        loss_classification: Sum of the last batch's losses but the box loss, no gradient.
        positive_scores: (P,) largest score of each of the last batch's positives, no gradient.
    """

    def __init__(
        self, *args: Any, per_sample: bool = False, prior: float | None = None, **kwargs: Any
    ) -> None:
        kwargs["reg_decoded_bbox"] = True  # targets stay boxes; deltas are encoded when wanted
        super().__init__(*args, **kwargs)
        self.per_sample, self.prior = per_sample, prior
        self.waits = False
        self.loss_classification = torch.zeros(())
        self.positive_scores = torch.zeros(0)
        self._waiting: tuple[Any, ...] | None = None

    def init_weights(self) -> None:
        """Draws the weights as mmdet does, and sets the classes' bias to the prior."""
        super().init_weights()
        if self.prior is not None:
            nn.init.constant_(self.fc_cls.bias, bias_init_with_prob(self.prior))

    def loss(
        self,
        cls_score,
        bbox_pred,
        rois,
        labels,
        label_weights,
        bbox_targets,
        bbox_weights,
        reduction_override=None,
    ) -> dict[str, Tensor]:
        """Applies the criterion to the proposals of the whole batch; gives nothing if it waits."""
        ignore = label_weights == 0
        positive = ((labels < self.num_classes) & ~ignore).nonzero().squeeze(1)
        column = torch.zeros_like(labels) if self.reg_class_agnostic else labels
        deltas = bbox_pred.reshape(len(rois), -1, 4)[positive, column[positive]]
        anchors, targets = rois[positive, 1:], bbox_targets[positive]
        counted = (~ignore).sum().float() if self.per_sample else rois.new_tensor(len(positive))
        extras = {
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
        self._waiting = (logits, labels, ignore, boxes, targets, extras), bbox_pred
        return {} if self.waits else self.finish({})

    def finish(self, extras: Mapping[str, Any]) -> dict[str, Tensor]:
        """Applies the criterion to what `loss` has collected.

        Args:
            extras: What else the criterion is told of the positives, such as `dice`.
        """
        (*problem, known), bbox_pred = self._waiting
        self._waiting = None
        losses = self.apply_criterion(*problem, {**known, **extras})
        others = [value.detach() for name, value in losses.items() if name != "loss_bbox"]
        self.loss_classification = torch.stack(others).sum()
        if not len(known["anchors"]):  # keep the box branch in the graph: DDP wants every gradient
            losses["loss_bbox"] = losses["loss_bbox"] + bbox_pred.sum() * 0
        return losses
