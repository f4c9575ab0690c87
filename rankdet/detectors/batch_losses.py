"""Ranking losses as the `loss_cls` of an mmdet head that calls it once for the whole batch.

FCOS and FoveaBox do so, and heads like DETR's, once for each decoder layer. Anchor heads call their
loss once per pyramid level, and box heads of R-CNN have a logit for the background: a ranking loss
there would train something else without a warning. So it is refused when such a head is built.
"""

import sys
from types import FrameType
from typing import Any

from mmdet.models.dense_heads import DETRHead
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.models.roi_heads.bbox_heads import BBoxHead
from torch import Tensor, nn

from rankdet import losses
from rankdet.errors import InputError


class BatchLoss(nn.Module):
    """Base class: mmdet's call of a classification loss with sigmoids, as a ranking loss.

    Args:
        loss: called with flat logits and labels.
    """

    use_sigmoid = True  # read by mmdet's heads: one logit per class, none for the background

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(
        self, cls_score: Tensor, label: Tensor, weight: Tensor | None = None, **_: Any
    ) -> Tensor:
        """Returns the loss (a scalar). `avg_factor` is not used: a ranking loss has its own.

        Args:
            cls_score: (A, C) logits of the whole batch.
            label: (A,) class index, C for background.
            weight: (A,) 0 where an anchor is ignored. Other weights are not used.
        """
        labels = losses.flat_labels(label, cls_score.shape[-1])
        if weight is not None:
            labels = labels.masked_fill((weight == 0).reshape(-1, 1), -1)
        return self.loss(cls_score, labels)


def batch_loss(name: str, boxes: bool, heads: tuple[str, ...]) -> type[BatchLoss]:
    """Returns a class for mmdet's registry.

    Args:
        name: A ranking loss of `rankdet.losses`.
        boxes: Whether it needs boxes, so that it can only be the part of a criterion.
        heads: mmdet's heads for which there is a head of ours with the same name.
    """

    def __init__(self: Any, **options: Any) -> None:
        _refuse(name, boxes, heads)
        BatchLoss.__init__(self, getattr(losses, name)(**options))

    return type(name, (BatchLoss,), {"__init__": __init__, "__doc__": BatchLoss.__doc__})


def _refuse(name: str, boxes: bool, heads: tuple[str, ...]) -> None:
    """Raises InputError if the head that is being built cannot use the loss."""
    head = _head_being_built()
    why = ""
    if boxes:
        why = "needs the boxes, which loss_cls does not get"
    elif isinstance(head, BBoxHead):
        why = f"cannot be the loss_cls of {type(head).__name__}, which has a background logit"
    elif hasattr(head, "loss_by_feat_single") and not isinstance(head, DETRHead):
        why = f"would rank every pyramid level alone in {type(head).__name__}"
    if not why:
        return
    own = next((kind.__name__ for kind in type(head).__mro__ if kind.__name__ in heads), None)
    types = f"type='rankdet.{own}'" if own else f"a head of rankdet ({', '.join(heads)})"
    raise InputError(
        f"rankdet.{name} {why}; instead of loss_cls, give the head {types} and "
        f"criterion=dict(classification=dict(type='{name}'))"
    )


def _head_being_built() -> nn.Module | None:
    """Returns the head whose constructor builds its losses now: mmdet tells a loss nothing."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, BaseDenseHead | BBoxHead):
            return owner
        frame = frame.f_back
    return None
