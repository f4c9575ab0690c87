"""The form of an operation that a device gets: for a CPU, for a GPU, or as a fused kernel."""

import os
import re
from functools import cache
from importlib import metadata
from importlib.util import find_spec

import torch
from torch import Tensor

KERNELS = "RANKDET_KERNELS"  # environment variable: a value of the list in `fused`
CHECKS = "RANKDET_CHECKS"  # environment variable: a value of the list in `checked`
INTERPRETER = "TRITON_INTERPRET"  # environment variable of Triton, read when it is imported
OLDEST_TRITON = (3, 6)
READ = (torch.float32, torch.float16, torch.bfloat16)  # dtypes that the kernels read


def on_cpu(values: Tensor) -> bool:
    """Whether values are in the host's memory; reading them from a GPU waits for the device."""
    return values.device.type == "cpu"


def checked(values: Tensor) -> bool:
    """Whether the values of labels, targets and errors are checked.

    The environment variable RANKDET_CHECKS decides:

    - `auto` (default): on a CPU only. On a GPU the host would have to wait;
    - `on`: everywhere: for a first run on a GPU, not for measuring or CUDA graphs;
    - `off`: nowhere.

    Raises:
        ValueError: RANKDET_CHECKS has another value.
    """
    mode = _mode(CHECKS)
    return mode == "on" or (mode == "auto" and on_cpu(values))


def _mode(variable: str) -> str:
    """Returns auto, on or off. An empty value counts as not set."""
    mode = os.environ.get(variable) or "auto"
    if mode not in ("auto", "on", "off"):
        raise ValueError(f"{variable} is {mode!r}; use auto, on or off")
    return mode


def check_variables(device: str) -> None:
    """Checks RANKDET_KERNELS and RANKDET_CHECKS before any loss is computed.

    Args:
        device: The type of the device that will compute: `cpu` or `cuda`.

    Raises:
        ValueError: A variable has a value that is not known, or the kernels cannot run.
    """
    _mode(CHECKS)
    if _mode(KERNELS) == "on":
        _check_kernels(device)


def _check_kernels(device: str) -> None:
    """Raises ValueError if RANKDET_KERNELS=on asks for kernels that cannot run."""
    if find_spec("triton") is None:
        raise ValueError(f"{KERNELS} is 'on', but Triton is not installed; set it to auto")
    if device == "cpu" and not interpreted():
        raise ValueError(
            f"{KERNELS} is 'on', but on a CPU the kernels need Triton's interpreter: start Python "
            f"with {INTERPRETER}=1, or set {KERNELS} to auto"
        )


def interpreted() -> bool:
    """Whether Triton's interpreter runs the kernels, which needs no GPU."""
    return os.environ.get(INTERPRETER, "").lower() in ("1", "true", "on", "yes", "y")


@cache
def has_triton() -> bool:
    """Whether Triton is installed; it comes with PyTorch for CUDA on Linux.

    An older Triton than the one the kernels were measured with does not count.
    """
    if find_spec("triton") is None:
        return False
    try:
        found = re.findall(r"\d+", metadata.version("triton"))
    except metadata.PackageNotFoundError:
        return True
    return tuple(map(int, found[:2])) >= OLDEST_TRITON


def fused(logits: Tensor) -> bool:
    """Whether the fused kernels of `rankdet.losses.kernels` compute a loss of these logits.

    The environment variable RANKDET_KERNELS decides:

    - `auto` (default): on CUDA, if Triton is installed;
    - `off`: never;
    - `on`: always, on a CPU too, where Triton's interpreter is needed (TRITON_INTERPRET=1). It is
      slow and meant for tests.

    Float64 logits always take plain PyTorch: the kernels compute single elements in float32.

    Raises:
        ValueError: RANKDET_KERNELS has another value, or is `on` where the kernels cannot run.
    """
    mode = _mode(KERNELS)
    if mode == "off" or logits.dtype not in READ or logits.numel() == 0:
        return False
    if mode == "on":
        _check_kernels(logits.device.type)
    return mode == "on" or (logits.is_cuda and has_triton())


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
