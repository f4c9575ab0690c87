"""PAA (probabilistic anchor assignment) with any criterion, and APE Loss's variant PAA*.

mmdet's PAA scores its candidates by its focal and GIoU losses, fits two Gaussians to the scores of
each object, and then computes its losses for the assigned anchors. Our head uses this assignment
with every criterion. It intercepts the final calls of the losses and gives their arguments to the
criterion as one flat problem.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sklearn.mixture
import torch
from mmdet.models.dense_heads import PAAHead, paa_head
from mmdet.models.utils import levels_to_images
from mmdet.registry import MODELS
from torch import Tensor, nn

from rankdet.detectors.criterion_head import (
    CriterionHead,
    configure_head,
    keep_anchors_on,
    mean_count,
)
from rankdet.losses import pairwise_iou

# `training.environment` imports mmdet without sklearn, which saves a second for other detectors.
paa_head.skm = sklearn.mixture

CLUSTERING = ("losses", "scores", "normalised-scores", "score-alone", "iou-alone")


def configure(model: dict[str, Any], detector: Mapping[str, Any], criterion: Mapping) -> None:
    """Puts the criterion and the card's `head` options into the model's head."""
    configure_head(model, detector, criterion)


class LossInterceptor(nn.Module):
    """Replaces a loss of the head: it computes candidates' losses and stores the final arguments.

    Args:
        loss: mmdet's loss, which scores candidates (calls without reduction).
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss
        self.arguments: tuple[Tensor, ...] | None = None
        self.avg_factor: Any = None

    def forward(
        self,
        *arguments: Tensor,
        avg_factor: Any = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Returns the losses of candidates; for the final call, stores the arguments, returns 0."""
        if reduction_override == "none":
            return self.loss(
                *arguments, avg_factor=avg_factor, reduction_override=reduction_override
            )
        self.arguments, self.avg_factor = arguments, avg_factor
        return arguments[0].sum() * 0

    def take(self) -> tuple[Tensor, ...] | None:
        """Returns and clears the stored arguments. None: there was no final call."""
        arguments, self.arguments = self.arguments, None
        return arguments


@MODELS.register_module()
class CriterionPAAHead(CriterionHead, PAAHead):
    """PAA's head and assignment with any criterion, with or without its IoU prediction.

    Args:
        centerness: Whether to predict the IoU of boxes and to use √(score · IoU) as scores. The
            IoU branch is in the place of ATSS's centre-ness branch, so both have the same option.
        clustering: The quantity by which an object's candidates are clustered. "losses": the sum of
            mmdet's classification and box loss (PAA, Kim and Lee, ECCV 2020, Eq. 6-8).
            "normalised-scores": (1 - p) + (1 - IoU), both normalised to [0, 1] over the candidates
            of the object (PAA*: Xu et al., CVPR 2022, section 6). "scores": the same without
            normalisation (their Table 6). "score-alone", "iou-alone": only one of the two
            normalised terms (section 7.2).
    """

    loss_cls: LossInterceptor
    loss_bbox: LossInterceptor

    def __init__(
        self, *args: Any, centerness: bool = False, clustering: str = "losses", **kwargs: Any
    ) -> None:
        if clustering not in CLUSTERING:
            known = ", ".join(CLUSTERING)
            raise ValueError(f"clustering is {clustering!r}; known are {known}")
        self.predicts_iou, self.clustering = centerness, clustering
        super().__init__(*args, **kwargs)
        self.loss_cls = LossInterceptor(self.loss_cls)
        self.loss_bbox = LossInterceptor(self.loss_bbox)

    def _init_layers(self) -> None:
        super()._init_layers()
        if not self.predicts_iou:
            self.atss_centerness = nn.Identity()  # or its parameters would stay untrained

    def forward(self, x: tuple[Tensor, ...]) -> tuple[Any, ...]:
        """Returns logits and deltas per level, and IoU logits if they are used."""
        outputs = tuple(super().forward(x))
        return outputs if self.predicts_iou else outputs[:2]

    def loss_by_feat(
        self, cls_scores: Sequence[Tensor], bbox_preds: Sequence[Tensor], *rest: Any, **kwargs: Any
    ) -> dict[str, Tensor]:
        """Lets mmdet assign targets, then applies the criterion to the whole batch."""
        if not self.predicts_iou:
            rest = (self._no_factors(cls_scores), *rest)
        zeros = super().loss_by_feat(cls_scores, bbox_preds, *rest, **kwargs)
        classified = self.loss_cls.take()
        assert classified is not None  # mmdet always computes the classification loss
        logits, labels, weights = classified
        boxes = self.loss_bbox.take()
        ignore = weights == 0
        positive = ((labels < self.num_classes) & ~ignore).nonzero().squeeze(1)
        deltas = torch.cat([image.reshape(-1, 4) for image in levels_to_images(bbox_preds)])
        deltas = deltas[positive]
        anchors = torch.cat([torch.cat(image) for image in self._anchors])[positive]
        targets = anchors.new_zeros(0, 4) if boxes is None else boxes[1]
        images = torch.arange(len(self._anchors), device=labels.device)
        extras = {
            "positives": positive,
            "anchors": anchors,
            "pred_deltas": deltas,
            "target_deltas": self.bbox_coder.encode(anchors, targets),
            "image_index": images.repeat_interleave(len(labels) // len(images)),
            "avg_factor": mean_count(len(positive), labels).clamp(min=1),
            "cls_avg_factor": mean_count(self.loss_cls.avg_factor, labels),
        }
        predicted = self.bbox_coder.decode(anchors, deltas)
        losses = self.apply_criterion(logits, labels, ignore, predicted, targets, extras)
        losses["loss_bbox"] = losses["loss_bbox"] + zeros["loss_bbox"]  # connects the box branch
        if self.predicts_iou:
            losses["loss_iou"] = zeros["loss_iou"]  # computed by mmdet
        return losses

    def get_anchors(
        self, featmap_sizes: Sequence[Any], batch_img_metas: Any, device: Any = "cuda"
    ) -> tuple[Any, ...]:
        """Returns mmdet's anchors, and stores them for the losses."""
        keep_anchors_on(self.prior_generator, device)
        anchors, flags = super().get_anchors(featmap_sizes, batch_img_metas, device=device)
        self._anchors = anchors
        return anchors, flags

    @torch.no_grad()
    def get_pos_loss(
        self, anchors: Sequence[Tensor], cls_score: Tensor, *rest: Any
    ) -> tuple[Tensor, ...]:
        """Returns the quantity by which the candidates of an image are clustered.

        Returns:
            A tuple of one tensor: (K,) losses, or (K, 2) scores and IoUs, which `paa_reassign`
            combines.
        """
        if self.clustering == "losses":
            return super().get_pos_loss(anchors, cls_score, *rest)
        bbox_pred, labels, _, targets, _, candidates = rest
        scores = cls_score[candidates, labels[candidates]].sigmoid()
        boxes = self.bbox_coder.decode(torch.cat(list(anchors))[candidates], bbox_pred[candidates])
        return (torch.stack([scores, pairwise_iou(boxes, targets[candidates])], 1),)

    def paa_reassign(
        self,
        pos_losses: Tensor,
        label: Tensor,
        label_weight: Tensor,
        bbox_weight: Tensor,
        pos_inds: Tensor,
        pos_gt_inds: Tensor,
        anchors: Sequence[Tensor],
    ) -> tuple[Any, ...]:
        """Lets mmdet separate the candidates of an image by two Gaussians per object."""
        if self.clustering != "losses" and len(pos_inds):
            pos_losses = candidate_errors(pos_losses, pos_gt_inds, self.clustering)
        return super().paa_reassign(
            pos_losses, label, label_weight, bbox_weight, pos_inds, pos_gt_inds, anchors
        )

    def predict_by_feat(
        self,
        cls_scores: Sequence[Tensor],
        bbox_preds: Sequence[Tensor],
        score_factors: Sequence[Tensor] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> list[Any]:
        """Returns the detections. Without IoU prediction all score factors are equal."""
        if not self.predicts_iou:
            score_factors = self._no_factors(cls_scores)
        return super().predict_by_feat(cls_scores, bbox_preds, score_factors, *args, **kwargs)

    def _bbox_post_process(self, results: Any, *args: Any, **kwargs: Any) -> Any:
        """Lets mmdet compute √(score · IoU). Without IoU prediction the scores stay unchanged."""
        if not self.predicts_iou:
            results.score_factors = torch.ones_like(results.score_factors)
            results.scores = results.scores.square()
        return super()._bbox_post_process(results, *args, **kwargs)

    def _no_factors(self, cls_scores: Sequence[Tensor]) -> list[Tensor]:
        return [level.new_zeros(len(level), 1, *level.shape[2:]) for level in cls_scores]


def candidate_errors(pairs: Tensor, objects: Tensor, clustering: str) -> Tensor:
    """Returns (K,) what an object's candidates are clustered by; small for good candidates.

    Args:
        pairs: (K, 2) scores and IoUs of candidates.
        objects: (K,) index of each candidate's object.
        clustering: As in `CriterionPAAHead`, but not "losses".
    """
    if clustering == "scores":
        return (1 - pairs).sum(1)
    errors = 1 - normalised(pairs, objects)
    columns = {"score-alone": errors[:, 0], "iou-alone": errors[:, 1]}
    return columns.get(clustering, errors.sum(1))


def normalised(pairs: Tensor, objects: Tensor) -> Tensor:
    """Returns (K, 2): each column in [0, 1] over the candidates of each object.

    A column becomes 1 if it is constant over these candidates (the released code divides 0 by 0).

    Args:
        pairs: (K, 2) scores and IoUs of the candidates.
        objects: (K,) index of each candidate's object.
    """
    index = objects[:, None].expand_as(pairs)
    empty = pairs.new_zeros(int(objects.max()) + 1 if len(objects) else 0, 2)
    lowest, highest = (
        empty.scatter_reduce(0, index, pairs, how, include_self=False)[objects]
        for how in ("amin", "amax")
    )
    span = highest - lowest
    return torch.where(span > 0, (pairs - lowest) / span.clamp(min=1e-12), 1.0)
