"""Small helpers for launching kernels."""

import torch
from torch import Tensor

MANY_LOGITS = 1 << 19  # with fewer, smaller blocks keep more of the GPU busy


def cdiv(a: int, b: int) -> int:
    """Returns a / b, rounded up."""
    return -(-a // b)


def power_of_two(count: int) -> int:
    """Returns the smallest power of 2 that is at least `count`, and at least 64."""
    return max(64, 1 << (count - 1).bit_length())


def aligned(count: int) -> int:
    """Rounds up to 16: Triton compiles a kernel again for pointers of another alignment."""
    return cdiv(count, 16) * 16


def block_of(n: int) -> int:
    """Returns the number of logits of a program, for n logits in all."""
    return 1024 if n >= MANY_LOGITS else 256


def collected_of(n: int) -> int:
    """Returns the number of labels of a program that collects positives.

    Such a program reads the counts of all others, so there must not be too many.
    """
    return 4096 if n >= MANY_LOGITS else 1024


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
