"""Small helpers for launching kernels."""

import torch
from torch import Tensor

BLOCK = 1024  # logits of a program
COLLECTED = 4096  # labels of a program that collects positives: each reads the counts of all
WARPS = 8  # of these programs


def cdiv(a: int, b: int) -> int:
    """Returns a / b, rounded up."""
    return -(-a // b)


def aligned(count: int) -> int:
    """Rounds up to 16: Triton compiles a kernel again for pointers of another alignment."""
    return cdiv(count, 16) * 16


def flat_labels(labels: Tensor) -> Tensor:
    """Returns flat labels of a type that Triton can read: uint8 for bool."""
    flat = labels.detach().contiguous().reshape(-1)
    return flat.view(torch.uint8) if flat.dtype == torch.bool else flat


def number_of_positives(labels: Tensor, soft: bool) -> int:
    """Returns the number of positives. The host waits for the device.

    Args:
        labels: 1 for a positive, or (soft) its quality, above 0.
        soft: whether labels are qualities.
    """
    return int((labels > 0 if soft else labels == 1).sum())
