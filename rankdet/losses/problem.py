"""What a criterion sees of a batch: one flat problem, whatever the detector."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

QUALITIES = ("iou", "dice", "mean", "binary")  # what a continuous label may be


@dataclass
class FlatProblem:
    """One batch: logits, labels and the positives' boxes; cached views of them.

    Attributes:
        logits: (A, C).
        labels: (A,) int64, class index in [0, C), or C for background.
        ignore: (A,) bool.
        pred_boxes: (P, 4) xyxy of the positives (``labels < C`` and not ignored) in order of
            appearance, differentiable.
        target_boxes: (P, 4) xyxy.
        extras: optional ``anchors (P, 4)``, ``pred_deltas (P, 4)``, ``target_deltas (P, 4)``,
            ``centerness_targets (P,)``, ``image_index (A,)``, ``avg_factor`` (a number ≥ 1),
            ``cls_avg_factor`` (the same for classification, where a detector divides otherwise),
            ``dice (P,)`` of the positives' masks, ``background_logits (A, 1)`` of a softmax.
        ious: (P,) IoU of predicted and target boxes (Dice of the masks, where a detector has no
            boxes), no gradient.
        box_errors: (P,) the box part's differentiable error of each positive.
        error_range: the largest box error a box can have; None if there is no bound.
    """

    logits: Tensor
    labels: Tensor
    ignore: Tensor
    pred_boxes: Tensor
    target_boxes: Tensor
    extras: Mapping[str, Any] = field(default_factory=dict)
    ious: Tensor = field(default_factory=lambda: torch.zeros(0))
    box_errors: Tensor = field(default_factory=lambda: torch.zeros(0))
    error_range: float | None = None

    @property
    def n_positives(self) -> int:
        """P."""
        return len(self.pred_boxes)

    @cached_property
    def positives(self) -> Tensor:
        """(P,) indices of the positives among the A."""
        found = ((self.labels < self.logits.shape[1]) & ~self.ignore).nonzero().squeeze(1)
        if len(found) != self.n_positives:
            raise ValueError(
                f"{len(found)} positive labels, but {self.n_positives} predicted boxes"
            )
        return found

    @cached_property
    def positive_logits(self) -> Tensor:
        """(P,) logits of the positives' own classes."""
        return self.logits[self.positives, self.labels[self.positives]]

    @property
    def flat_logits(self) -> Tensor:
        """(A * C,) logits, row by row."""
        return self.logits.reshape(-1)

    @cached_property
    def flat_labels(self) -> Tensor:
        """(A * C,) int8: 1 positive, 0 negative, -1 ignored (all classes of an ignored row)."""
        n_classes = self.logits.shape[1]
        flat = self.ignore.to(torch.int8).neg()[:, None].expand(-1, n_classes).reshape(-1)
        flat = flat.clone() if n_classes == 1 else flat
        flat[self.positives * n_classes + self.labels[self.positives]] = 1
        return flat

    @cached_property
    def flat_targets(self) -> Tensor:
        """(A * C,) float32: as the labels, with a positive's IoU in place of 1."""
        flat = self.flat_labels.float()
        n_classes = self.logits.shape[1]
        flat[self.positives * n_classes + self.labels[self.positives]] = self.ious.float()
        return flat

    def flat_labels_by(self, quality: str) -> Tensor:
        """Returns (A * C,) float32: as the labels, with a positive's quality in place of 1.

        Args:
            quality: `iou` of its box; `dice`, its mask's Dice coefficient (``extras["dice"]``);
                `mean` of both; or `binary`: 1.

        Raises:
            ValueError: the quality is unknown, or the detector gives no masks.
        """
        if quality not in QUALITIES:
            raise ValueError(f"labels are {quality!r}; known are {', '.join(QUALITIES)}")
        if quality == "iou":
            return self.flat_targets
        flat = self.flat_labels.float()
        if quality == "binary":
            return flat
        if "dice" not in self.extras:
            raise ValueError(f"labels {quality!r} need extras['dice'] (P,): a detector of masks")
        values = self.extras["dice"].float()
        if quality == "mean":
            values = (values + self.ious.float()) / 2
        flat[self.positives * self.logits.shape[1] + self.labels[self.positives]] = values
        return flat

    @cached_property
    def flat_images(self) -> Tensor:
        """(A * C,) index of each logit's image."""
        if "image_index" not in self.extras:
            raise ValueError("ranking within images needs extras['image_index'] (A,)")
        return self.extras["image_index"].repeat_interleave(self.logits.shape[1])

    @property
    def avg_factor(self) -> Tensor | float:
        """What sums over positives are divided by: the given normaliser, or P (at least 1)."""
        given = self.extras.get("avg_factor")
        return max(self.n_positives, 1) if given is None else given
