"""Operations that have a faster form on a CPU than on a GPU."""

import torch
from torch import Tensor


def on_cpu(values: Tensor) -> bool:
    """Whether values are in the host's memory; reading them from a GPU waits for the device."""
    return values.device.type == "cpu"


def where_true(mask: Tensor) -> Tensor:
    """Returns the indices of the true elements of a flat mask, int64.

    On a CPU this is much faster than ``nonzero`` when few elements are true.
    """
    whole = len(mask) - len(mask) % 8
    if not on_cpu(mask) or whole == 0:
        return mask.nonzero().squeeze(1)
    words = mask[:whole].view(torch.int64).nonzero()  # 8 flags at a time
    flags = mask[:whole].view(-1, 8)[words.squeeze(1)].nonzero()
    found = words[flags[:, 0], 0] * 8 + flags[:, 1]
    return torch.cat([found, mask[whole:].nonzero().squeeze(1) + whole])
