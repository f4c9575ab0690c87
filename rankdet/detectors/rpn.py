"""The region proposal network with any criterion."""

from typing import Any

import torch
from mmdet.models.dense_heads import RPNHead
from mmdet.models.task_modules.samplers import PseudoSampler
from mmdet.registry import MODELS
from torch import Tensor

from rankdet.detectors.dense_anchor import CriterionAnchorHead


@MODELS.register_module()
class CriterionRPNHead(CriterionAnchorHead, RPNHead):
    """The RPN's head, assignment and sampler with any criterion. Its only class is "object".

    Args:
        per_sample: Whether to divide sums by the number of sampled anchors, as mmdet's cross
            entropy does, instead of the number of positives.
    """

    def __init__(self, *args: Any, per_sample: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, record_prefix="rpn_", **kwargs)
        self.per_sample = per_sample

    def normaliser(self, positives: int, counted: Tensor) -> Tensor:
        """Returns the divisor of sums over this process's batch.

        mmdet's `avg_factor` is the number of samples with a sampler, and of positives without.
        """
        sampled = not isinstance(self.sampler, PseudoSampler)
        if sampled == self.per_sample:
            return super().normaliser(positives, counted)
        return counted.float() if self.per_sample else torch.full_like(counted, positives).float()

    def loss_by_feat(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Lets mmdet assign and sample, then applies the criterion to the whole batch."""
        losses = super().loss_by_feat(*args, **kwargs)
        return {name.replace("loss_", "loss_rpn_"): value for name, value in losses.items()}
