"""The functions of `mmcv._ext` that the benchmark uses. All others raise an error when called."""

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
    """An operation was called that exists only in a compiled mmcv."""


def unsupported(name: str) -> Callable[..., NoReturn]:
    """Returns a function that raises UnsupportedOpError when it is called.

    `mmcv.ops` imports every name of `mmcv._ext`, so every name must exist.
    """
    if name.startswith("__"):
        raise AttributeError(name)

    def missing(*_args: Any, **_kwargs: Any) -> NoReturn:
        raise UnsupportedOpError(
            f"mmcv operation {name!r} has no PyTorch version here: use a model without it, or "
            "install a compiled mmcv 2.1.0 instead of mmcv-lite"
        )

    missing.__name__ = name
    return missing
