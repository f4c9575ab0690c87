"""The errors of boxes that a box part may have: GIoU, IoU, L1, smooth L1, and Dice of masks."""

import torch
from torch import Tensor
from torch.nn import functional as F

from rankdet.losses.box_checks import check_box_pairs, check_corners
from rankdet.losses.flat_problem import FlatProblem

EPS = 1e-7


def pairwise_iou(boxes: Tensor, targets: Tensor) -> Tensor:
    """IoU of each box with its own target.

    Args:
        boxes: (P, 4) xyxy, any floating dtype. Computed in float32 at least.
        targets: (P, 4) xyxy.

    Returns:
        (P,) in [0, 1], float32 (float64 if one input is), differentiable in both inputs. A box with
        swapped corners has the area 0.

    Raises:
        TypeError: An input is not a tensor of numbers.
        ValueError: A shape or a device does not match, or a target has swapped corners (on a CPU;
            on a GPU only with RANKDET_CHECKS=on). Swapped corners of a box are a warning.
    """
    _check(boxes, targets)
    return _iou_and_union(*_same_dtype(boxes, targets))[0]


def pairwise_giou(boxes: Tensor, targets: Tensor) -> Tensor:
    """GIoU (Rezatofighi et al., CVPR 2019) of each box with its own target.

    Args:
        boxes: (P, 4) xyxy, any floating dtype. Computed in float32 at least.
        targets: (P, 4) xyxy.

    Returns:
        (P,) in [-1, 1], float32 (float64 if one input is), differentiable in both inputs.

    Raises:
        TypeError: As `pairwise_iou`.
        ValueError: As `pairwise_iou`.
    """
    _check(boxes, targets)
    boxes, targets = _same_dtype(boxes, targets)
    iou, union = _iou_and_union(boxes, targets)
    low, high = (
        torch.minimum(boxes[:, :2], targets[:, :2]),
        torch.maximum(boxes[:, 2:], targets[:, 2:]),
    )
    hull = (high - low).clamp(min=0).prod(1).clamp(min=EPS)
    return iou - (hull - union) / hull


def _check(boxes: Tensor, targets: Tensor) -> None:
    check_box_pairs("boxes", boxes, "targets", targets)
    check_corners(boxes, targets)


def _same_dtype(boxes: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    dtype = torch.promote_types(torch.promote_types(boxes.dtype, targets.dtype), torch.float32)
    return boxes.to(dtype), targets.to(dtype)


def _iou_and_union(boxes: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    low, high = (
        torch.maximum(boxes[:, :2], targets[:, :2]),
        torch.minimum(boxes[:, 2:], targets[:, 2:]),
    )
    overlap = (high - low).clamp(min=0).prod(1)
    union = (_area(boxes) + _area(targets) - overlap).clamp(min=EPS)
    return overlap / union, union


def _area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1)


class BoxError:
    """The error of each positive's box.

    Attributes:
        largest: The largest possible error; None if the error is unbounded.
    """

    largest: float | None = None

    def errors(self, problem: FlatProblem, beta: float) -> Tensor:
        """Returns the differentiable error of each positive: (P,).

        Args:
            problem: The batch.
            beta: The error at which smooth L1 changes from quadratic to linear.
        """
        raise NotImplementedError

    def quality(self, problem: FlatProblem) -> Tensor:
        """Returns the IoU of each positive's box: (P,), in [0, 1]."""
        return pairwise_iou(problem.pred_boxes, problem.target_boxes)


class GIoUError(BoxError):
    """1 - GIoU, in [0, 2]."""

    largest = 2.0

    def errors(self, problem: FlatProblem, beta: float) -> Tensor:
        """Returns the error of each positive: (P,)."""
        return 1 - pairwise_giou(problem.pred_boxes, problem.target_boxes)


class IoUError(BoxError):
    """1 - IoU, in [0, 1]."""

    largest = 1.0

    def errors(self, problem: FlatProblem, beta: float) -> Tensor:
        """Returns the error of each positive: (P,)."""
        return 1 - pairwise_iou(problem.pred_boxes, problem.target_boxes)


class L1Error(BoxError):
    """L1 distance of the encoded deltas, summed over the four coordinates."""

    def errors(self, problem: FlatProblem, beta: float) -> Tensor:
        """Returns the error of each positive: (P,)."""
        deltas, targets = _deltas(problem, "l1")
        return (deltas - targets).abs().sum(1)


class SmoothL1Error(BoxError):
    """Smooth L1 distance of the encoded deltas, summed over the four coordinates."""

    def errors(self, problem: FlatProblem, beta: float) -> Tensor:
        """Returns the error of each positive: (P,)."""
        deltas, targets = _deltas(problem, "smooth_l1")
        return F.smooth_l1_loss(deltas, targets, beta=beta, reduction="none").sum(1)


class DiceError(BoxError):
    """The error of each positive's mask, for detectors without boxes; in [0, 1]."""

    largest = 1.0

    def errors(self, problem: FlatProblem, beta: float) -> Tensor:
        """Returns the error of each positive: (P,)."""
        return required_extra(problem, "mask_errors", "dice").float()

    def quality(self, problem: FlatProblem) -> Tensor:
        """Returns the Dice coefficient of each positive's mask: (P,), in [0, 1]."""
        return required_extra(problem, "dice", "dice").float()


def _deltas(problem: FlatProblem, needed_by: str) -> tuple[Tensor, Tensor]:
    return (
        required_extra(problem, "pred_deltas", needed_by).float(),
        required_extra(problem, "target_deltas", needed_by).float(),
    )


def required_extra(problem: FlatProblem, name: str, needed_by: str) -> Tensor:
    """Returns one of a problem's extras.

    Raises:
        ValueError: It is missing.
    """
    if problem.extras.get(name) is None:
        shape = "(P, 4)" if name.endswith("deltas") else "(P,)"
        given = ", ".join(map(str, problem.extras)) or "nothing"
        raise ValueError(
            f"{needed_by} needs {name!r} {shape}, one row for each positive; pass it in `extras=`, "
            f"which has {given}"
        )
    return problem.extras[name]


# A run's fingerprint counts the class of its own box type only, so the values must be names.
BOX_ERRORS: dict[str, type[BoxError]] = {
    "giou": GIoUError,
    "iou": IoUError,
    "l1": L1Error,
    "smooth_l1": SmoothL1Error,
    "dice": DiceError,
}
