"""The input of a criterion: one batch of a detector as flat tensors, without levels or images."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from rankdet.losses.arguments import kind_of
from rankdet.losses.problem_checks import check_problem, rows_of

QUALITIES = ("iou", "dice", "mean", "binary")  # continuous labels of positives


@dataclass
class FlatProblem:
    """One batch: the logits and labels of A anchors (or points) and the boxes of P positives.

    Attributes:
        logits: (A, C).
        labels: (A,) integers: class index in [0, C), or C for background; int64 afterwards. Where
            `ignore` is true, any integer.
        ignore: (A,) bool.
        pred_boxes: (P, 4) xyxy of the positives (``labels < C`` and not ignored) in order of
            appearance, differentiable.
        target_boxes: (P, 4) xyxy.
        extras: optional entries:
            ``anchors`` (P, 4), ``pred_deltas`` (P, 4), ``target_deltas`` (P, 4),
            ``centerness_targets`` (P,), ``image_index`` (A,),
            ``avg_factor``: the divisor of sums over positives, ≥ 1,
            ``cls_avg_factor``: the divisor of the classification loss, if it differs,
            ``dice`` (P,): Dice coefficients of the masks,
            ``mask_errors`` (P,): differentiable errors of the masks,
            ``background_logits`` (A, 1): the background class of a softmax,
            ``positives`` (P,): the indices of the positives, which are searched for otherwise. On a
            GPU the host waits for such a search.
            Other entries are yours, for ``terms(problem)``; a name that is nearly one of these is
            an error.
        ious: (P,) IoU of predicted and target boxes, without gradient. For detectors without boxes:
            the Dice coefficients of the masks.
        box_errors: (P,) differentiable errors of the box part.
        error_range: the largest possible box error; None if it is unbounded.
        divisor: what the ranking part was divided by (scalar ≥ 0); None if that is P.

    `Criterion` makes it and sets `ious`, `box_errors` and `error_range`. A loss that needs more
    than logits and labels reads it in its method ``terms(problem)``.

    Raises:
        TypeError: An input is not a tensor, or has a wrong dtype.
        ValueError: A shape or a device does not match, or a class is out of range (on a CPU; on a
            GPU only with RANKDET_CHECKS=on).
        ValueError: On use: the number of boxes is not that of the positive labels, or a loss needs
            an entry of `extras` that is missing.

    Example:
        >>> logits = torch.zeros(3, 2, requires_grad=True)  # 3 anchors, 2 classes
        >>> classes = torch.tensor([1, 2, 0])  # class 1, background, class 0 (but ignored)
        >>> ignore = torch.tensor([False, False, True])
        >>> box = torch.tensor([[0.0, 0.0, 8.0, 8.0]])
        >>> problem = FlatProblem(logits, classes, ignore, box, box)
        >>> problem.n_positives, problem.flat_labels.tolist()
        (1, [0, 1, 0, 0, -1, -1])
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
    divisor: Tensor | None = None

    def __post_init__(self) -> None:
        """Checks the inputs: without reading a value, except the classes on a CPU."""
        parts = (self.logits, self.labels, self.ignore, self.pred_boxes, self.target_boxes)
        check_problem(*parts, self.extras)
        self.labels = self.labels.long()

    @property
    def n_positives(self) -> int:
        """P, the number of positives."""
        return len(self.pred_boxes)

    @cached_property
    def positives(self) -> Tensor:
        """(P,) int64 indices of the positives among the anchors."""
        found = self.extras.get("positives")
        if found is None:
            found = ((self.labels < self.logits.shape[1]) & ~self.ignore).nonzero().squeeze(1)
        if len(found) != self.n_positives:
            raise ValueError(
                f"pred_boxes have {rows_of(self.n_positives)}, but {len(found)} labels are positive"
            )
        return found.long()

    def of_positives(self, name: str) -> Tensor:
        """Returns `ious` or `box_errors`, (P,).

        Raises:
            ValueError: It has not been set, or has another length.
        """
        values: Tensor = getattr(self, name)
        if tuple(values.shape) != (self.n_positives,):
            raise ValueError(
                f"the problem has {values.numel()} {name} for {self.n_positives} positives; "
                "a Criterion sets them, otherwise set them to BoxLoss.quality and BoxLoss.errors"
            )
        return values

    @cached_property
    def positive_logits(self) -> Tensor:
        """(P,) the logit of each positive for its target class."""
        return self.logits[self.positives, self.labels[self.positives]]

    @property
    def flat_logits(self) -> Tensor:
        """(A * C,) logits, anchor by anchor."""
        return self.logits.reshape(-1)

    @cached_property
    def flat_labels(self) -> Tensor:
        """(A * C,) int8: 1 positive, 0 negative, -1 ignored (all classes of an ignored anchor)."""
        n_classes = self.logits.shape[1]
        # `repeat` copies. `expand` would not for one anchor: all its classes share one number.
        flat = self.ignore.to(torch.int8).neg()[:, None].repeat(1, n_classes).reshape(-1)
        flat[self.positives * n_classes + self.labels[self.positives]] = 1
        return flat

    @cached_property
    def flat_targets(self) -> Tensor:
        """(A * C,) float32: as `flat_labels`, but a positive has its IoU instead of 1."""
        return self._with_quality(self.of_positives("ious"))

    def _with_quality(self, values: Tensor) -> Tensor:
        values = values.nan_to_num(0.0)  # a NaN box shows in the box loss, which is NaN as well
        flat = self.flat_labels.float()
        n_classes = self.logits.shape[1]
        flat[self.positives * n_classes + self.labels[self.positives]] = values.float()
        return flat

    def flat_quality_targets(self, quality: str) -> Tensor:
        """Returns (A * C,) float32: as `flat_labels`, but a positive has its quality instead of 1.

        Args:
            quality: "iou" of the box, "dice" of the mask (``extras["dice"]``), "mean" of both, or
                "binary" (1).

        Raises:
            ValueError: The quality is unknown, or it needs masks, which the detector does not have.
        """
        if quality not in QUALITIES:
            raise ValueError(f"labels are {quality!r}; known are {', '.join(QUALITIES)}")
        if quality == "iou":
            return self.flat_targets
        if quality == "binary":
            return self.flat_labels.float()
        if "dice" not in self.extras:
            raise ValueError(
                f"labels {quality!r} need the Dice coefficients of masks; pass 'dice' (P,) in "
                "`extras=`, as detectors of masks do"
            )
        dice = self.extras["dice"].float()
        return self._with_quality(
            dice if quality == "dice" else (dice + self.of_positives("ious").float()) / 2
        )

    @cached_property
    def flat_images(self) -> Tensor:
        """(A * C,) the image index of each logit."""
        if "image_index" not in self.extras:
            raise ValueError("per_image=True needs 'image_index' (A,); pass it in `extras=`")
        return self.extras["image_index"].repeat_interleave(self.logits.shape[1])

    @property
    def avg_factor(self) -> Tensor | float:
        """The divisor of sums over positives: ``extras["avg_factor"]``, or P (at least 1)."""
        given = self.extras.get("avg_factor")
        return max(self.n_positives, 1) if given is None else given


def require_problem(value: Any) -> None:
    """Checks the argument of ``terms(problem)`` and of a box part.

    Raises:
        TypeError: It is not a `FlatProblem`.
    """
    if not isinstance(value, FlatProblem):
        raise TypeError(f"problem is {kind_of(value)}; give a FlatProblem")
