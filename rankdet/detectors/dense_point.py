"""Dense point heads (FCOS, FoveaBox) whose loss is a criterion.

mmdet's heads give each point of the pyramid a label and four targets. Ours flatten what the
levels predict in the same order (level, image, point); the criterion then sees one flat problem
of every point of the batch.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmdet.models.dense_heads import FCOSHead, FoveaHead
from mmdet.registry import MODELS
from torch import Tensor, nn

from rankdet.detectors.criterion_head import (
    ANCHOR_OPTIONS,
    CriterionHead,
    configure_head,
    number,
)


def configure(model: dict[str, Any], detector: Mapping[str, Any], criterion: Mapping) -> None:
    """Puts the criterion into the model's head; points have no anchors to scale deltas by."""
    configure_head(model, detector, criterion, without=ANCHOR_OPTIONS)


class CriterionPointHead(CriterionHead):
    """Mixin over an mmdet point head; comes first among the bases.

    Args:
        centerness: Whether the head's centre-ness branch is trained and used (FCOS only).
    """

    def __init__(self, *args: Any, centerness: bool = False, **kwargs: Any) -> None:
        self.use_centerness = centerness
        super().__init__(*args, **kwargs)

    def distances(self, deltas: Tensor, units: Tensor) -> Tensor:
        """Returns a point's (P, 4) distances to the sides of its box, in pixels.

        Args:
            deltas: (P, 4), as the head predicts them and as mmdet encodes its targets.
            units: (P, 1), the pixels that belong to each point's level.
        """
        raise NotImplementedError

    def level_points(self, cls_scores: Sequence[Tensor], like: Tensor) -> list[Tensor]:
        """Returns the (K, 2) points of each level in pixels, of the dtype and device of `like`."""
        sizes = [level.shape[-2:] for level in cls_scores]
        return self.prior_generator.grid_priors(sizes, dtype=like.dtype, device=like.device)

    def point_losses(
        self,
        cls_scores: Sequence[Tensor],
        bbox_preds: Sequence[Tensor],
        points: Sequence[Tensor],
        units: Sequence[float],
        labels: Tensor,
        targets: Tensor,
        extras: Mapping[str, Any],
    ) -> dict[str, Tensor]:
        """Applies the criterion to a batch of N images.

        Args:
            cls_scores: (N, C, H, W) logits of each level.
            bbox_preds: (N, 4, H, W) deltas of each level.
            points: (H·W, 2) of each level.
            units: See `distances`; one number for each level.
            labels: (A,) class index, C for background; in the order level, image, point.
            targets: (P, 4) encoded boxes of the points that are no background.
            extras: What this kind of head adds; see `FlatProblem`.
        """
        n = len(cls_scores[0])
        positive = (labels < self.num_classes).nonzero().squeeze(1)
        places = torch.cat([level.repeat(n, 1) for level in points])[positive]
        counts = torch.tensor([n * len(level) for level in points], device=labels.device)
        units = places.new_tensor(units).repeat_interleave(counts)[positive, None]
        images = torch.arange(n, device=labels.device)
        deltas = flat(bbox_preds, 4)[positive]
        losses = self.apply_criterion(
            flat(cls_scores, self.cls_out_channels),
            labels,
            torch.zeros_like(labels, dtype=torch.bool),
            self.bbox_coder.decode(places, self.distances(deltas, units)),
            self.bbox_coder.decode(places, self.distances(targets, units)),
            {
                "pred_deltas": deltas,
                "target_deltas": targets,
                "image_index": torch.cat([images.repeat_interleave(len(p)) for p in points]),
                **extras,
            },
        )
        if not len(positive):  # keep the box branch in the graph: DDP wants every gradient
            losses["loss_bbox"] = losses["loss_bbox"] + sum(p.sum() for p in bbox_preds) * 0
        return losses


def flat(levels: Sequence[Tensor], channels: int) -> Tensor:
    """Returns (N, channels, H, W) maps as (A, channels), in the order level, image, point."""
    return torch.cat([level.permute(0, 2, 3, 1).reshape(-1, channels) for level in levels])


@MODELS.register_module()
class CriterionFCOSHead(CriterionPointHead, FCOSHead):
    """FCOS's head and assignment with any criterion, with or without its centre-ness branch."""

    def _init_layers(self) -> None:
        super()._init_layers()
        if not self.use_centerness:
            self.conv_centerness = nn.Identity()  # no parameters that nothing would train

    def forward(self, x: tuple[Tensor, ...]) -> tuple:
        """Returns logits and deltas per level, and centre-ness only where it is used."""
        outputs = tuple(super().forward(x))
        return outputs if self.use_centerness else outputs[:2]

    def distances(self, deltas: Tensor, units: Tensor) -> Tensor:
        """FCOS predicts distances, in strides if `norm_on_bbox`, else in pixels."""
        return deltas * units if self.norm_on_bbox else deltas

    def loss_by_feat(self, cls_scores, bbox_preds, *rest: Any, **_: Any) -> dict[str, Tensor]:
        """Lets mmdet assign, then applies the criterion to the whole batch at once."""
        centerness, rest = (rest[0], rest[1:]) if self.use_centerness else (None, rest)
        points = self.level_points(cls_scores, bbox_preds[0])
        labels, targets = map(torch.cat, self.get_targets(points, rest[0]))
        positive = (labels < self.num_classes).nonzero().squeeze(1)
        targets = targets[positive]
        extras = {
            "avg_factor": number(len(positive), labels).clamp(min=1),
            "centerness_targets": self.centerness_target(targets),
        }
        losses = self.point_losses(
            cls_scores, bbox_preds, points, self.strides, labels, targets, extras
        )
        if centerness is not None:
            losses["loss_centerness"] = self._centerness_loss(flat(centerness, 1), positive, extras)
        return losses

    def _centerness_loss(self, logits: Tensor, positive: Tensor, extras: Mapping) -> Tensor:
        if not len(positive):
            return logits.sum() * 0
        return self.loss_centerness(
            logits[positive, 0], extras["centerness_targets"], avg_factor=extras["avg_factor"]
        )


@MODELS.register_module()
class CriterionFoveaHead(CriterionPointHead, FoveaHead):
    """FoveaBox's head and assignment with any criterion."""

    def distances(self, deltas: Tensor, units: Tensor) -> Tensor:
        """FoveaBox predicts the logarithm of distances in its levels' base lengths."""
        return deltas.exp() * units

    def loss_by_feat(
        self, cls_scores, bbox_preds, batch_gt_instances, *_: Any, **__: Any
    ) -> dict[str, Tensor]:
        """Lets mmdet assign, then applies the criterion to the whole batch at once."""
        sizes = [level.shape[-2:] for level in cls_scores]
        points = self.level_points(cls_scores, bbox_preds[0])
        labels, targets = self.get_targets(batch_gt_instances, sizes, points)
        positive = (labels < self.num_classes).nonzero().squeeze(1)
        found = number(len(positive), labels)
        extras = {
            "avg_factor": found.clamp(min=1),
            "cls_avg_factor": found + len(cls_scores[0]),
        }
        return self.point_losses(
            cls_scores,
            bbox_preds,
            points,
            self.base_edge_list,
            labels,
            targets[positive],
            extras,
        )
