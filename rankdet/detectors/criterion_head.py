"""What all heads trained by a criterion share, whatever they look at."""

from collections.abc import Mapping
from typing import Any

import torch
from mmdet.utils import reduce_mean
from torch import Tensor

from rankdet.detectors.criteria import build_criterion
from rankdet.detectors.gradients import GradientBalance

ANCHOR_OPTIONS = ("bbox_coder",)  # of a loss card: how the deltas of anchors are scaled


def configure_head(
    model: dict[str, Any],
    detector: Mapping[str, Any],
    criterion: Mapping[str, Any],
    without: tuple[str, ...] = (),
) -> None:
    """Puts a criterion into a one-stage model's head, with the loss card's `head` options.

    Args:
        model: mmdet's config of the model; its `bbox_head` is changed.
        detector: The detector's file; `head` names our class.
        criterion: What `CriterionHead` takes.
        without: Options that mean nothing to this kind of head.
    """
    options = criterion["card"].get("head") or {}
    kept = {key: value for key, value in options.items() if key not in without}
    model["bbox_head"].update(type=detector["head"], criterion=criterion, **kept)


class CriterionHead:
    """Mixin over an mmdet head; comes first among the bases.

    Args:
        criterion: `{"card": merged loss card, "loss_file": path, "weight": factor}`; the weight
            (1 if left out) multiplies every loss of the criterion, such as .2 in an RPN.
    """

    def __init__(self, *args: Any, criterion: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.criterion = build_criterion(**criterion)
        self.gradient_balance = GradientBalance()

    def apply_criterion(
        self,
        logits: Tensor,
        labels: Tensor,
        ignore: Tensor,
        pred_boxes: Tensor,
        target_boxes: Tensor,
        extras: Mapping[str, Any],
    ) -> dict[str, Tensor]:
        """Returns the criterion's losses as float32; shapes as in `rankdet.losses.Criterion`."""
        self.gradient_balance.watch(logits, labels, ignore)
        losses = self.criterion(logits, labels, ignore, pred_boxes, target_boxes, extras)
        return {name: value.float() for name, value in losses.items()}  # mmengine takes means


def number(value: float, like: Tensor) -> Tensor:
    """Returns a count as a float tensor on another tensor's device, averaged over GPUs."""
    return reduce_mean(torch.tensor(float(value), device=like.device))
