"""What all heads trained by a criterion share, whatever they look at."""

from collections.abc import Mapping
from typing import Any

import torch
from mmdet.registry import MODELS
from mmdet.utils import reduce_mean
from torch import Tensor

from rankdet.detectors.criteria import build_criterion
from rankdet.detectors.gradients import GradientBalance
from rankdet.errors import InputError

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

    Raises:
        InputError: If our head is unknown, or is none of the kind in mmdet's config.
    """
    _check_kind(detector, model["bbox_head"]["type"])
    options = criterion["card"].get("head") or {}
    kept = {key: value for key, value in options.items() if key not in without}
    model["bbox_head"].update(type=detector["head"], criterion=criterion, **kept)


def _check_kind(detector: Mapping[str, Any], stock: str) -> None:
    """Checks that our head stands for mmdet's, so that the options of one fit the other."""
    ours, theirs = MODELS.get(str(detector.get("head"))), MODELS.get(stock)
    where = f"detector {detector['name']!r}: head: found {detector.get('head')!r}"
    if ours is None or not issubclass(ours, CriterionHead):
        raise InputError(
            f"{where}; family {detector['family']!r} has no such head: see docs/add-a-detector.md"
        )
    if theirs is not None and not issubclass(ours, theirs):
        raise InputError(
            f"{where}, but {detector['base']} has a {stock}; choose a head made from that, or "
            "another base"
        )


class CriterionHead:
    """Mixin over an mmdet head; comes first among the bases.

    Args:
        criterion: `{"card": merged loss card, "loss_file": path, "weight": factor}`; the weight
            (1 if left out) multiplies every loss of the criterion, such as .2 in an RPN.
        record_prefix: Before the names of the head's columns in the training record, where a
            detector has several heads: `rpn_`, and `s0_`, `s1_`, ... for the stages of R-CNN.
    """

    def __init__(
        self,
        *args: Any,
        criterion: Mapping[str, Any],
        record_prefix: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.criterion = build_criterion(**criterion)
        self.record_prefix = record_prefix
        self.gradient_balance = GradientBalance()
        self._balance_weight: Tensor | None = None

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
        self._balance_weight = losses["balance_weight"]
        return {name: value.float() for name, value in losses.items() if "loss" in name}

    def reset_record(self) -> None:
        """Forgets the last iteration, so that one without this head does not repeat it."""
        self.gradient_balance.reset()
        self._balance_weight = None

    def record(self) -> dict[str, float]:
        """Returns the head's part of an iteration's record, once its backward is done.

        Returns:
            `num_pos` and `num_neg` (instances), `grad_pos` and `grad_neg` (Σ|∂L/∂s| over their
            logits; NaN if there was no backward) and `balance_weight`.
        """
        positives, negatives = self.gradient_balance.counts()
        grad_pos, grad_neg = self.gradient_balance.read()
        weight = float("nan") if self._balance_weight is None else float(self._balance_weight)
        return {
            "balance_weight": weight,
            "num_pos": positives,
            "num_neg": negatives,
            "grad_pos": grad_pos,
            "grad_neg": grad_neg,
        }


def number(value: float, like: Tensor) -> Tensor:
    """Returns a count as a float tensor on another tensor's device, averaged over GPUs."""
    return reduce_mean(torch.tensor(float(value), device=like.device))
