"""torchvision's kernels, if torchvision is installed and loads. It is optional.

Its NMS is used on every device. Its RoIAlign and deformable convolution are used on GPUs only: on
a CPU, training with the versions here was 2 to 13 times as fast
(`docs/decisions/001-ops-without-a-compiler.md`).
"""

import functools
import importlib
import importlib.util
import os
from types import ModuleType

import torch
from torch import Tensor

ON_GPU = (
    "roi_align_forward",
    "roi_align_backward",
    "deform_conv_forward",
    "deform_conv_backward_input",
    "deform_conv_backward_parameters",
    "modulated_deform_conv_forward",
    "modulated_deform_conv_backward",
)


@functools.cache
def load() -> tuple[ModuleType | None, str | None]:
    """Imports `torchvision.ops` once; returns it, or the first line of its import error."""
    if importlib.util.find_spec("torchvision") is None:
        return None, None
    try:
        return importlib.import_module("torchvision.ops"), None
    except Exception as error:  # a build for another torch raises RuntimeError, OSError, ...
        return None, (str(error).strip() or type(error).__name__).splitlines()[0]


def kernels() -> ModuleType | None:
    """Returns `torchvision.ops`, or None if it is absent, broken or switched off.

    The environment variable `RANKDET_OPS=pytorch` switches it off, so that every machine does the
    same arithmetic.
    """
    return None if os.environ.get("RANKDET_OPS") == "pytorch" else load()[0]


def gpu_kernels(tensor: Tensor) -> ModuleType | None:
    """Returns `kernels()` for a tensor on a GPU, otherwise None."""
    return kernels() if tensor.is_cuda else None


def served() -> tuple[str, ...]:
    """Returns the operations that torchvision computes on this machine's best device."""
    if kernels() is None:
        return ()
    return ("nms", *ON_GPU) if torch.cuda.is_available() else ("nms",)


def import_error() -> str | None:
    """Returns the import error of an installed torchvision as one line, or None."""
    return load()[1]
