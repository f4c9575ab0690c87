"""Dense anchor heads (RetinaNet, ATSS) whose loss is a criterion.

mmdet's heads assign targets and then call `loss_by_feat_single` once per level. Ours let them,
and only collect there what each level was given; the criterion then sees one flat problem of
every anchor of the batch.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from mmdet.models.dense_heads import ATSSHead, RetinaHead
from mmdet.registry import MODELS
from mmdet.utils import reduce_mean
from torch import Tensor, nn

from rankdet.detectors.criterion_head import CriterionHead, configure_head


def configure(model: dict[str, Any], detector: Mapping[str, Any], criterion: Mapping) -> None:
    """Puts the criterion into the model's head; the card's `head` options go to the head."""
    configure_head(model, detector, criterion)


class Level(NamedTuple):
    """One pyramid level of the batch: N images of K anchors each."""

    logits: Tensor  # (N·K, C)
    deltas: Tensor  # (N·K, 4), or what else the head predicts of an anchor's box
    anchors: Tensor  # (N·K, 4) xyxy
    labels: Tensor  # (N·K,) class index, C for background
    weights: Tensor  # (N·K,) 0 where ignored
    targets: Tensor  # (N·K, 4) ground-truth box xyxy, 0 for background
    images: Tensor  # (N·K,) index of the image in the batch
    strides: Tensor  # (N·K,) the level's stride in pixels
    centerness: Tensor | None  # (N·K,) logits


class CriterionAnchorHead(CriterionHead):
    """Mixin over an mmdet anchor head; comes first among the bases.

    Args:
        centerness: Whether the head's centre-ness branch is trained and used (ATSS only).
    """

    has_centerness_targets = False  # a criterion may weight boxes by them; no branch is needed

    def __init__(self, *args: Any, centerness: bool = False, **kwargs: Any) -> None:
        kwargs["reg_decoded_bbox"] = True  # targets stay boxes; deltas are encoded when wanted
        self.use_centerness = centerness
        super().__init__(*args, **kwargs)
        self._levels: list[Level] = []
        self._avg_factor = 1.0

    def collect(
        self, logits, deltas, anchors, labels, weights, targets, avg_factor, centerness=None
    ) -> None:
        """Keeps one level's tensors, flattened in the order image, position, anchor."""
        n, k = labels.shape
        images = torch.arange(n, device=labels.device).repeat_interleave(k)
        stride = self.prior_generator.strides[len(self._levels)][0]
        self._avg_factor = avg_factor
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
        flat = Level(*(None if column[0] is None else torch.cat(column) for column in columns))
        ignore = flat.weights == 0
        positive = ((flat.labels < self.num_classes) & ~ignore).nonzero().squeeze(1)
        found = Level(*(None if column is None else column[positive] for column in flat))
        boxes, deltas, target_deltas = self.decoded(found)
        factor = self.normaliser(len(positive), (~ignore).sum())
        extras = {
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
        if not len(positive):  # keep the box branch in the graph: DDP wants every gradient
            losses["loss_bbox"] = losses["loss_bbox"] + flat.deltas.sum() * 0
        return losses | self.branch_losses(flat, found, extras)

    def decoded(self, found: Level) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the positives' predicted boxes (P, 4), and their deltas, predicted and true.

        Args:
            found: The positives' rows of all levels.
        """
        boxes = self.bbox_coder.decode(found.anchors, found.deltas)
        return boxes, found.deltas, self.bbox_coder.encode(found.anchors, found.targets)

    def branch_losses(self, flat: Level, found: Level, extras: dict) -> dict[str, Tensor]:
        """Returns the losses of branches that no criterion trains: mmdet's own.

        Args:
            flat: Every row of the batch.
            found: The positives' rows.
            extras: What the criterion got.
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
        """Returns what sums over this process's batch are divided by: mmdet's `avg_factor`."""
        return torch.as_tensor(self._avg_factor, dtype=torch.float32, device=counted.device)

    def loss_by_feat_single(
        self, cls_score, bbox_pred, anchors, labels, label_weights, bbox_targets, _, avg_factor
    ):
        """Collects one level; mmdet's loop wants two values back."""
        self.collect(cls_score, bbox_pred, anchors, labels, label_weights, bbox_targets, avg_factor)
        return cls_score.new_zeros(()), cls_score.new_zeros(())

    def loss_by_feat(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Lets mmdet assign, then applies the criterion to the whole batch at once."""
        super().loss_by_feat(*args, **kwargs)
        return self.criterion_losses()

    def _centerness_targets(self, anchors: Tensor, targets: Tensor) -> Tensor:
        if not len(anchors):  # mmdet's target refuses an empty set
            return anchors.new_zeros(0)
        return self.centerness_target(anchors, targets)


@MODELS.register_module()
class CriterionRetinaHead(CriterionAnchorHead, RetinaHead):
    """RetinaNet's head (and IoU-threshold assignment) with any criterion."""


@MODELS.register_module()
class CriterionATSSHead(CriterionAnchorHead, ATSSHead):
    """ATSS's head and assignment with any criterion, with or without its centre-ness branch.

    Args:
        scale: Whether each level has a learnt factor of its box deltas. RetinaNet's head, on which
            aLRP Loss and APE Loss use ATSS's assigner, has none.
    """

    has_centerness_targets = True

    def __init__(self, *args: Any, scale: bool = True, **kwargs: Any) -> None:
        self.use_scale = scale
        super().__init__(*args, **kwargs)

    def _init_layers(self) -> None:
        super()._init_layers()
        if not self.use_scale:
            self.scales = nn.ModuleList(nn.Identity() for _ in self.scales)
        if not self.use_centerness:
            self.atss_centerness = nn.Identity()  # no parameters that nothing would train

    def forward(self, x: tuple[Tensor, ...]) -> tuple:
        """Returns logits and deltas per level, and centre-ness only where it is used."""
        outputs = tuple(super().forward(x))
        return outputs if self.use_centerness else outputs[:2]

    def loss_by_feat_single(
        self,
        anchors,
        cls_score,
        bbox_pred,
        centerness,
        labels,
        label_weights,
        bbox_targets,
        avg_factor,
    ):
        """Collects one level; mmdet's loop wants four values back."""
        self.collect(
            cls_score,
            bbox_pred,
            anchors,
            labels,
            label_weights,
            bbox_targets,
            avg_factor,
            centerness if self.use_centerness else None,
        )
        zero = cls_score.new_zeros(())
        return zero, zero, zero, zero

    def loss_by_feat(self, cls_scores, bbox_preds, *rest: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Lets mmdet assign, then applies the criterion to the whole batch at once."""
        if not self.use_centerness:
            rest = (cls_scores, *rest)  # stands where mmdet expects centre-ness; never read
        return super().loss_by_feat(cls_scores, bbox_preds, *rest, **kwargs)
