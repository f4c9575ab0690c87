"""Dense anchor heads (RetinaNet, ATSS) with any criterion.

mmdet's heads assign targets and then call `loss_by_feat_single` once per level. Our override only
collects its arguments. The criterion then gets all anchors of the batch as one flat problem.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from mmdet.models.dense_heads import ATSSHead, RetinaHead
from mmdet.registry import MODELS
from mmdet.utils import reduce_mean
from torch import Tensor, nn

from rankdet.detectors.criterion_head import (
    CriterionHead,
    configure_head,
    filled,
    keep_anchors_on,
)


def configure(model: dict[str, Any], detector: Mapping[str, Any], criterion: Mapping) -> None:
    """Puts the criterion and the card's `head` options into the model's head."""
    configure_head(model, detector, criterion)


class Level(NamedTuple):
    """One pyramid level of the batch: N images of K anchors each."""

    logits: Tensor  # (N·K, C)
    deltas: Tensor  # (N·K, 4), or (N·K, D) if the head predicts boxes in another form
    anchors: Tensor  # (N·K, 4) xyxy
    labels: Tensor  # (N·K,) class index, C for background
    weights: Tensor  # (N·K,) 0 where ignored
    targets: Tensor  # (N·K, 4) ground-truth box xyxy, 0 for background
    images: Tensor  # (N·K,) index of the image in the batch
    strides: Tensor  # (N·K,) the level's stride in pixels
    centerness: Tensor | None  # (N·K,) logits


class CriterionAnchorHead(CriterionHead):
    """Mixin for an mmdet anchor head. It must be the first base class.

    Args:
        centerness: Whether to train and use the centre-ness branch (ATSS only).
    """

    has_centerness_targets = False  # whether boxes can be weighted by centre-ness
    n_level_losses = 2  # values that mmdet's loop expects from `loss_by_feat_single`

    def __init__(self, *args: Any, centerness: bool = False, **kwargs: Any) -> None:
        kwargs["reg_decoded_bbox"] = True  # mmdet then keeps targets as boxes
        self.use_centerness = centerness
        super().__init__(*args, **kwargs)
        self._levels: list[Level] = []
        self._avg_factor = 1.0
        self._sizes: Sequence[Any] = ()  # of the levels: (height, width)
        self._all_anchors = False  # whether all anchors of the current image take part

    def collect(
        self,
        logits: Tensor,
        deltas: Tensor,
        anchors: Tensor,
        labels: Tensor,
        weights: Tensor,
        targets: Tensor,
        centerness: Tensor | None = None,
    ) -> None:
        """Stores the tensors of one level, flattened in the order image, position, anchor.

        Args:
            logits: (N, K·C, H, W) map, with K anchors at a position.
            deltas: (N, K·4, H, W) map.
            anchors: (N, H·W·K, 4) xyxy.
            labels: (N, H·W·K) int64.
            weights: (N, H·W·K); 0 is ignored.
            targets: (N, H·W·K, 4) xyxy.
            centerness: (N, K, H, W) map of logits.
        """
        n, k = labels.shape
        images = torch.arange(n, device=labels.device).repeat_interleave(k)
        stride = self.prior_generator.strides[len(self._levels)][0]
        self._levels.append(
            Level(
                logits.permute(0, 2, 3, 1).reshape(-1, self.cls_out_channels),
                deltas.permute(0, 2, 3, 1).reshape(n * k, -1),
                anchors.reshape(-1, 4),
                labels.reshape(-1),
                weights.reshape(-1),
                targets.reshape(-1, 4),
                images,
                anchors.new_full((n * k,), stride),
                None if centerness is None else centerness.permute(0, 2, 3, 1).reshape(-1),
            )
        )

    def criterion_losses(self) -> dict[str, Tensor]:
        """Applies the criterion to the levels collected since the last call."""
        levels, self._levels = self._levels, []
        columns = zip(*levels, strict=True)
        flat = Level._make(None if c[0] is None else torch.cat(c) for c in columns)
        ignore = flat.weights == 0
        positive = ((flat.labels < self.num_classes) & ~ignore).nonzero().squeeze(1)
        found = Level._make(None if column is None else column[positive] for column in flat)
        boxes, deltas, target_deltas = self.decoded(found)
        factor = self.normaliser(len(positive), (~ignore).sum())
        extras = {
            "positives": positive,
            "anchors": found.anchors,
            "pred_deltas": deltas,
            "target_deltas": target_deltas,
            "image_index": flat.images,
            "avg_factor": reduce_mean(factor).clamp(min=1),
        }
        if self.has_centerness_targets:
            extras["centerness_targets"] = self._centerness_targets(found.anchors, found.targets)
        losses = self.apply_criterion(
            flat.logits, flat.labels, ignore, boxes, found.targets, extras
        )
        if not len(positive):  # keep the box branch in the graph: DDP needs every gradient
            losses["loss_bbox"] = losses["loss_bbox"] + flat.deltas.sum() * 0
        return losses | self.branch_losses(flat, found, extras)

    def decoded(self, found: Level) -> tuple[Tensor, Tensor, Tensor]:
        """Returns, for the positives, predicted boxes, predicted deltas and target deltas.

        Args:
            found: The rows of the P positives.

        Returns:
            Boxes (P, 4) xyxy and two tensors of deltas (P, 4).
        """
        boxes = self.bbox_coder.decode(found.anchors, found.deltas)
        return boxes, found.deltas, self.bbox_coder.encode(found.anchors, found.targets)

    def branch_losses(
        self, flat: Level, found: Level, extras: Mapping[str, Any]
    ) -> dict[str, Tensor]:
        """Returns mmdet's losses of branches that the criterion does not train.

        Args:
            flat: All rows of the batch.
            found: The rows of the positives.
            extras: The `extras` of the criterion.
        """
        if flat.centerness is None:
            return {}
        if not len(found.labels):
            return {"loss_centerness": flat.centerness.sum() * 0}
        loss = self.loss_centerness(
            found.centerness, extras["centerness_targets"], avg_factor=extras["avg_factor"]
        )
        return {"loss_centerness": loss}

    def normaliser(self, positives: int, counted: Tensor) -> Tensor:
        """Returns the divisor of sums over this process's batch: mmdet's `avg_factor`.

        Args:
            positives: The number of positives.
            counted: The number of anchors that are not ignored (a scalar).
        """
        return filled(self._avg_factor, counted)

    def loss_by_feat_single(self, *level: Any, avg_factor: float) -> tuple[Tensor, ...]:
        """Collects one level. The returned zeros are only for mmdet's loop.

        Args:
            level: mmdet's arguments, in its order.
            avg_factor: mmdet's divisor.
        """
        self._avg_factor = avg_factor
        self.collect(*self.level_tensors(*level))
        return (level[0].new_zeros(()),) * self.n_level_losses

    def level_tensors(self, *level: Any) -> tuple[Any, ...]:
        """Returns mmdet's arguments of a level in the order of `collect`."""
        return level[:6]  # without the weights of the boxes

    def loss_by_feat(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Lets mmdet assign targets, then applies the criterion to the whole batch."""
        super().loss_by_feat(*args, **kwargs)
        return self.criterion_losses()

    def get_anchors(
        self, featmap_sizes: Sequence[Any], batch_img_metas: Any, device: Any = "cuda"
    ) -> tuple[Any, ...]:
        """Returns mmdet's anchors; stores the sizes (height, width) of the levels."""
        self._sizes = featmap_sizes
        keep_anchors_on(self.prior_generator, device)
        found: tuple[Any, ...] = super().get_anchors(featmap_sizes, batch_img_metas, device=device)
        return found

    def _get_targets_single(
        self, *args: Any, unmap_outputs: bool = True, **kwargs: Any
    ) -> tuple[Any, ...]:
        """Lets mmdet assign the targets of an image.

        If all anchors take part, mmdet need not map the targets back to all anchors: for each
        mapping the host would wait for a GPU.
        """
        [meta] = [value for value in args if isinstance(value, Mapping)]
        self._all_anchors = self._all_take_part(meta["pad_shape"])
        mapped = unmap_outputs and not self._all_anchors
        found: tuple[Any, ...] = super()._get_targets_single(*args, unmap_outputs=mapped, **kwargs)
        return found

    def _all_take_part(self, shape: Sequence[int]) -> bool:
        """Returns whether an image (height, width) covers all levels and no border is left out."""
        levels = zip(self._sizes, self.prior_generator.strides, strict=True)
        covered = all(
            math.ceil(shape[0] / down) >= rows and math.ceil(shape[1] / across) >= columns
            for (rows, columns), (across, down) in levels
        )
        return covered and self.train_cfg["allowed_border"] < 0

    def get_num_level_anchors_inside(
        self, num_level_anchors: Sequence[int], inside_flags: Tensor
    ) -> list[int]:
        """Returns how many anchors of each level take part; mmdet counts them on the GPU."""
        if self._all_anchors:
            return list(num_level_anchors)
        counts: list[int] = super().get_num_level_anchors_inside(num_level_anchors, inside_flags)
        return counts

    def _centerness_targets(self, anchors: Tensor, targets: Tensor) -> Tensor:
        if not len(anchors):  # mmdet's function fails without anchors
            return anchors.new_zeros(0)
        return self.centerness_target(anchors, targets)


@MODELS.register_module()
class CriterionRetinaHead(CriterionAnchorHead, RetinaHead):
    """RetinaNet's head and IoU-threshold assignment with any criterion."""


@MODELS.register_module()
class CriterionATSSHead(CriterionAnchorHead, ATSSHead):
    """ATSS's head and assignment with any criterion, with or without its centre-ness branch.

    Args:
        scale: Whether each level has a learned factor for its box deltas. aLRP Loss and APE Loss
            use ATSS's assigner with RetinaNet's head, which does not have these factors.
    """

    scales: nn.ModuleList
    has_centerness_targets = True
    n_level_losses = 4

    def __init__(self, *args: Any, scale: bool = True, **kwargs: Any) -> None:
        self.use_scale = scale
        super().__init__(*args, **kwargs)

    def _init_layers(self) -> None:
        super()._init_layers()
        if not self.use_scale:
            self.scales = nn.ModuleList(nn.Identity() for _ in self.scales)
        if not self.use_centerness:
            self.atss_centerness = nn.Identity()  # or its parameters would stay untrained

    def forward(self, x: tuple[Tensor, ...]) -> tuple[Any, ...]:
        """Returns logits and deltas per level, and centre-ness if it is used."""
        outputs = tuple(super().forward(x))
        return outputs if self.use_centerness else outputs[:2]

    def level_tensors(self, *level: Any) -> tuple[Any, ...]:
        """Returns mmdet's arguments of a level in the order of `collect`."""
        anchors, logits, deltas, centerness, labels, weights, targets = level
        branch = centerness if self.use_centerness else None
        return logits, deltas, anchors, labels, weights, targets, branch

    def loss_by_feat(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Lets mmdet assign targets, then applies the criterion to the whole batch."""
        if not self.use_centerness:
            logits, deltas, *rest = args
            args = (logits, deltas, logits, *rest)  # logits as unused centre-ness argument
        return super().loss_by_feat(*args, **kwargs)
