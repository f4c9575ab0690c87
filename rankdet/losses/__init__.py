"""Ranking-based losses for object detection: exact, fast, and pure PyTorch.

`functional` has the losses as functions; here they are modules under the field's names, together
with box parts, balances and `Criterion`, which puts the three together.
"""

from rankdet.losses import functional
from rankdet.losses.balance import Balance, build_balance
from rankdet.losses.boxes import BoxLoss, build_box
from rankdet.losses.criterion import Criterion
from rankdet.losses.error_driven_loss import ErrorDrivenRankingLoss
from rankdet.losses.modules import (
    ALRPLoss,
    APELoss,
    APLoss,
    DRLoss,
    PairwiseErrorLoss,
    RankSortLoss,
)
from rankdet.losses.ndcg import NDCGLoss
from rankdet.losses.problem import FlatProblem
from rankdet.losses.ranks import Ranking

__all__ = [
    "ALRPLoss",
    "APELoss",
    "APLoss",
    "Balance",
    "BoxLoss",
    "Criterion",
    "DRLoss",
    "ErrorDrivenRankingLoss",
    "FlatProblem",
    "NDCGLoss",
    "PairwiseErrorLoss",
    "RankSortLoss",
    "Ranking",
    "build_balance",
    "build_box",
    "functional",
]
