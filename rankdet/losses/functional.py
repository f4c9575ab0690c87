"""The ranking losses as functions of plain tensors, with autograd support.

They take logits of any shape and floating dtype, on CPU or CUDA. Half-precision logits are computed
in float32, under autocast too.
"""

from rankdet.losses.alrp import alrp_loss
from rankdet.losses.ap import ap_loss
from rankdet.losses.ape import ape_loss
from rankdet.losses.dr import dr_loss
from rankdet.losses.ndcg import ndcg_loss
from rankdet.losses.pairwise import pairwise_error_loss
from rankdet.losses.rank_sort import rank_sort_loss

__all__ = [
    "alrp_loss",
    "ap_loss",
    "ape_loss",
    "dr_loss",
    "ndcg_loss",
    "pairwise_error_loss",
    "rank_sort_loss",
]
