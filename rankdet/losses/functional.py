"""The ranking losses as functions: plain tensors in, autograd out.

Any floating dtype, CPU or CUDA, any batch of flattened logits; under autocast too (half-precision
logits are computed with in float32).
"""

from rankdet.losses.alrp import alrp_loss
from rankdet.losses.ap import ap_loss

__all__ = ["alrp_loss", "ap_loss"]
