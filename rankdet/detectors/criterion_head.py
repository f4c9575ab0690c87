"""The base mixin of all heads that are trained by a criterion."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from mmdet.registry import MODELS
from mmdet.utils import reduce_mean
from torch import Tensor

from rankdet.detectors.criteria import build_criterion
from rankdet.detectors.gradients import GradientBalance
from rankdet.detectors.loss_faults import located
from rankdet.errors import InputError

if TYPE_CHECKING:  # the mixins use attributes of the mmdet head that follows them in the bases
    from mmdet.models.dense_heads.base_dense_head import BaseDenseHead as HeadBase
else:
    HeadBase = object

ANCHOR_OPTIONS = ("bbox_coder",)  # options of a loss card's `head` that only anchor heads have


def configure_head(
    model: dict[str, Any],
    detector: Mapping[str, Any],
    criterion: Mapping[str, Any],
    without: tuple[str, ...] = (),
) -> None:
    """Puts a criterion and the loss card's `head` options into the head of a one-stage model.

    Args:
        model: mmdet's config of the model; its `bbox_head` is changed.
        detector: Content of the detector's file; `head` names our class.
        criterion: The argument of `CriterionHead`.
        without: Options that this kind of head does not have.

    Raises:
        InputError: If our head is unknown, or is not a subclass of the head in mmdet's config.
    """
    _check_kind(detector, model["bbox_head"]["type"])
    options = criterion["card"].get("head") or {}
    kept = {key: value for key, value in options.items() if key not in without}
    model["bbox_head"].update(type=detector["head"], criterion=criterion, **kept)


def _check_kind(detector: Mapping[str, Any], stock: str) -> None:
    """Checks that our head is a subclass of mmdet's, so that it accepts the same options."""
    ours, theirs = MODELS.get(str(detector.get("head"))), MODELS.get(stock)
    where = f"detector {detector['name']!r}: head: found {detector.get('head')!r}"
    if ours is None or not issubclass(ours, CriterionHead):
        raise InputError(
            f"{where}; family {detector['family']!r} has no such head (see docs/add-a-detector.md)"
        )
    if theirs is not None and not issubclass(ours, theirs):
        raise InputError(
            f"{where}, but {detector['base']} has a {stock}; choose a subclass of {stock}, or "
            "another base"
        )


class CriterionHead(HeadBase):
    """Mixin for an mmdet head. It must be the first base class.

    Args:
        criterion: `{"card": merged loss card, "loss_file": path, "weight": factor}`. The weight (1
            by default) multiplies every loss of the criterion, such as .2 in an RPN.
        record_prefix: Prefix of the head's columns in the training record if the detector has
            several heads: `rpn_`, and `s0_`, `s1_`, ... for the stages of R-CNN.
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
        self._loss_file = criterion.get("loss_file")
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
        """Returns the losses of the criterion as float32.

        `rankdet.losses.Criterion.forward` documents the arguments.
        """
        positives = extras.get("positives")
        if positives is None:
            positives = ((labels < logits.shape[1]) & ~ignore).nonzero().squeeze(1)
            extras = {**extras, "positives": positives}
        self.gradient_balance.watch(logits, labels, ignore, positives)
        with located(self.criterion.classification, self._loss_file):
            losses = self.criterion(logits, labels, ignore, pred_boxes, target_boxes, extras)
        self._balance_weight = losses["balance_weight"]
        return {name: value.float() for name, value in losses.items() if "loss" in name}

    def reset_record(self) -> None:
        """Clears the record, so that an iteration that skips this head does not repeat the last."""
        self.gradient_balance.reset()
        self._balance_weight = None

    def record(self) -> dict[str, float | Tensor]:
        """Returns the head's columns of the training record after a backward pass.

        Values may be scalars on the device; `rankdet.training.scalars.on_host` reads them.

        Returns:
            `num_pos` and `num_neg` (instances), `grad_pos` and `grad_neg` (Σ|∂L/∂s| over their
            logits; NaN without a backward pass), and `balance_weight`.
        """
        positives, negatives = self.gradient_balance.counts()
        grad_pos, grad_neg = self.gradient_balance.read()
        weight = self._balance_weight
        return {
            "balance_weight": float("nan") if weight is None else weight,
            "num_pos": positives,
            "num_neg": negatives,
            "grad_pos": grad_pos,
            "grad_neg": grad_neg,
        }


def mean_count(value: float, like: Tensor) -> Tensor:
    """Returns a count, averaged over GPUs, as a float32 scalar on the device of `like`."""
    return reduce_mean(filled(float(value), like))


def filled(value: float, like: Tensor) -> Tensor:
    """Returns a float32 scalar on the device of `like`, where it is filled in.

    To copy a number to a GPU (`torch.tensor`, `new_tensor`) the host waits for the GPU.
    """
    return torch.full((), value, dtype=torch.float32, device=like.device)


def keep_anchors_on(generator: Any, device: Any) -> None:
    """Moves the base anchors of mmdet's generator to a device, where they stay.

    mmdet leaves them on the host, and copies those of each level in each step.
    """
    generator.base_anchors = [level.to(device) for level in generator.base_anchors]
