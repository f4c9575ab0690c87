"""Ranking-based losses for object detection: exact, fast, pure PyTorch.

- Functions: `rankdet.losses.functional`. They take tensors and return scalars.
- Modules: `APLoss`, `ALRPLoss`, `RankSortLoss`, ... are the same losses as `nn.Module`.
- `Criterion` combines a classification part, a box part (`BoxLoss`) and a `Balance` into the losses
  of a detector.
- `FlatProblem` is one batch of a detector as flat tensors; a loss gets it in `terms(problem)`.
- `flat_labels` makes labels from class indices.
- `ErrorDrivenRankingLoss` is the base class for a new ranking loss.

Example:
    >>> import torch
    >>> from rankdet.losses import APLoss
    >>> logits = torch.tensor([2.0, -1.0, 0.5], requires_grad=True)
    >>> labels = torch.tensor([1, 0, -1])  # positive, negative, ignored
    >>> APLoss()(logits, labels).backward()
"""

try:
    import torch  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    message = "rankdet.losses needs PyTorch, which is not installed: pip install torch"
    raise ModuleNotFoundError(message, name="torch") from None

from rankdet.losses import functional
from rankdet.losses.balance import (
    Balance,
    ConstantBalance,
    GradientMagnitudeBalance,
    SelfBalanceEpoch,
    SelfBalanceIteration,
    build_balance,
)
from rankdet.losses.box_errors import pairwise_giou, pairwise_iou
from rankdet.losses.boxes import BoxLoss, build_box
from rankdet.losses.class_labels import flat_labels
from rankdet.losses.criterion import Criterion
from rankdet.losses.error_driven_loss import ErrorDrivenRankingLoss
from rankdet.losses.flat_problem import FlatProblem
from rankdet.losses.modules import ALRPLoss, APLoss, RankSortLoss
from rankdet.losses.ndcg import NDCGLoss
from rankdet.losses.pair_modules import APELoss, DRLoss, PairwiseErrorLoss
from rankdet.losses.ranking_loss import RankingLoss
from rankdet.losses.ranks import Ranking

__all__ = [
    "ALRPLoss",
    "APELoss",
    "APLoss",
    "Balance",
    "BoxLoss",
    "ConstantBalance",
    "Criterion",
    "DRLoss",
    "ErrorDrivenRankingLoss",
    "FlatProblem",
    "GradientMagnitudeBalance",
    "NDCGLoss",
    "PairwiseErrorLoss",
    "RankSortLoss",
    "Ranking",
    "RankingLoss",
    "SelfBalanceEpoch",
    "SelfBalanceIteration",
    "build_balance",
    "build_box",
    "flat_labels",
    "functional",
    "pairwise_giou",
    "pairwise_iou",
]
