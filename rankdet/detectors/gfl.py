"""GFL (generalised focal loss), which predicts boxes as distributions of distances.

It is the example in `docs/add-a-detector.md`: an anchor head that predicts boxes in another form.
"""

from collections.abc import Mapping
from typing import Any

from mmdet.models.dense_heads import GFLHead
from mmdet.registry import MODELS
from torch import Tensor

from rankdet.detectors.criterion_head import ANCHOR_OPTIONS, configure_head
from rankdet.detectors.dense_anchor import CriterionAnchorHead, Level


def configure(model: dict[str, Any], detector: Mapping[str, Any], criterion: Mapping) -> None:
    """Puts the criterion into the model's head; the options of deltas do not apply to distances."""
    configure_head(model, detector, criterion, without=ANCHOR_OPTIONS)


@MODELS.register_module()
class CriterionGFLHead(CriterionAnchorHead, GFLHead):
    """GFL's head and assignment with any criterion and mmdet's distribution focal loss.

    With quality focal loss and GIoU weighted by score (the loss `qfl`) this is GFL (Li et al.,
    NeurIPS 2020). One difference: mmdet divides by the sum of the scores, or 1 if that is larger.
    """

    n_level_losses = 4

    def level_tensors(self, *level: Any) -> tuple[Any, ...]:
        """Returns mmdet's arguments of a level in the order of `collect`."""
        anchors, logits, deltas, labels, weights, targets, _ = level
        return logits, deltas, anchors, labels, weights, targets

    def decoded(self, found: Level) -> tuple[Tensor, Tensor, Tensor]:
        """Returns boxes from expected distances to the anchor's centre; deltas are in strides."""
        units = found.strides[:, None]
        centres = self.anchor_center(found.anchors)
        distances = self.integral(found.deltas)
        targets = self.bbox_coder.encode(centres / units, found.targets / units, self.reg_max)
        return self.bbox_coder.decode(centres, distances * units), distances, targets

    def branch_losses(
        self, flat: Level, found: Level, extras: Mapping[str, Any]
    ) -> dict[str, Tensor]:
        """Returns the distribution focal loss; a positive's weight is its largest score."""
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
