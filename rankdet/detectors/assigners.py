"""mmdet's matching by IoU and its sampling of everything, with the same results and fewer waits.

To decide in Python what to do with a ground truth, the host waits until a GPU has computed its
largest IoU. Then the GPU waits for the host. mmdet's assigner does so for every ground truth. The
subclasses here decide on the device, for all ground truths at once.
"""

from collections.abc import Mapping
from typing import Any

import torch
from mmdet.models.task_modules.assigners import AssignResult, MaxIoUAssigner
from mmdet.models.task_modules.samplers import PseudoSampler, SamplingResult
from mmdet.registry import TASK_UTILS
from torch import Tensor
from torch.nn import functional as F

from rankdet.losses import device

STAGES = ("rpn", "rcnn")  # keys of `train_cfg` that have an assigner of their own


def use(model: dict[str, Any]) -> None:
    """Puts the subclasses of this module where a model's config has mmdet's classes.

    Args:
        model: mmdet's config of the model; its `train_cfg` is changed.
    """
    settings = model.get("train_cfg") or {}
    stages = [settings, *(settings[name] for name in STAGES if name in settings)]
    for stage in stages:
        for part in stage if isinstance(stage, list) else [stage]:
            _use_in(part)


def _use_in(settings: dict[str, Any]) -> None:
    ours = {
        "assigner": {"MaxIoUAssigner": MatchAllAtOnce.__name__},
        "sampler": {"PseudoSampler": EverySample.__name__},
    }
    if isinstance(settings.get("assigner"), Mapping):
        settings.setdefault("sampler", {"type": "PseudoSampler"})  # as mmdet's heads do
    for key, names in ours.items():
        part = settings.get(key)
        if isinstance(part, Mapping) and part.get("type") in names:
            settings[key] = {**part, "type": names[part["type"]]}


@TASK_UTILS.register_module()
class MatchAllAtOnce(MaxIoUAssigner):
    """mmdet's `MaxIoUAssigner` with the same arguments and results, for which no host waits.

    On a CPU nothing waits, and mmdet's own loop is as fast: it runs there.
    """

    def assign_wrt_overlaps(self, overlaps: Tensor, gt_labels: Tensor) -> AssignResult:
        """Assigns each box to a ground truth, to the background or to nothing.

        Args:
            overlaps: (G, N) IoUs of ground truths and boxes; -1 in columns of ignored boxes.
            gt_labels: (G,) class indices.

        Returns:
            mmdet's result. `gt_inds` (N,) int64: 1 and more for a ground truth, 0 for the
            background, -1 for nothing. `max_overlaps` (N,). `labels` (N,) int64, -1 without a
            ground truth.
        """
        if device.on_cpu(overlaps) or not overlaps.numel():
            return super().assign_wrt_overlaps(overlaps, gt_labels)
        best, nearest = overlaps.max(dim=0)
        found = torch.full_like(nearest, -1).masked_fill_(self._is_background(best), 0)
        found = torch.where(best >= self.pos_iou_thr, nearest.add_(1), found)
        if self.match_low_quality:
            last = self._last_to_claim(overlaps)
            found = torch.where(last > 0, last, found)
        label_of = F.pad(gt_labels.long(), (1, 0), value=-1)  # 0 and -1 have no ground truth
        labels = label_of[found.clamp(min=0)]
        return AssignResult(len(overlaps), gt_inds=found, max_overlaps=best, labels=labels)

    def _is_background(self, best: Tensor) -> Tensor:
        """Returns for which largest IoUs (N,) a box is background. -1 is an ignored box."""
        limits = self.neg_iou_thr
        if isinstance(limits, float):
            limits = (0, limits)
        if not isinstance(limits, tuple):  # mmdet then has no background
            return torch.zeros_like(best, dtype=torch.bool)
        low, high = limits
        return (best >= low) & (best < high)

    def _last_to_claim(self, overlaps: Tensor) -> Tensor:
        """Returns the last ground truth that claims each box as its best (N,), 0 if none does.

        A ground truth claims its best boxes if their IoU is at least `min_pos_iou`: all of them, or
        the first without `gt_max_assign_all`. Ground truths are counted from 1.
        """
        highest, best_box = overlaps.max(dim=1)
        claims = highest >= self.min_pos_iou
        numbers = torch.arange(1, len(overlaps) + 1, device=overlaps.device)
        if not self.gt_max_assign_all:
            nobody = numbers.new_zeros(overlaps.shape[1])
            return nobody.scatter_reduce(0, best_box, numbers * claims, "amax")
        wanted = torch.where(claims, highest, torch.nan)  # NaN equals nothing
        hits = overlaps == wanted[:, None]
        small = torch.int16 if len(overlaps) < 2**15 else torch.int64
        return torch.where(hits, numbers.to(small)[:, None], 0).amax(0).long()


@TASK_UTILS.register_module()
class EverySample(PseudoSampler):
    """mmdet's `PseudoSampler`, which takes every box, with half of its waits.

    The indices of true elements are distinct and ascending, so they need no `unique`.
    """

    def sample(
        self, assign_result: Any, pred_instances: Any, gt_instances: Any, *args: Any, **kwargs: Any
    ) -> SamplingResult:
        """Returns the positives and the negatives of one image, as mmdet's sampler does."""
        boxes = pred_instances.priors
        positive, negative = (
            mask.nonzero().squeeze(1)
            for mask in (assign_result.gt_inds > 0, assign_result.gt_inds == 0)
        )
        return SamplingResult(
            pos_inds=positive,
            neg_inds=negative,
            priors=boxes,
            gt_bboxes=gt_instances.bboxes,
            assign_result=assign_result,
            gt_flags=boxes.new_zeros(len(boxes), dtype=torch.uint8),
            avg_factor_with_neg=False,
        )
