"""The functions of `mmcv._ext`: those that the benchmark uses, and an error for the others."""

from collections.abc import Callable
from typing import Any, NoReturn

import torch

from rankdet.detectors.ops import carafe, deform_conv, focal, nms, roi_align
from rankdet.errors import InputError

OPS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        nms.nms,
        nms.softnms,
        nms.nms_match,
        roi_align.roi_align_forward,
        roi_align.roi_align_backward,
        focal.sigmoid_focal_loss_forward,
        focal.sigmoid_focal_loss_backward,
        deform_conv.deform_conv_forward,
        deform_conv.deform_conv_backward_input,
        deform_conv.deform_conv_backward_parameters,
        deform_conv.modulated_deform_conv_forward,
        deform_conv.modulated_deform_conv_backward,
        carafe.carafe_forward,
        carafe.carafe_backward,
    )
}
INFO: dict[str, Callable[[], str]] = {
    "get_compiler_version": lambda: "none (operations in PyTorch)",
    "get_compiling_cuda_version": lambda: torch.version.cuda or "not available",
}


class UnsupportedOpError(InputError, NotImplementedError):
    """A part of mmcv was called that exists only in a compiled mmcv."""


def unsupported(name: str) -> Callable[..., NoReturn]:
    """Returns a stand-in for an operation that is not written in PyTorch.

    `mmcv.ops` asks for every name when it is imported, so the name must exist; calling it raises.
    """
    if name.startswith("__"):
        raise AttributeError(name)

    def missing(*_args: Any, **_kwargs: Any) -> NoReturn:
        raise UnsupportedOpError(
            f"mmcv operation {name!r} was called, which has no PyTorch version here: use a model "
            "without it, or install a compiled mmcv 2.1.0 in place of mmcv-lite"
        )

    missing.__name__ = name
    return missing
