"""Dense point heads (FCOS, FoveaBox) with any criterion.

mmdet's heads assign a label and four targets to each point of the pyramid. Our heads flatten the
predictions in the same order (level, image, point). The criterion then gets all points of the batch
as one flat problem.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmdet.models.dense_heads import FCOSHead, FoveaHead
from mmdet.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from rankdet.detectors.criterion_head import (
    ANCHOR_OPTIONS,
    CriterionHead,
    configure_head,
    mean_count,
)


def configure(model: dict[str, Any], detector: Mapping[str, Any], criterion: Mapping) -> None:
    """Puts the criterion into the model's head; points have no anchor options."""
    configure_head(model, detector, criterion, without=ANCHOR_OPTIONS)


class CriterionPointHead(CriterionHead):
    """Mixin for an mmdet point head. It must be the first base class.

    Args:
        centerness: Whether to train and use the centre-ness branch (FCOS only).
    """

    def __init__(self, *args: Any, centerness: bool = False, **kwargs: Any) -> None:
        self.use_centerness = centerness
        super().__init__(*args, **kwargs)

    def distances(self, deltas: Tensor, units: Tensor) -> Tensor:
        """Returns the distances of each point to the sides of its box (P, 4), in pixels.

        Args:
            deltas: (P, 4) predictions of the head, or mmdet's encoded targets.
            units: (P, 1) the unit of each point's level, in pixels.
        """
        raise NotImplementedError

    def level_points(self, cls_scores: Sequence[Tensor], like: Tensor) -> list[Tensor]:
        """Returns the points (K, 2) of each level in pixels, with dtype and device of `like`."""
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
            units: The unit of each level; see `distances`.
            labels: (A,) class index, C for background, in the order level, image, point.
            targets: (P, 4) encoded boxes of the positive points.
            extras: Further entries of `FlatProblem.extras`, with `positives`.
        """
        n = len(cls_scores[0])
        positive = extras["positives"]
        centres = torch.cat([level.repeat(n, 1) for level in points])[positive]
        levels = zip(points, units, strict=True)  # filled on the device: no copy, no wait
        pixels = torch.cat([centres.new_full((n * len(p), 1), unit) for p, unit in levels])
        pixels = pixels[positive]
        images = torch.arange(n, device=labels.device)
        deltas = flat(bbox_preds, 4)[positive]
        losses = self.apply_criterion(
            flat(cls_scores, self.cls_out_channels),
            labels,
            torch.zeros_like(labels, dtype=torch.bool),
            self.bbox_coder.decode(centres, self.distances(deltas, pixels)),
            self.bbox_coder.decode(centres, self.distances(targets, pixels)),
            {
                "pred_deltas": deltas,
                "target_deltas": targets,
                "image_index": torch.cat([images.repeat_interleave(len(p)) for p in points]),
                **extras,
            },
        )
        if not len(positive):  # keep the box branch in the graph: DDP needs every gradient
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
            self.conv_centerness = nn.Identity()  # or its parameters would stay untrained

    def forward(self, x: tuple[Tensor, ...]) -> tuple[Any, ...]:
        """Returns logits and deltas per level, and centre-ness if it is used."""
        outputs = tuple(super().forward(x))
        return outputs if self.use_centerness else outputs[:2]

    def distances(self, deltas: Tensor, units: Tensor) -> Tensor:
        """Returns the distances. FCOS predicts them in strides (`norm_on_bbox`) or in pixels."""
        return deltas * units if self.norm_on_bbox else deltas

    def loss_by_feat(
        self, cls_scores: Sequence[Tensor], bbox_preds: Sequence[Tensor], *rest: Any, **_: Any
    ) -> dict[str, Tensor]:
        """Lets mmdet assign targets, then applies the criterion to the whole batch."""
        centerness, rest = (rest[0], rest[1:]) if self.use_centerness else (None, rest)
        points = self.level_points(cls_scores, bbox_preds[0])
        labels, targets = map(torch.cat, self.get_targets(points, rest[0]))
        positive = (labels < self.num_classes).nonzero().squeeze(1)
        targets = targets[positive]
        extras = {
            "positives": positive,
            "avg_factor": mean_count(len(positive), labels).clamp(min=1),
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
        """Returns the distances. FoveaBox predicts their logarithm in the level's base length."""
        return deltas.exp() * units

    def _get_targets_single(
        self,
        gt_instances: Any,
        featmap_size_list: Sequence[Any] = (),
        priors_list: Sequence[Tensor] = (),
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Assigns the points of an image as mmdet does, but all objects of a level at once.

        mmdet writes the targets object by object. For the sides of each object's area the host
        would wait for a GPU.

        Args:
            gt_instances: G objects with `bboxes` (G, 4) xyxy in pixels and `labels` (G,).
            featmap_size_list: (height, width) of each level.
            priors_list: (height · width, 2) points of each level, in pixels.

        Returns:
            For each level, labels (height, width), C for background, and encoded boxes (height,
            width, 4), 0 for background.
        """
        boxes, classes = gt_instances.bboxes, gt_instances.labels
        sizes = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sqrt()
        order = (-sizes).sort(stable=True)[1]  # where areas overlap, the smaller object counts
        boxes, sizes = boxes[order], sizes[order]
        label_of = F.pad(classes[order], (1, 0), value=self.num_classes)
        box_of = F.pad(boxes, (0, 0, 1, 0))
        labels, targets = [], []
        columns = (self.base_edge_list, self.scale_ranges, self.strides)
        levels = zip(featmap_size_list, priors_list, *columns, strict=True)
        for shape, points, unit, (low, high), stride in levels:
            of_level = (sizes >= low) & (sizes <= high)
            winner = last_inside(boxes / stride, of_level, shape, self.sigma)
            box, at = box_of[winner], points.view(*shape, 2)
            distances = torch.cat([at - box[..., :2], box[..., 2:] - at], -1) / unit
            distances = torch.where(winner[..., None] > 0, distances, 1.0)
            labels.append(label_of[winner])
            targets.append(distances.clamp(min=1.0 / 16, max=16.0).log())
        return labels, targets

    def loss_by_feat(
        self,
        cls_scores: Sequence[Tensor],
        bbox_preds: Sequence[Tensor],
        batch_gt_instances: Any,
        *_: Any,
        **__: Any,
    ) -> dict[str, Tensor]:
        """Lets mmdet assign targets, then applies the criterion to the whole batch."""
        sizes = [level.shape[-2:] for level in cls_scores]
        points = self.level_points(cls_scores, bbox_preds[0])
        labels, targets = self.get_targets(batch_gt_instances, sizes, points)
        positive = (labels < self.num_classes).nonzero().squeeze(1)
        count = mean_count(len(positive), labels)
        extras = {
            "positives": positive,
            "avg_factor": count.clamp(min=1),
            "cls_avg_factor": count + len(cls_scores[0]),
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


def last_inside(boxes: Tensor, of_level: Tensor, shape: Sequence[int], sigma: float) -> Tensor:
    """Returns the last object whose inner area has each cell of a level; 0 where there is none.

    Args:
        boxes: (G, 4) xyxy in cells of the level.
        of_level: (G,) whether the level detects an object, bool.
        shape: Height and width of the level.
        sigma: Side of the inner area, as a part of the box's side.

    Returns:
        (height, width) int64; objects are counted from 1.
    """
    height, width = shape
    device, inside = boxes.device, []
    for axis, cells in ((1, height), (0, width)):
        low, half = boxes[:, axis], 0.5 * (boxes[:, axis + 2] - boxes[:, axis])
        first = (low + (1 - sigma) * half - 0.5).ceil().long().clamp(0, cells - 1)
        final = (low + (1 + sigma) * half - 0.5).floor().long().clamp(0, cells - 1)
        cell = torch.arange(cells, device=device)
        inside.append((cell >= first[:, None]) & (cell <= final[:, None]))
    rows, columns = inside[0] & of_level[:, None], inside[1]
    numbers = torch.arange(1, len(boxes) + 1, device=device)[:, None, None]
    hits = torch.where(rows[:, :, None] & columns[:, None], numbers, 0)
    return F.pad(hits, (0, 0, 0, 0, 1, 0)).amax(0)  # padded: there may be no object
