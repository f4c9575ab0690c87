"""GFL (generalised focal loss), whose boxes are distributions over distances, with a criterion.

The example of `docs/add-a-detector.md`: a head that fits a family but for how it predicts boxes.
"""

from collections.abc import Mapping
from typing import Any

from mmdet.models.dense_heads import GFLHead
from mmdet.registry import MODELS
from torch import Tensor

from rankdet.detectors.criterion_head import ANCHOR_OPTIONS, configure_head
from rankdet.detectors.dense_anchor import CriterionAnchorHead, Level


def configure(model: dict[str, Any], detector: Mapping[str, Any], criterion: Mapping) -> None:
    """Puts the criterion into the model's head; distances are not scaled as deltas are."""
    configure_head(model, detector, criterion, without=ANCHOR_OPTIONS)


@MODELS.register_module()
class CriterionGFLHead(CriterionAnchorHead, GFLHead):
    """GFL's head and assignment with any criterion; distribution focal loss stays mmdet's.

    With quality focal loss and GIoU weighted by score (the loss `qfl`) this is GFL
    itself (Li et al., NeurIPS 2020), but that mmdet divides by scores' sums of 1 at least.
    """

    def loss_by_feat_single(
        self, anchors, cls_score, bbox_pred, labels, label_weights, bbox_targets, _, avg_factor
    ):
        """Collects one level; mmdet's loop wants four values back."""
        self.collect(cls_score, bbox_pred, anchors, labels, label_weights, bbox_targets, avg_factor)
        zero = cls_score.new_zeros(())
        return zero, zero, zero, zero

    def decoded(self, found: Level) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes are expected distances from an anchor's centre; deltas are these in strides."""
        units = found.strides[:, None]
        centres = self.anchor_center(found.anchors)
        distances = self.integral(found.deltas)
        targets = self.bbox_coder.encode(centres / units, found.targets / units, self.reg_max)
        return self.bbox_coder.decode(centres, distances * units), distances, targets

    def branch_losses(self, flat: Level, found: Level, extras: dict) -> dict[str, Tensor]:
        """Distribution focal loss, each positive weighted by its largest score."""
        if not len(found.labels):
            return {"loss_dfl": flat.deltas.sum() * 0}
        weights = found.logits.detach().sigmoid().amax(1)
        loss = self.loss_dfl(
            found.deltas.reshape(-1, self.reg_max + 1),
            extras["target_deltas"].reshape(-1),
            weight=weights.repeat_interleave(4),
            avg_factor=4 * weights.sum().clamp(min=1),
        )
        return {"loss_dfl": loss}
