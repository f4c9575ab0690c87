"""PAA (probabilistic anchor assignment) whose loss is a criterion, and APE Loss's PAA*.

mmdet's PAA scores its candidates by the head's own focal and GIoU losses, fits two Gaussians to
the scores of each object, and then computes its losses on what it assigned. Ours lets it: the
assignment is mmdet's, whatever the criterion, and the losses that it asks for afterwards are
caught and handed to the criterion as one flat problem.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sklearn.mixture
import torch
from mmdet.models.dense_heads import PAAHead, paa_head
from mmdet.models.utils import levels_to_images
from mmdet.registry import MODELS
from torch import Tensor, nn

from rankdet.detectors.criterion_head import CriterionHead, configure_head, number
from rankdet.losses.boxes import pairwise_iou

paa_head.skm = sklearn.mixture  # mmdet was imported without it, which saves others a second

CLUSTERING = ("losses", "scores", "normalised-scores", "score-alone", "iou-alone")


def configure(model: dict[str, Any], detector: Mapping[str, Any], criterion: Mapping) -> None:
    """Puts the criterion into the model's head; the card's `head` options go to the head."""
    configure_head(model, detector, criterion)


class Caught(nn.Module):
    """Stands for one of a head's losses: gives candidates their loss, keeps what is assigned.

    Args:
        loss: mmdet's loss, by which candidates are scored (a call without reduction).
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
        """Returns candidates' losses, or 0 for the batch's, whose arguments are kept."""
        if reduction_override == "none":
            return self.loss(
                *arguments, avg_factor=avg_factor, reduction_override=reduction_override
            )
        self.arguments, self.avg_factor = arguments, avg_factor
        return arguments[0].sum() * 0

    def take(self) -> tuple[Tensor, ...] | None:
        """Returns the arguments kept since the last call, if any."""
        kept, self.arguments = self.arguments, None
        return kept


@MODELS.register_module()
class CriterionPAAHead(CriterionHead, PAAHead):
    """PAA's head and assignment with any criterion, with or without its IoU prediction.

    Args:
        centerness: Whether the IoU of boxes is predicted too, and scores are √(score · IoU). The
            branch stands where ATSS has centre-ness, and a loss's card says so for both.
        clustering: What an object's candidates are clustered by: "losses", the sum of the head's
            own classification and box loss (PAA, Kim and Lee, ECCV 2020, Eq. 6-8);
            "normalised-scores", (1 - p) + (1 - IoU) of the class's score and the predicted box,
            both normalised to [0, 1] over the object's candidates (PAA*: Xu et al., CVPR 2022,
            section 6); "scores", the same without normalisation (their Table 6); or "score-alone"
            and "iou-alone", only one of the two terms (section 7.2).
    """

    def __init__(
        self, *args: Any, centerness: bool = False, clustering: str = "losses", **kwargs: Any
    ) -> None:
        if clustering not in CLUSTERING:
            known = ", ".join(CLUSTERING)
            raise ValueError(f"clustering is {clustering!r}; known are {known}")
        self.predicts_iou, self.clustering = centerness, clustering
        super().__init__(*args, **kwargs)
        self.loss_cls, self.loss_bbox = Caught(self.loss_cls), Caught(self.loss_bbox)

    def _init_layers(self) -> None:
        super()._init_layers()
        if not self.predicts_iou:
            self.atss_centerness = nn.Identity()  # no parameters that nothing would train

    def forward(self, x: tuple[Tensor, ...]) -> tuple:
        """Returns logits and deltas per level, and IoU logits only where they are used."""
        outputs = tuple(super().forward(x))
        return outputs if self.predicts_iou else outputs[:2]

    def loss_by_feat(self, cls_scores, bbox_preds, *rest: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Lets mmdet assign, then applies the criterion to the whole batch at once."""
        if not self.predicts_iou:
            rest = (self._no_factors(cls_scores), *rest)
        zeros = super().loss_by_feat(cls_scores, bbox_preds, *rest, **kwargs)
        logits, labels, weights = self.loss_cls.take()
        boxes = self.loss_bbox.take()
        ignore = weights == 0
        positive = ((labels < self.num_classes) & ~ignore).nonzero().squeeze(1)
        deltas = torch.cat([image.reshape(-1, 4) for image in levels_to_images(bbox_preds)])
        deltas = deltas[positive]
        anchors = torch.cat([torch.cat(image) for image in self._anchors])[positive]
        targets = anchors.new_zeros(0, 4) if boxes is None else boxes[1]
        images = torch.arange(len(self._anchors), device=labels.device)
        extras = {
            "anchors": anchors,
            "pred_deltas": deltas,
            "target_deltas": self.bbox_coder.encode(anchors, targets),
            "image_index": images.repeat_interleave(len(labels) // len(images)),
            "avg_factor": number(len(positive), labels).clamp(min=1),
            "cls_avg_factor": number(self.loss_cls.avg_factor, labels),
        }
        predicted = self.bbox_coder.decode(anchors, deltas)
        losses = self.apply_criterion(logits, labels, ignore, predicted, targets, extras)
        losses["loss_bbox"] = losses["loss_bbox"] + zeros["loss_bbox"]  # connected without objects
        if self.predicts_iou:
            losses["loss_iou"] = zeros["loss_iou"]  # mmdet's own
        return losses

    def get_anchors(self, *args: Any, **kwargs: Any) -> tuple:
        """Returns mmdet's anchors, and keeps them for the losses."""
        anchors, flags = super().get_anchors(*args, **kwargs)
        self._anchors = anchors
        return anchors, flags

    @torch.no_grad()
    def get_pos_loss(self, anchors: Sequence[Tensor], cls_score: Tensor, *rest: Any) -> tuple:
        """Returns what an image's candidates are clustered by.

        Returns:
            A tuple of one tensor: (K,) losses, or (K, 2) scores and IoUs, which
            `paa_reassign` joins per object.
        """
        if self.clustering == "losses":
            return super().get_pos_loss(anchors, cls_score, *rest)
        bbox_pred, labels, _, targets, _, candidates = rest
        scores = cls_score[candidates, labels[candidates]].sigmoid()
        boxes = self.bbox_coder.decode(torch.cat(list(anchors))[candidates], bbox_pred[candidates])
        return (torch.stack([scores, pairwise_iou(boxes, targets[candidates])], 1),)

    def paa_reassign(
        self, pos_losses: Tensor, label, label_weight, bbox_weight, pos_inds, pos_gt_inds, anchors
    ) -> tuple:
        """Returns mmdet's separation of an image's candidates by two Gaussians per object."""
        if self.clustering != "losses" and len(pos_inds):
            pos_losses = candidate_errors(pos_losses, pos_gt_inds, self.clustering)
        return super().paa_reassign(
            pos_losses, label, label_weight, bbox_weight, pos_inds, pos_gt_inds, anchors
        )

    def predict_by_feat(
        self, cls_scores, bbox_preds, score_factors=None, *args: Any, **kwargs: Any
    ) -> list:
        """Returns detections; without IoU prediction every factor of a score is the same."""
        if not self.predicts_iou:
            score_factors = self._no_factors(cls_scores)
        return super().predict_by_feat(cls_scores, bbox_preds, score_factors, *args, **kwargs)

    def _bbox_post_process(self, results: Any, *args: Any, **kwargs: Any) -> Any:
        """Lets mmdet join scores and IoUs as √(score · IoU), or leaves scores as they are."""
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
    if clustering.endswith("alone"):
        return 1 - pairs[:, 0 if clustering == "score-alone" else 1]
    return joined_scores(pairs, objects, clustering == "normalised-scores")


def joined_scores(pairs: Tensor, objects: Tensor, normalise: bool) -> Tensor:
    """Returns (K,) (1 - p) + (1 - IoU), which is small for good candidates.

    Args:
        pairs: (K, 2) scores and IoUs of candidates.
        objects: (K,) index of each candidate's object.
        normalise: Whether to map each column to [0, 1] over each object's candidates. A column
            that is the same for all of an object's candidates tells nothing and becomes 1 (the
            released code divides 0 by 0).
    """
    if not normalise:
        return (1 - pairs).sum(1)
    index = objects[:, None].expand_as(pairs)
    empty = pairs.new_zeros(int(objects.max()) + 1 if len(objects) else 0, 2)
    lowest, highest = (
        empty.scatter_reduce(0, index, pairs, how, include_self=False)[objects]
        for how in ("amin", "amax")
    )
    span = highest - lowest
    normalised = torch.where(span > 0, (pairs - lowest) / span.clamp(min=1e-12), 1.0)
    return (1 - normalised).sum(1)
